"""Many replies: each whole and for its own question, and no resources leaked."""

from __future__ import annotations

import gc
import os
import sys
import threading
import tracemalloc

import anyio
import pytest

from qwen_gradio import AsyncQwenClient, QwenGradioError

from ..conftest import Script, ScriptedSpace, eventually, our_threads

pytestmark = pytest.mark.full


async def test_load_sixty_concurrent_questions_get_their_own_replies(space: ScriptedSpace) -> None:
    scripts = [space.script(5, step=0.05) for _ in range(60)]
    answers: dict[str, str] = {}
    async with AsyncQwenClient(space.url) as client, anyio.create_task_group() as tasks:

        async def ask(script: Script) -> None:
            answers[script.name] = await client.ask(script.prompt)

        for script in scripts:
            tasks.start_soon(ask, script)
    assert answers == {script.name: script.final for script in scripts}


async def test_load_two_hundred_sequential_questions_are_answered(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        for _ in range(200):
            script = space.script(2, step=0)
            assert await client.ask(script.prompt) == script.final


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def _finished(client: AsyncQwenClient, space: ScriptedSpace) -> None:
    await client.ask(space.script(2, step=0).prompt)


async def _abandoned(client: AsyncQwenClient, space: ScriptedSpace) -> None:
    await anext(client.stream(space.script(1000).prompt))


async def _failed(client: AsyncQwenClient, space: ScriptedSpace) -> None:
    with pytest.raises(QwenGradioError):
        await client.ask(space.script(2, step=0, fail_at=1).prompt)


async def _cancelled(client: AsyncQwenClient, space: ScriptedSpace) -> None:
    with anyio.CancelScope() as scope:
        async for _ in client.stream(space.script(1000).prompt):
            scope.cancel()


def _threads() -> set[str]:
    """Their names, but for those that trio and asyncio keep for the tests' own waiting."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if not name.lower().startswith(("trio", "anyio", "asyncio"))}


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts open files as Linux shows them")
async def test_load_leaks_no_thread_task_socket_or_memory(space: ScriptedSpace) -> None:
    """A quarter of each kind: threads, tasks, sockets and memory are then where they were after the first ten."""
    kinds = (_finished, _abandoned, _failed, _cancelled)
    tracemalloc.start()
    try:
        async with AsyncQwenClient(space.url) as client:
            for number in range(10):
                await kinds[number % 4](client, space)
            assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())
            gc.collect()
            threads, files, memory = _threads(), _open_files(), tracemalloc.get_traced_memory()[0]
            tasks = len(anyio.get_running_tasks())
            for number in range(190):
                await kinds[number % 4](client, space)
            assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())
            gc.collect()
            assert _threads() <= threads
            assert len(anyio.get_running_tasks()) <= tasks
            assert _open_files() <= files + 1, "but for a connection more that is kept to be used again"
            # Coverage keeps a tracer for each thread that there ever was.
            assert tracemalloc.get_traced_memory()[0] < memory + 1_000_000 or "coverage" in sys.modules
    finally:
        tracemalloc.stop()

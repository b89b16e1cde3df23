from __future__ import annotations

import threading

import anyio
import pytest

from qwen_gradio.threads import Bell, DaemonThreads, finished


async def test_a_bell_rung_in_a_thread_is_heard() -> None:
    bell = Bell()
    for _ in range(3):
        threading.Thread(target=bell.ring).start()
        with anyio.fail_after(5):
            await bell.wait()


async def test_rings_before_the_wait_are_one() -> None:
    bell = Bell()
    for _ in range(100):
        bell.ring()
    with anyio.fail_after(5):
        await bell.wait()
    with anyio.move_on_after(0.05) as scope:
        await bell.wait()
    assert scope.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_bell_whose_loop_has_ended_is_silent(backend: str) -> None:
    bells: list[Bell] = []

    async def make() -> None:
        bells.append(Bell())

    anyio.run(make, backend=backend)
    bells[0].ring()
    bells[0].ring()


async def test_what_a_thread_returns_or_raises_is_given() -> None:
    threads = DaemonThreads()
    assert await finished(threads.submit(int, "3")) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        await finished(threads.submit(int, "x"))


def test_its_threads_hold_nobody_up() -> None:
    seen = DaemonThreads().submit(lambda: threading.current_thread().daemon)
    assert seen.result(timeout=5)

"""Leaving a reply early stops the Space's work, by whichever door; a real gradio 6 server tells."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from qwen_gradio import AsyncQwenClient, Reply, Timeouts, UsageError

from ..conftest import Script, ScriptedSpace, eventually

STEPS = 2000  # of 10 ms: it would go on for 20 s
A_SECOND = 100  # of those steps


async def _break_and_aclose(reply: Reply) -> None:
    async for _ in reply:
        break
    await reply.aclose()


async def _async_with(reply: Reply) -> None:
    async with reply:
        await anext(reply)


async def _cancelled_scope(reply: Reply) -> None:
    with anyio.CancelScope() as scope:
        async for _ in reply:
            scope.cancel()
    assert scope.cancelled_caught


async def _exception_in_the_loop_body(reply: Reply) -> None:
    async def read() -> None:
        async with reply:
            async for _ in reply:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()


async def _break_from_events(reply: Reply) -> None:
    async with reply:
        async for event in reply.events():
            if type(event).__name__ == "Fragment":
                break


async def _closed_by_another_task(reply: Reply) -> None:
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            async for _ in reply:
                pass

        tasks.start_soon(read)
        assert await anyio.to_thread.run_sync(eventually, lambda: reply.text != "")
        await reply.aclose()  # the reader's loop ends, as if all had been read


WAYS = [
    _break_and_aclose,
    _async_with,
    _cancelled_scope,
    _exception_in_the_loop_body,
    _break_from_events,
    _closed_by_another_task,
]


async def _stopped(script: Script) -> bool:
    return await anyio.to_thread.run_sync(eventually, script.stopped)


@pytest.mark.parametrize("leave", WAYS)
async def test_cancel_break_aclose_or_error_stops_only_that_reply(
    space: ScriptedSpace, leave: Callable[[Reply], Awaitable[None]]
) -> None:
    left, other = space.script(STEPS), space.script(60)
    answers = []
    async with AsyncQwenClient(space.url) as client, anyio.create_task_group() as tasks:

        async def ask_the_other() -> None:
            answers.append(await client.ask(other.prompt))

        tasks.start_soon(ask_the_other)
        reply = client.stream(left.prompt)
        await leave(reply)
        assert reply.text
        steps = left.count("step")
        assert await _stopped(left)
    assert left.count("closed") == 1, "the server closed its generator"
    assert left.count("step") <= steps + A_SECOND
    assert answers == [other.final]


async def test_cancel_break_without_aclose_stops_reply(space: ScriptedSpace) -> None:
    script = space.script(STEPS)
    async with AsyncQwenClient(space.url) as client:
        async for _ in client.stream(script.prompt):
            break
        assert await _stopped(script)


async def test_cancel_while_in_queue_never_starts_reply(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space("--at-once", "1")
    running, queued, last = space.script(STEPS), space.script(5), space.script(5)
    async with AsyncQwenClient(space.url) as client, client.stream(running.prompt) as first:
        await anext(first)
        async with client.stream(queued.prompt) as second:
            await anext(second.events())
        await first.aclose()
        assert await client.ask(last.prompt) == last.final
    assert queued.count("start") == 0


async def test_cancel_while_joining_stops_reply(space: ScriptedSpace) -> None:
    scripts = [space.script(STEPS) for _ in range(5)]
    async with AsyncQwenClient(space.url) as client:
        for wait, script in enumerate(scripts):
            with anyio.move_on_after(wait / 1000):
                await client.ask(script.prompt)
        for script in scripts:
            assert await _stopped(script)


async def test_client_aclose_cancels_all_replies(space: ScriptedSpace) -> None:
    scripts = [space.script(STEPS) for _ in range(3)]
    client = AsyncQwenClient(space.url)
    replies = [client.stream(script.prompt) for script in scripts]
    for reply in replies:
        await anext(reply)
    await client.aclose()
    for script in scripts:
        assert await _stopped(script)


async def test_cancel_aclose_while_connecting_sends_no_question(space: ScriptedSpace) -> None:
    script = space.script(5)
    client = AsyncQwenClient(space.url)
    reply = client.stream(script.prompt)
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            assert [fragment async for fragment in reply] == []

        tasks.start_soon(read)
        await anyio.lowlevel.checkpoint()
        await reply.aclose()
    await client.aclose()
    assert script.count("start") == 0


@pytest.mark.usefixtures("some_hooks")
async def test_cancel_while_connecting_again_spares_other_reply(space: ScriptedSpace) -> None:
    other = space.script(30)
    answers = []
    async with AsyncQwenClient(space.url) as client, anyio.create_task_group() as tasks:

        async def ask_the_other() -> None:
            answers.append(await client.ask(other.prompt))

        tasks.start_soon(ask_the_other)
        await anyio.sleep(0.1)
        with anyio.move_on_after(0.001) as scope:  # a second Client has to be connected first
            await client.ask(space.script(3).prompt)
        assert scope.cancel_called
    assert answers == [other.final]


async def test_event_loop_change_mid_reply_raises_usage_error(space: ScriptedSpace) -> None:
    """And not taken for the end: the loop that ended has closed what was begun in it."""
    script = space.script(2000)
    client = AsyncQwenClient(space.url)

    def elsewhere(begun: Any) -> str:
        async def begin() -> None:
            await anext(begun)

        async def go_on() -> None:
            await anext(begun)

        anyio.run(begin)
        with pytest.raises(UsageError, match="an event loop that has ended"):
            anyio.run(go_on)
        return "told"

    reply = client.stream(script.prompt)
    assert await anyio.to_thread.run_sync(elsewhere, reply) == "told"
    await client.aclose()
    assert await anyio.to_thread.run_sync(eventually, script.stopped)


async def test_cancel_aclose_by_another_task_while_connecting_ends_reader() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = AsyncQwenClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeouts=Timeouts(connect=None))
        reply = client.stream("hi")
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:

                async def read() -> None:
                    assert [fragment async for fragment in reply] == []

                tasks.start_soon(read)
                peer, _ = await anyio.to_thread.run_sync(silent.accept)
                await reply.aclose()
        peer.close()
        await client.aclose()

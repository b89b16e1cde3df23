"""Every wait has its deadline, and every reply its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from qwen_gradio import AsyncQwenClient, DeadlineExceeded, InvalidOption, ReplyTooLong, Timeouts

from ..conftest import ScriptedSpace, eventually


async def _failed(space: ScriptedSpace, prompt: str, **timeouts: float) -> DeadlineExceeded:
    """Ask, and give the deadline that passed; the minute bounds a failing test, and are no measure."""
    with anyio.fail_after(60):
        async with AsyncQwenClient(space.url, timeouts=Timeouts(**timeouts)) as client:
            with pytest.raises(DeadlineExceeded) as caught:
                await client.ask(prompt)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.space == space.url
    return caught.value


async def test_timeout_queue_raises_deadline_exceeded(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space("--at-once", "1")
    first, second = space.script(1000), space.script(3)
    async with AsyncQwenClient(space.url) as client, client.stream(first.prompt) as running:
        await anext(running)
        late = await _failed(space, second.prompt, queue=0.5)
    assert (late.deadline, late.partial) == ("queue", "")
    assert "the question waited in the queue for 0.5 s" in str(late)
    assert second.count("start") == 0


async def test_timeout_first_raises_deadline_exceeded(space: ScriptedSpace) -> None:
    late = await _failed(space, space.script(3, quiet_at=0).prompt, first=0.5, silence=0.1)
    assert (late.deadline, late.partial) == ("first", "")


async def test_timeout_silence_raises_and_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(3, quiet_at=1)
    late = await _failed(space, script.prompt, silence=0.5)
    assert (late.deadline, late.partial) == ("silence", f"{script.name}-0 ")
    assert await anyio.to_thread.run_sync(eventually, script.stopped)


async def test_timeout_total_raises_and_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(2000)
    late = await _failed(space, script.prompt, total=1)
    assert late.deadline == "total"
    assert late.partial.startswith(f"{script.name}-0 {script.name}-1 ")
    assert await anyio.to_thread.run_sync(eventually, script.stopped)


async def test_timeout_slow_reader_does_not_expire(space: ScriptedSpace) -> None:
    script = space.script(4, step=0)
    async with AsyncQwenClient(space.url, timeouts=Timeouts(silence=0.4)) as client:
        reply = client.stream(script.prompt)
        text = await anext(reply)
        assert await anyio.to_thread.run_sync(eventually, lambda: script.count("final") == 1)
        await anyio.sleep(0.5)
        async for fragment in reply:
            text += fragment
            await anyio.sleep(0.5)
    assert text == script.final


async def test_timeout_none_is_accepted(space: ScriptedSpace) -> None:
    timeouts = Timeouts(connect=None, queue=None, first=None, silence=None, total=None)
    async with AsyncQwenClient(space.url, timeouts=timeouts) as client:
        assert "hi" in await client.ask("hi")


@pytest.mark.parametrize("name", ["connect", "queue", "first", "silence", "total"])
@pytest.mark.parametrize("seconds", [0, -1, "soon"])
def test_timeout_invalid_raises_invalid_option(name: str, seconds: Any) -> None:
    with pytest.raises(InvalidOption, match=f"a number of seconds above 0, or None, for {name}"):
        Timeouts(**{name: seconds})


async def test_max_reply_chars_exceeded_raises_and_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(["12345", "1234567890", "12345678901"] + ["x" * n for n in range(12, 2000)])
    async with AsyncQwenClient(space.url, max_reply_chars=10) as client:
        with pytest.raises(ReplyTooLong, match="longer than 10 characters") as caught:
            await client.ask(script.prompt)
    assert caught.value.partial == "1234567890"
    assert await anyio.to_thread.run_sync(eventually, script.stopped)


@pytest.mark.parametrize("most", [0, -1, 1.5, None])
def test_max_reply_chars_invalid_raises_invalid_option(most: Any) -> None:
    with pytest.raises(InvalidOption, match="a whole number from 1 for max_reply_chars"):
        AsyncQwenClient(max_reply_chars=most)

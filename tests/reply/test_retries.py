"""Trying again before the first fragment, and never after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
import stamina

from qwen_gradio import (
    AppRaised,
    AsyncQwenClient,
    ConnectionLost,
    DeadlineExceeded,
    EmptyReply,
    InvalidOption,
    QueueFull,
    QwenClient,
    RateLimited,
    SpaceUnavailable,
    Timeouts,
)
from qwen_gradio.reply.retries import Retries

from ..conftest import ScriptedSpace, eventually
from ..servers import proxy, wrong_server

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def without_pause(at_once: None) -> Iterator[None]:  # noqa: ARG001 - after it
    """Trying again, as it is to users, but for the pauses."""
    stamina.set_active(True)
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def with_pauses(at_once: None) -> None:  # noqa: ARG001 - after it
    stamina.set_active(True)


@pytest.mark.usefixtures("without_pause")
async def test_retry_503_succeeds_on_third_attempt(space: ScriptedSpace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "qwen_gradio")
    script = space.script(3)
    # gradio_client asks for two pages before it gives up on one that isn't there.
    with proxy.refusing(space.url, [UNAVAILABLE] * 4) as url:
        client = AsyncQwenClient(url, retries=2)
        fragments = [fragment async for fragment in client.stream(script.prompt)]
        await client.aclose()
    assert "".join(fragments) == script.final
    assert caplog.text.count("trying again") == 2
    assert "HTTP 503" in caplog.text


@pytest.mark.usefixtures("without_pause")
@pytest.mark.parametrize("retries", [0, 1])
async def test_retry_503_stops_after_last_attempt(space: ScriptedSpace, requests: list[str], retries: int) -> None:
    with proxy.refusing(space.url, [UNAVAILABLE] * 99) as url, pytest.raises(SpaceUnavailable) as caught:
        await AsyncQwenClient(url, retries=retries).ask("hi")
    assert caught.value.space == url
    assert len(requests) == 2 * (retries + 1)


@pytest.mark.usefixtures("without_pause")
async def test_retry_empty_reply_is_asked_again(space: ScriptedSpace) -> None:
    script = space.script([""])
    async with AsyncQwenClient(space.url, retries=2) as client:
        with pytest.raises(EmptyReply):
            await client.ask(script.prompt)
    assert script.count("start") == 3


@pytest.mark.usefixtures("without_pause")
async def test_retry_app_error_is_not_retried(space: ScriptedSpace) -> None:
    script = space.script(3, fail_at=0)
    async with AsyncQwenClient(space.url, retries=2) as client:
        with pytest.raises(AppRaised):
            await client.ask(script.prompt)
    assert script.count("start") == 1


@pytest.mark.usefixtures("without_pause")
async def test_retry_lost_connection_mid_stream_is_not_retried(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space()
    script = space.script(10_000)
    async with AsyncQwenClient(space.url, retries=2) as client, client.stream(script.prompt) as reply:
        await anext(reply)
        space.process.kill()
        with pytest.raises(ConnectionLost) as caught:
            async for _ in reply:
                pass
    assert caught.value.partial == reply.text
    assert script.count("start") == 1


def test_retry_after_short_is_honoured() -> None:
    retries = Retries(4)
    assert retries.delay(QueueFull("full")) is True
    assert retries.delay(RateLimited("busy", retry_after=7)) == 7
    assert retries.delay(RateLimited("busy", retry_after=3600)) is False
    assert retries.delay(ValueError("not ours")) is False
    assert [bool(retries.delay(QueueFull("full"))) for _ in range(3)] == [True, True, False]


@pytest.mark.usefixtures("with_pauses")
async def test_retry_backoff_cancel_ends_wait() -> None:
    async with AsyncQwenClient(NOBODY, retries=9).stream("hi") as reply:
        with anyio.fail_after(60), anyio.move_on_after(1) as scope:
            await anext(reply)
    assert scope.cancelled_caught


@pytest.mark.usefixtures("with_pauses")
async def test_timeout_total_during_retry_backoff_raises_deadline_exceeded() -> None:
    with anyio.fail_after(60), pytest.raises(DeadlineExceeded, match="not complete after 1 s") as caught:
        await AsyncQwenClient(NOBODY, retries=9, timeouts=Timeouts(total=1)).ask("hi")
    assert caught.value.deadline == "total"


@pytest.mark.usefixtures("without_pause")
async def test_client_ask_after_503_succeeds(space: ScriptedSpace) -> None:
    with proxy.refusing(space.url, [UNAVAILABLE] * 2) as url:
        client = AsyncQwenClient(url, retries=0)
        reply = client.stream("hi")
        with pytest.raises(SpaceUnavailable):
            await anext(reply)
        assert [fragment async for fragment in reply] == []
        assert await client.ask("hi")
        await client.aclose()


@pytest.mark.parametrize("retries", [-1, 1.5, None, True])
def test_retry_invalid_retries_raises_invalid_option(retries: int) -> None:
    with pytest.raises(InvalidOption, match="expected a whole number from 0 for retries"):
        AsyncQwenClient(retries=retries)


async def test_retry_backoff_aclose_sends_no_further_request(
    requests: list[str], description: tuple[dict[str, Any], dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qwen_gradio")
    stamina.set_active(True)
    unavailable = wrong_server.saying(b"", "503 Service Unavailable")
    with wrong_server.running(description, {"join": unavailable}, []) as server:
        client = AsyncQwenClient(server.url)
        reply = client.stream("hi")
        async with anyio.create_task_group() as tasks:

            async def close() -> None:
                assert await anyio.to_thread.run_sync(eventually, lambda: "trying again" in caplog.text)
                await reply.aclose()

            tasks.start_soon(close)
            assert [fragment async for fragment in reply] == []
        await client.aclose()
    assert [path.rpartition("/")[2] for path in requests] == ["config", "info", "join"]


@pytest.mark.usefixtures("without_pause")
async def test_retry_503_while_connecting_in_async_with_succeeds(space: ScriptedSpace) -> None:
    script = space.script(2)
    with proxy.refusing(space.url, [UNAVAILABLE] * 4) as url:
        async with AsyncQwenClient(url, retries=2) as client:
            assert await client.ask(script.prompt) == script.final


@pytest.mark.usefixtures("without_pause")
def test_retry_503_while_connecting_in_with_succeeds(space: ScriptedSpace) -> None:
    with proxy.refusing(space.url, [UNAVAILABLE] * 4) as url, QwenClient(url, retries=2) as client:
        assert client.inspect().recipe.api_name == "/model_chat"

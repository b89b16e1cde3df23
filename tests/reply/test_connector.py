"""One connection for a client's replies: closed, refreshed or failing while replies wait for it."""

from __future__ import annotations

import socket
import threading
from typing import Any

import anyio
import pytest

from qwen_gradio import (
    AsyncQwenClient,
    CannotConnect,
    DeadlineExceeded,
    InvalidOption,
    QwenClient,
    Timeouts,
    TransportError,
    UsageError,
)
from qwen_gradio.reply import connector
from qwen_gradio.space.choice import find_recipe
from qwen_gradio.transport.connection import Connection, descriptions

from ..conftest import ScriptedSpace, eventually, our_threads


class Named:
    """A Space with an id, at a URL of its own."""

    def __init__(self, url: str) -> None:
        self.id, self.name, self.url, self.entry = "owner/name", "owner/name", url, None


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_client_aclose_while_connecting_raises_usage_error_and_asks_no_hub(
    monkeypatch: pytest.MonkeyPatch, calls_of: Any
) -> None:
    """The Space is not to blame, nor is it asked about."""
    asked = calls_of(connector, "get_state")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = AsyncQwenClient(url, timeouts=Timeouts(connect=None))
        monkeypatch.setattr(client.connector, "space", Named(url))
        async with anyio.create_task_group() as tasks:

            async def inspect() -> None:
                with anyio.fail_after(30), pytest.raises(UsageError, match="this client is closed"):
                    await client.inspect()

            tasks.start_soon(inspect)
            peer, _ = await anyio.to_thread.run_sync(silent.accept)
            await client.aclose()
        peer.close()
    assert asked == []


async def test_connect_invalid_proxy_leaves_client_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    client = AsyncQwenClient("http://127.0.0.2:9")
    with pytest.raises(InvalidOption, match="proxy"):
        await client.ask("hi")
    assert repr(client).endswith(" NEW>")


async def test_connect_made_after_its_deadline_is_made_anew(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was aborted is of no use, even where it came to its end."""
    may_end = threading.Event()

    def late(*arguments: Any, **options: Any) -> Any:
        assert may_end.wait(60)
        return find_recipe(*arguments, **options)

    script = space.script(2)
    client = AsyncQwenClient(space.url, timeouts=Timeouts(connect=3), retries=0)
    with monkeypatch.context() as slow:
        slow.setattr(connector, "find_recipe", late)
        with pytest.raises(DeadlineExceeded):
            await client.ask("hi")
    may_end.set()
    assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())
    assert await client.ask(script.prompt) == script.final
    await client.aclose()


async def test_refresh_cancelled_reply_leaves_new_description_to_next(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint must be that of the description that was refreshed, whoever waited for it."""
    refresh, is_begun, may_end = Connection.refresh, threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        is_begun.set()
        assert may_end.wait(60)
        refresh(connection)

    async with AsyncQwenClient(space.url) as client:
        before = (await client.inspect()).recipe
        descriptions.clear()  # as after a failure, when the Space may have been rebuilt
        monkeypatch.setattr(Connection, "refresh", slow)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.inspect)
            await anyio.to_thread.run_sync(is_begun.wait)
            tasks.cancel_scope.cancel()
        may_end.set()
        assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())
        assert (await client.inspect()).recipe is not before


async def test_thread_limit_raises_transport_error_and_client_closes(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = AsyncQwenClient(space.url, retries=0)
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(TransportError, match="this process can't start another thread"):
            await client.ask("hi")
    assert repr(client).endswith(" NEW>")
    script = space.script(2)
    assert await client.ask(script.prompt) == script.final
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    await client.aclose()


def test_thread_limit_in_sync_client_and_map_raises_transport_error(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = space.script(2)
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", no_thread)
        client = QwenClient(space.url)
        with pytest.raises(TransportError, match="this process can't start another thread"):
            client.ask("hi")
        with pytest.raises(TransportError, match="this process can't start another thread"):
            next(client.map(["hi"]))
    assert client.ask(script.prompt) == script.final
    client.close()


async def test_thread_limit_keeps_first_error_where_hub_can_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def start_one(thread: threading.Thread) -> None:
        started.append(thread)
        (start if len(started) == 1 else no_thread)(thread)

    client = AsyncQwenClient("http://127.0.0.1:9", retries=0)
    monkeypatch.setattr(client.connector, "space", Named("http://127.0.0.1:9"))
    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(CannotConnect):
        await client.ask("hi")
    assert len(started) > 1


async def test_question_without_another_thread_raises_transport_error(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = space.script(2)
    async with AsyncQwenClient(space.url, retries=0) as client:
        with monkeypatch.context() as exhausted:
            exhausted.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(TransportError, match="this process can't start another thread") as caught:
                await client.ask(script.prompt)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert await client.ask(script.prompt) == script.final

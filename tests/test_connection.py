"""The seams into gradio_client: that the installed version has them, and what they are for, by counting."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import anyio
import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import httpx
import pytest

from qwen_gradio import (
    AppRaised,
    AsyncQwenClient,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    InvalidOption,
    ProtocolError,
    QwenGradioError,
    RateLimited,
    Timeouts,
    connection,
    wire,
)
from qwen_gradio.threads import Bell

from .conftest import ScriptedSpace, eventually, our_threads

CallsOf = Callable[[object, str], list[tuple[Any, ...]]]


def test_gradio_client_installed_has_every_hook() -> None:
    assert connection.missing_seams() == []


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("Client.new_helper", "Client.new_helper"),
        ("utils.check_for_cancel", "check_for_cancel"),
        ("client.Endpoint", "Endpoint._sse_fn_v1plus"),
    ],
)
def test_gradio_client_missing_hook_is_detected(place: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(f"gradio_client.{place}")
    assert missing in connection.missing_seams()


def test_gradio_client_renamed_globals_are_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_client.Client, "send_data", lambda self: self)
    names = ("httpx", "deque", "stream_executor", "stream_messages")
    assert connection.missing_seams() == [f"{name} in Client.send_data" for name in names]


async def test_requests_connect_takes_two_and_reply_two(space: ScriptedSpace, requests: list[str]) -> None:
    async with AsyncQwenClient(space.url) as client:
        assert requests == ["/config", "/gradio_api/info"]
        del requests[:]
        await client.ask("hi")
        assert requests == ["/gradio_api/queue/join", "/gradio_api/queue/data"]


async def test_pool_four_replies_open_one_connection(space: ScriptedSpace, calls_of: CallsOf) -> None:
    connecting = calls_of(socket, "create_connection")
    async with AsyncQwenClient(space.url) as client:
        for _ in range(4):
            await client.ask("hi")
            assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())
    assert len(connecting) == 1


@pytest.fixture
def unwired(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream can't be taken over, as where TLS goes through TLS: the reply's thread reads it."""
    monkeypatch.setattr(connection, "wire_of", lambda *_: None)


async def test_queue_transport_updates_wake_no_thread_nor_poll(space: ScriptedSpace, calls_of: CallsOf) -> None:
    rings, told = calls_of(Bell, "ring"), calls_of(connection._Handed, "told")
    sleeps = calls_of(time, "sleep")
    counts = []
    async with AsyncQwenClient(space.url) as client:
        for updates in (1, 10, 100):
            await client.ask(space.script(updates).prompt)
            counts.append((len(rings), len(told)))
            rings.clear()
            told.clear()
    assert max(counts) <= (6, 2), "the reply's thread asks, opens the stream, and sees the end"
    assert sleeps == [], "gradio_client sleeps 50 ms at a time for mail, and again for a cancel"


@pytest.mark.usefixtures("unwired")
async def test_thread_reading_stream_notifies_each_update_without_polling(
    space: ScriptedSpace, calls_of: CallsOf
) -> None:
    rings, sleeps = calls_of(Bell, "ring"), calls_of(time, "sleep")
    script = space.script_in_step(30)
    async with AsyncQwenClient(space.url) as client:
        fragments = [script.read(fragment) async for fragment in client.stream(script.prompt)]
        assert len(our_threads()) <= 1
        with pytest.raises(AppRaised):
            await client.ask(space.script(3, fail_at=2).prompt)
        left = space.script(2000)
        async with client.stream(left.prompt) as reply:
            await anext(reply)
        assert sleeps == []
        assert await anyio.to_thread.run_sync(eventually, left.stopped)
    assert (len(fragments), "".join(fragments)) == (30, script.final)
    assert len(rings) >= 30
    assert eventually(lambda: not our_threads())


async def test_cancel_while_opening_stream_stops_reply(space: ScriptedSpace, mocker: Any) -> None:
    taken_over, script = wire.wire_of, space.script(2000)

    def left_meanwhile(*response: Any) -> Any:
        reply._leave()
        return taken_over(*response)

    mocker.patch.object(connection, "wire_of", left_meanwhile)
    async with AsyncQwenClient(space.url) as client:
        reply = client.stream(script.prompt)
        assert [fragment async for fragment in reply] == []
        assert await anyio.to_thread.run_sync(eventually, script.stopped)
        assert eventually(lambda: not our_threads())


async def test_heartbeat_timeout_raises_connection_lost_but_spares_slow_reader(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "DEAD_AFTER", 0.5)
    read, silent = space.script(3, step=0), space.script(["so far", "never"], quiet_at=1)
    async with AsyncQwenClient(space.url) as client:
        async with client.stream(read.prompt) as reply:
            first = await anext(reply)
            assert await anyio.to_thread.run_sync(eventually, lambda: read.count("final") == 1)
            await anyio.sleep(1)
            assert first + "".join([fragment async for fragment in reply]) == read.final
        with pytest.raises(ConnectionLost, match="not even a heartbeat came") as caught:
            await client.ask(silent.prompt)
    assert caught.value.partial == "so far"


async def test_thread_one_per_reply_with_bounded_backlog(space: ScriptedSpace) -> None:
    assert eventually(lambda: not our_threads())
    async with AsyncQwenClient(space.url) as client:
        replies = [client.stream(space.script(10_000, step=0.001).prompt) for _ in range(5)]
        for reply in replies:
            await anext(reply)
        for _ in range(100):
            await anext(replies[0])
        assert len(our_threads()) == 5
        await anyio.sleep(0.2)  # nobody reads meanwhile
        attempts: list[Any] = [reply._attempt for reply in replies]
        backlogs = [len(attempt._call._network.handed.outputs) for attempt in attempts]
        kept = [len(attempt._call.job.outputs()) for attempt in attempts]
        for reply in replies:
            await reply.aclose()
    assert max(backlogs) <= connection.BACKLOG
    assert kept == [0] * 5


async def test_stream_unread_updates_merge_into_longer_fragments(space: ScriptedSpace) -> None:
    script = space.script(400, step=0.001)
    async with AsyncQwenClient(space.url) as client, client.stream(script.prompt) as reply:
        first = await anext(reply)
        assert await anyio.to_thread.run_sync(eventually, lambda: script.count("final") == 1)
        rest = [fragment async for fragment in reply]
    assert first + "".join(rest) == script.final
    assert len(rest) < 200


async def test_history_updates_make_no_deepcopy(space: ScriptedSpace, calls_of: CallsOf) -> None:
    import copy

    copies = calls_of(copy, "deepcopy")
    async with AsyncQwenClient(space.url) as client:
        talk = client.conversation()
        await talk.ask("hi")
        copies.clear()
        await talk.ask(space.script(30).prompt)
    assert copies == [], "gradio_client's own way with a diff is to copy all that there is"


async def test_pool_second_reply_reuses_connection(space: ScriptedSpace, calls_of: CallsOf) -> None:
    opened = calls_of(socket, "create_connection")
    async with AsyncQwenClient(space.url) as client:
        await client.ask("hi")
        assert eventually(lambda: not our_threads()), "its connection is given back when its stream has ended"
        before = len(opened)
        for _ in range(3):
            await client.ask("hi")
            assert eventually(lambda: not our_threads())
    assert (before, len(opened)) == (1, 1)


async def test_tls_context_is_reused_by_all_clients(space: ScriptedSpace, calls_of: CallsOf) -> None:
    connection._tls()
    made = calls_of(httpx, "create_ssl_context")
    async with AsyncQwenClient(space.url) as first, AsyncQwenClient(space.url) as second:
        await first.ask("hi")
        await second.ask("hi")
    assert made == []


async def test_gradio_client_module_is_not_patched(space: ScriptedSpace) -> None:
    def globals_of() -> list[int]:
        functions = (gradio_client.Client.send_data, gradio_client.Client.stream_messages)
        return [id(function.__globals__[name]) for function in functions for name in ("httpx", "deque")]

    before = globals_of()
    async with AsyncQwenClient(space.url) as client:
        await client.ask("hi")
    assert globals_of() == before
    assert gradio_client.client.httpx is httpx


async def test_network_other_origin_raises_unsupported_protocol(space: ScriptedSpace) -> None:
    network = connection._Network(httpx.Client(), f"{space.url}/", connection._Opened())
    for ask in (network.get, lambda url, headers: network.post(url, headers=headers, json={})):
        with pytest.raises(httpx.UnsupportedProtocol, match="which is not this Space"):
            ask("https://elsewhere.example/api", headers={})
    network._pool.close()


async def test_job_transport_serves_older_protocol(space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "QUEUE_PROTOCOLS", ())
    monkeypatch.setattr(connection, "OLD_PROTOCOLS", ("sse_v3",))
    made = connection.connect(space.url, token=None, auth=None, proxy=None, seconds=5)
    assert isinstance(made, connection.PlainConnection)
    made.close()


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (b"500 Internal Server Error", "SpaceUnavailable", "HTTP 500"),
        (b"429 Too Many Requests", "RateLimited", "HTTP 429"),
        (b"401 Unauthorized", "NeedsAuthentication", "HTTP 401"),
        (b"503 Service Unavailable", "SpaceUnavailable", "HTTP 503"),
        (b"200 OK", "ProtocolError", "can't be read"),
    ],
)
async def test_join_bad_response_raises_named_error(
    space: ScriptedSpace, answering: Callable[[bytes], str], reply: bytes, error: str, says: str
) -> None:
    url = answering(b"HTTP/1.1 " + reply + b"\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops")
    async with AsyncQwenClient(space.url) as client:
        shared, _ = await client._connected()
        shared._client.sse_data_url = url + "/join"  # type: ignore[attr-defined] # a SharedConnection
        shared._origin = url  # type: ignore[attr-defined] # the same
        with pytest.raises(QwenGradioError, match=says) as caught:
            await client.ask("hi")
    assert type(caught.value).__name__ == error


@pytest.mark.parametrize(
    ("stream", "error", "says"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "SpaceNotFound", "HTTP 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ConnectionLost", "the Space closed it"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "ConnectionLost", "peer closed connection"),
    ],
)
async def test_stream_bad_response_raises_named_error(
    space: ScriptedSpace, answering: Callable[[bytes], str], stream: bytes, error: str, says: str, capfd: Any
) -> None:
    url = answering(stream)
    async with AsyncQwenClient(space.url) as client:
        shared, _ = await client._connected()
        shared._client.sse_url = url + "/data"  # type: ignore[attr-defined] # a SharedConnection
        shared._origin = "http://127.0.0.1"  # type: ignore[attr-defined] # the same
        with pytest.raises(QwenGradioError, match=says) as caught:
            await client.ask("hi")
    assert type(caught.value).__name__ == error
    assert capfd.readouterr().err == "", "gradio_client prints a traceback when a stream fails"


async def test_timeout_connect_unanswered_join_raises_deadline_exceeded(space: ScriptedSpace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with AsyncQwenClient(space.url, timeouts=Timeouts(connect=1)) as client:
            shared, _ = await client._connected()
            shared._client.sse_data_url = f"http://127.0.0.1:{silent.getsockname()[1]}/"  # type: ignore[attr-defined] # a SharedConnection
            shared._origin = "http://127.0.0.1"  # type: ignore[attr-defined] # the same
            with pytest.raises(DeadlineExceeded) as caught:
                await client.ask("hi")
    assert caught.value.deadline == "connect"


def test_pool_endless_stream_is_drained_up_to_limit() -> None:
    network = connection._Network(httpx.Client(), "http://127.0.0.1/", connection._Opened())
    pieces = iter([b"data: {}\n\n"] * 99)
    network._chunks = pieces
    network.give_back()
    assert len([*pieces]) == 99 - connection.LEFT_OVER
    network._pool.close()


def test_pool_returned_connection_survives_cancel() -> None:
    network = connection._Network(httpx.Client(), "http://127.0.0.1/", connection._Opened())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        network._socket, network._chunks = ours, iter([])
        network.give_back()
        network.leave()
        ours.send(b"another reply's")
        assert theirs.recv(99) == b"another reply's"
    network._pool.close()


async def test_submit_missing_argument_raises_before_any_request(space: ScriptedSpace, requests: list[str]) -> None:
    async with AsyncQwenClient(space.url) as client:
        made, _ = await client._connected()
        del requests[:]
        with pytest.raises(InvalidOption, match=r"/model_chat: .*query"):
            made.submit("session", "/model_chat", [], lambda: None)
    assert requests == []


def test_job_transport_connect_refused_raises_cannot_connect() -> None:
    with pytest.raises(CannotConnect):
        connection.PlainConnection("http://127.0.0.1:9", token=None, auth=None, proxy=None, seconds=5)


def test_error_mapping_key_error_becomes_protocol_error() -> None:
    assert isinstance(connection._reply_error(KeyError("unexpected_error")), ProtocolError)


def test_rate_limit_gpu_quota_message_gives_retry_after() -> None:
    said = "You have exceeded your GPU quota (60s requested vs. 56s left). Try again in 1:02:03"
    error = connection._reply_error(gradio_client.exceptions.AppError(said))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3723
    assert said in str(error)
    unsaid = connection._reply_error(gradio_client.exceptions.AppError("GPU limit reached"))
    assert isinstance(unsaid, RateLimited)
    assert unsaid.retry_after is None


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("-3", None), ("", None)]
)
def test_rate_limit_429_retry_after_header_is_parsed(header: str, seconds: float | None) -> None:
    error = connection._status_error(httpx.Response(429, headers={"retry-after": header}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def exceptions_of(*modules: Any) -> list[type[Exception]]:
    values = [value for module in modules for value in vars(module).values()]
    return sorted(
        {value for value in values if isinstance(value, type) and issubclass(value, Exception)},
        key=lambda e: e.__name__,
    )


def made(error: type[Exception]) -> Exception:
    try:
        return error("it broke")
    except TypeError:  # httpx.HTTPStatusError and its like need what they are about
        request = httpx.Request("GET", "http://127.0.0.1")
        return error("it broke", request=request, response=httpx.Response(500, request=request))  # type: ignore[call-arg] # as said


# What is raised for files, for duplicating a Space, for using gradio_client or httpx wrongly, or never.
APART = {
    "APIInfoParseError",
    "CookieConflict",
    "InvalidAPIEndpointError",
    "InvalidURL",
    "RequestNotRead",
    "ResponseNotRead",
    "SerializationSetupError",
    "SpaceDuplicationError",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
}
FOREIGN = [
    error
    for error in exceptions_of(gradio_client.exceptions, gradio_client.utils, gradio_client.client, httpx)
    if error.__module__.startswith(("gradio_client", "httpx")) and error.__name__ not in APART
]


def test_error_mapping_finds_foreign_errors() -> None:
    assert len(FOREIGN) > 20


@pytest.mark.parametrize("error", FOREIGN)
def test_error_mapping_covers_every_foreign_error(error: type[Exception]) -> None:
    """A class that is new in gradio_client or httpx, and falls through to "can't be read", fails here."""
    mapped = connection._reply_error(made(error))
    unread = (httpx.DecodingError, httpx.RemoteProtocolError)  # the latter but for a peer that went away
    assert isinstance(mapped, ProtocolError) == (error in unread), error
    assert isinstance(connection._connect_error(made(error), None), QwenGradioError)

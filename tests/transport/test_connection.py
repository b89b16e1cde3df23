"""A connected Space: its requests and their cookies, and the files and hosts that are never touched."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import httpx
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, ProtocolError, QwenGradioError
from qwen_gradio.transport import connection, network
from qwen_gradio.transport.hooks import Hook
from qwen_gradio.transport.job import QueueStatus, Submission

from ..conftest import ScriptedSpace, eventually, our_threads
from ..faults.cases import RIGHT, WHOLE
from ..servers import proxy, wrong_server
from ..servers.wrong_server import Exchange, WrongServer

CallsOf = Callable[[object, str], list[tuple[Any, ...]]]
Description = tuple[dict[str, Any], dict[str, Any]]


def names(requests: list[str]) -> list[str]:
    return [path.rpartition("/")[2] for path in requests]


async def idle() -> None:
    """Wait until no reply's thread runs, so that its connection is idle."""
    assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())


async def test_requests_connect_takes_two_and_each_reply_two(space: ScriptedSpace, requests: list[str]) -> None:
    async with AsyncQwenClient(space.url) as client:
        assert names(requests) == ["config", "info"]
        for _ in range(2):
            del requests[:]
            await client.ask("hi")
            assert names(requests) == ["join", "data"]


async def test_pool_four_replies_open_one_connection(space: ScriptedSpace, calls_of: CallsOf) -> None:
    connecting = calls_of(socket, "create_connection")
    async with AsyncQwenClient(space.url) as client:
        for _ in range(4):
            await client.ask("hi")
            await idle()
    assert len(connecting) == 1


async def test_thread_two_per_reply_whatever_the_updates(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        replies = [client.stream(space.script(10_000, step=0.001).prompt) for _ in range(5)]
        for reply in replies:
            await anext(reply)
        for _ in range(50):
            await anext(replies[0])
        assert len(our_threads()) <= 10
        for reply in replies:
            await reply.aclose()


async def test_stream_unread_updates_merge_into_longer_fragments(space: ScriptedSpace) -> None:
    script = space.script(400, step=0.001)
    async with AsyncQwenClient(space.url) as client, client.stream(script.prompt) as reply:
        first = await anext(reply)
        assert await anyio.to_thread.run_sync(eventually, lambda: script.count("final") == 1)
        await idle()
        rest = [fragment async for fragment in reply]
    assert first + "".join(rest) == script.final
    assert len(rest) <= 17, "sixteen that wait, and the last"


async def test_heartbeat_timeout_raises_connection_lost(space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "READ_TIMEOUT", 0.5)
    silent = space.script(["so far", "never"], quiet_at=1)
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(QwenGradioError, match="not even a heartbeat came") as caught:
            await client.ask(silent.prompt)
    assert caught.value.partial == "so far"


async def test_gradio_client_module_is_not_patched(space: ScriptedSpace) -> None:
    def globals_of() -> list[int]:
        modules = (gradio_client.client, gradio_client.utils)
        return [id(value) for module in modules for value in vars(module).values()]

    before = globals_of()
    async with AsyncQwenClient(space.url) as client:
        await client.ask("hi")
    assert globals_of() == before
    assert gradio_client.client.httpx is httpx


async def test_description_old_is_fetched_again(
    space: ScriptedSpace, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "DESCRIPTION_LIFETIME", -1.0)
    async with AsyncQwenClient(space.url) as client:
        del requests[:]
        await client.ask("hi")
    assert names(requests) == ["config", "join", "data"], "the app is the same, and so its API"


async def test_description_is_fetched_again_after_failure(space: ScriptedSpace, requests: list[str]) -> None:
    """The Space may have been rebuilt."""
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(AppRaised):
            await client.ask(space.script(3, fail_at=1).prompt)
        del requests[:]
        await client.ask("hi")
        await client.ask("hi")
    assert names(requests) == ["config", "join", "data", "join", "data"]


async def test_cancel_hundred_replies_between_others_breaks_none(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        for number in range(100):
            async with client.stream(space.script(1000, step=0.001).prompt) as reply:
                for _ in range(number % 4):
                    await anext(reply)
            script = space.script(2, step=0)
            assert await client.ask(script.prompt) == script.final


# --- cookies


@contextmanager
def serving_replicas(description: Description) -> Iterator[WrongServer]:
    """Serve a Space behind a load balancer; a request without its cookie reaches a replica without the session."""

    def first(exchange: Exchange) -> None:
        body = wrong_server.right_body(exchange)
        exchange.answer(body, "200 OK", "application/json", "Set-Cookie: affinity=replica-7; Path=/")

    def then(exchange: Exchange) -> None:
        if "affinity=replica-7" in exchange.server.heads[-1]:
            wrong_server.right(exchange)
        else:
            exchange.answer(b"{}", "404 Not Found")

    steps: dict[Any, Any] = {"config": first, "info": then, "join": then, "stream": then}
    with wrong_server.running(description, steps, RIGHT) as server:
        yield server


async def test_cookie_affinity_is_sent_with_each_request_of_each_reply(description: Description) -> None:
    with serving_replicas(description) as server:
        async with AsyncQwenClient(server.url) as client:
            assert [await client.ask("hi") for _ in range(3)] == [WHOLE] * 3
        assert len(server.heads) == 2 + 3 * 2


# --- files


FILE = {"url": "x", "orig_name": "secret", "meta": {"_type": "gradio.FileData"}}


def with_default(description: Description, default: Any, **more: Any) -> Description:
    """A Space that publishes a default for what it takes beside the question."""
    config, info = json.loads(json.dumps(description))
    info["named_endpoints"]["/model_chat"]["parameters"][2].update(
        parameter_name="settings", label="Settings", parameter_has_default=True, parameter_default=default, **more
    )
    box = next(one for one in config["components"] if one["id"] == config["dependencies"][0]["inputs"][2])
    box.update(type="json", api_info={"type": "object"})
    box["props"].update(label="Settings", value=default)
    return config, info


@pytest.mark.parametrize("nested", [False, True], ids=["itself", "nested"])
@pytest.mark.parametrize("options", [{}, {"settings": {"mine": 1}}], ids=["no options", "an option"])
@pytest.mark.usefixtures("some_hooks")
async def test_file_published_as_default_is_never_read_nor_uploaded(
    description: Description, tmp_path: Path, nested: bool, options: dict[str, Any]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private key")
    published = {"path": str(secret), **FILE}
    default = {"a": [{"b": published}]} if nested else published
    with wrong_server.running(with_default(description, default), {}, RIGHT) as server:
        async with AsyncQwenClient(server.url) as client:
            assert await client.ask("hi", **options) == WHOLE
        assert not any("upload" in head for head in server.heads)
        assert not any("private key" in body for body in server.bodies)
        sent = json.loads(next(body for body in server.bodies if "fn_index" in body))["data"][-1]
        assert sent == {**default, **options.get("settings", {})}, "it goes back as it came"


async def test_file_that_the_caller_passes_is_uploaded_through_the_proxy(
    description: Description, tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("for the Space")
    with (
        proxy.running() as through,
        wrong_server.running(with_default(description, {}), {}, RIGHT) as server,
    ):
        async with AsyncQwenClient(server.url, proxy=through.url) as client:
            with pytest.raises(QwenGradioError):  # this server has no place for uploads
                await client.ask("hi", settings=gradio_client.handle_file(str(given)))
        assert any("/upload" in request for request in through.requests)
        assert any("for the Space" in body for body in server.bodies)


# --- other hosts


@pytest.mark.parametrize(
    "change",
    [{"api_prefix": "{elsewhere}"}, {"version": "3.30.0"}, {"version": None}, {"root": "{elsewhere}"}],
    ids=["prefix", "Gradio 3", "no version", "root"],
)
async def test_privacy_token_is_sent_to_no_host_that_a_space_names(
    description: Description, change: dict[str, Any]
) -> None:
    with wrong_server.running(description, {}, []) as elsewhere:
        named = {key: value and value.format(elsewhere=elsewhere.url) for key, value in change.items()}
        config = wrong_server.changed(**named)
        with wrong_server.running(description, {"config": config}, RIGHT) as server:
            client = AsyncQwenClient(server.url, token="hf_secret")  # noqa: S106 - nobody's
            try:
                assert await client.ask("hi") == WHOLE
            except QwenGradioError as exc:
                assert "hf_secret" not in str(exc)  # noqa: PT017 - either is right
            await client.aclose()
        assert elsewhere.heads == []


# --- hooks, and questions that are refused with them


async def test_refused_question_is_asked_again_without_hooks(description: Description, requests: list[str]) -> None:
    """As by a Space that refuses session names of 12 characters; a refused question was not queued."""

    def join(exchange: Exchange) -> None:
        body = exchange.server.bodies[-1]
        if len(json.loads(body)["session_hash"]) == 12:  # ours; gradio_client's are longer
            exchange.answer(b'{"detail": "no such session"}', "403 Forbidden")
        else:
            wrong_server.right(exchange)

    with wrong_server.running(description, {"join": join}, RIGHT) as server:
        async with AsyncQwenClient(server.url) as client:
            assert await client.ask("hi") == WHOLE
            del requests[:]
            assert await client.ask("hi") == WHOLE
    assert names(requests).count("join") == 1, "the hooks stay disabled"


async def test_refused_question_that_seemed_to_begin_is_asked_again(
    description: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gradio_client calls a job that has just failed FINISHED, which is no state of waiting."""
    monkeypatch.setattr(Submission, "status", lambda _: QueueStatus("started"))
    refused = wrong_server.saying({"detail": "no"}, "422 Unprocessable Entity")
    with wrong_server.running(description, {"join": refused}, RIGHT) as server:
        client = AsyncQwenClient(server.url)
        with pytest.raises((ProtocolError, AppRaised)):
            await client.ask("hi")
        await client.aclose()


async def test_refused_question_is_raised_where_it_is_refused_again(description: Description) -> None:
    refused = wrong_server.saying({"detail": "no"}, "422 Unprocessable Entity")
    with wrong_server.running(description, {"join": refused}, RIGHT) as server:
        client = AsyncQwenClient(server.url)
        with pytest.raises((ProtocolError, AppRaised)):
            await client.ask("hi")
        await client.aclose()


async def test_inspect_and_log_tell_the_hooks_in_use(space: ScriptedSpace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "qwen_gradio")
    async with AsyncQwenClient(space.url) as client:
        assert set((await client.inspect()).hooks) == {hook.value for hook in Hook}
    assert f"gradio_client {gradio_client.__version__}, 7 of 7 hooks" in caplog.text

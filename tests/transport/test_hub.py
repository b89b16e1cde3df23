"""The Hub's state of a Space that doesn't answer: fetched only then, only by id, and always through the proxy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from qwen_gradio import AsyncQwenClient, CannotConnect, QwenGradioError
from qwen_gradio.transport import hub

from ..servers import proxy

Answering = Callable[[bytes], str]

# Under a reserved domain that resolves to no address, so that the Hub alone can answer (RFC 6761).
SPACE = "nobody/nowhere"


def stage_response(stage: bytes) -> bytes:
    return b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"stage": "%s", "hardware": {}}' % stage


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_gradio.space.catalogue.DOMAIN", "invalid")


@pytest.mark.parametrize(
    ("stage", "state", "advice"),
    [
        (b"SLEEPING", "sleeping", "woken it up"),
        (b"PAUSED", "paused", "Only its owner can start it"),
        (b"BUILDING", "building", "in some minutes"),
        (b"RUNTIME_ERROR", "runtime error", "Only its owner can mend it"),
        (b"RUNNING", "running", "Check the Space's name, the network and the proxy"),
    ],
)
async def test_hub_state_is_in_cannot_connect_error(
    stage: bytes, state: str, advice: str, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", answering(stage_response(stage)))
    with pytest.raises(CannotConnect, match=f"nobody/nowhere: .*; the Hub says: {state}. .*{advice}") as caught:
        await AsyncQwenClient(SPACE).ask("hi")
    assert caught.value.state == state
    assert caught.value.retryable == (state in ("sleeping", "building", "running"))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not found"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "not found"),
        (b"HTTP/1.1 500 Oh No\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", ""),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"stage":3}', ""),
        (b"nonsense", ""),
    ],
)
def test_hub_any_response_gives_state_or_empty(
    answer: bytes, state: str, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", answering(answer))
    assert hub.get_state(SPACE, proxy=None) == state


async def test_hub_is_asked_through_proxy_without_token(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", answering(stage_response(b"SLEEPING")))
    with proxy.running() as through:
        client = AsyncQwenClient(SPACE, proxy=through.url, token="hf_secret")  # noqa: S106 - none
        with pytest.raises(QwenGradioError) as caught:
            await client.ask("hi")
    assert caught.value.state == "sleeping"
    assert [request.split(" ")[0] for request in through.requests] == ["CONNECT", "GET"]
    assert through.requests[1].endswith("/api/spaces/nobody/nowhere/runtime")
    assert "hf_secret" not in through.heads


async def test_hub_is_not_asked_about_url(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", answering(stage_response(b"SLEEPING")))
    with pytest.raises(CannotConnect) as caught:
        await AsyncQwenClient("http://nowhere.invalid").ask("hi")
    assert caught.value.state == ""


def test_hub_and_access_import_no_gradio_client() -> None:
    """So that a client can use them before it connects."""
    code = (
        "import sys; from qwen_gradio.transport import access, hub; print({'gradio_client', 'httpx'} & {*sys.modules})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"

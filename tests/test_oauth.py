"""A Hugging Face token for a Space's own code, on real gradio servers."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qwen_gradio import AllFailed, AsyncQwenClient, CannotConnect, InvalidOption, NeedsAuthentication, QwenClient
from qwen_gradio.transport.access import Access

from .environments import on_each_gradio, python_with
from .servers.forked import ForkServers

ROOT = Path(__file__).parents[1]
SERVE = ROOT / "tests" / "servers" / "serve.py"
SECRET: dict[str, Any] = {"oauth_token": "hf_secret"}


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[str]:
    with fork_servers.running(SERVE, "oauth", gradio=getattr(request, "param", "6")) as process:
        yield json.loads(process.printed)["oauth"]


async def heard(url: str, api_name: str, **options: Any) -> Any:
    async with AsyncQwenClient(url, api_name=api_name, **options) as client:
        return json.loads(await client.ask("hi"))


@pytest.mark.parametrize("api_name", ["/required", "/optional"])
async def test_oauth_token_reaches_the_code_that_takes_it(url: str, api_name: str) -> None:
    assert (await heard(url, api_name, **SECRET))["token"] == SECRET["oauth_token"]


async def test_oauth_token_is_sent_with_that_question_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, bool]] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append((request.url.path, "hf_secret" in f"{request.url} {request.headers} {request.read()!r}"))
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    await heard(url, "/required", **SECRET)
    assert [path for path, has_secret in sent if has_secret] == ["/gradio_api/queue/join"]
    del sent[:]
    await heard(url, "/without", **SECRET)
    assert sent
    assert not any(has_secret for _, has_secret in sent), "the endpoint takes no token"


async def test_oauth_token_is_never_the_token(url: str) -> None:
    assert (await heard(url, "/optional", token="hf_other"))["token"] is None  # noqa: S106 - none


async def test_oauth_token_required_and_missing_raises_before_the_question(url: str, requests: list[str]) -> None:
    client = AsyncQwenClient(url, api_name="/required", token="hf_other")  # noqa: S106 - none
    with pytest.raises(NeedsAuthentication, match=r"/required acts in the name .* Pass a token .* as oauth_token="):
        await client.ask("hi")
    await client.aclose()
    assert requests == ["/config", "/gradio_api/info"]


async def test_oauth_token_missing_with_a_cookie_is_left_to_the_space(url: str, requests: list[str]) -> None:
    """The cookie may be that of a login on the page."""
    with pytest.raises(NeedsAuthentication, match="its page requires a login with Hugging Face"):
        await heard(url, "/required", headers={"cookie": "session=x"})
    assert requests[-1] == "/gradio_api/queue/data"


@pytest.mark.parametrize("url", on_each_gradio("5.50.0"), indirect=True)
async def test_oauth_token_on_older_gradio_needs_a_login(url: str) -> None:
    with pytest.raises(NeedsAuthentication, match="its page requires a login with Hugging Face"):
        await heard(url, "/required", **SECRET)
    assert (await heard(url, "/optional", **SECRET))["token"] is None


OLDER_CLIENT = """
import sys, anyio, qwen_gradio
try:
    anyio.run(qwen_gradio.AsyncQwenClient(sys.argv[1], oauth_token="hf_secret").ask, "hi")
except qwen_gradio.InvalidOption as exc:
    print(exc)
"""


@pytest.mark.full
def test_oauth_token_unknown_to_gradio_client_raises_before_any_request() -> None:
    run = [python_with("gradio_client-2.0.3"), "-c", OLDER_CLIENT, "http://127.0.0.1:9"]
    shown = subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "can't be kept to this Space with gradio_client 2.0.3, which lacks Client(oauth_token=)" in shown


async def test_oauth_token_is_not_given_to_fallbacks(url: str) -> None:
    client = AsyncQwenClient("http://127.0.0.1:9", fallbacks=[url], retries=0, **SECRET)
    with pytest.raises(AllFailed) as caught:
        await client.ask("hi")
    await client.aclose()
    assert [type(error) for error in caught.value.exceptions] == [CannotConnect, NeedsAuthentication]


def test_oauth_token_sync_client_passes_it(url: str) -> None:
    with QwenClient(url, api_name="/required", **SECRET) as client:
        assert json.loads(client.ask("hi"))["token"] == SECRET["oauth_token"]


@pytest.mark.parametrize("make", [AsyncQwenClient, QwenClient])
def test_oauth_token_is_checked_and_never_shown(make: Any) -> None:
    client = make("https://example.invalid", **SECRET)
    assert "hf_secret" not in f"{client} {client!r} {Access('https://example.invalid', **SECRET)!r}"
    assert pickle.loads(pickle.dumps(client)).space == client.space  # noqa: S301 - its own
    for space, token, expected in [
        ("http://example.invalid", "hf_secret", "sent over plain http"),
        ("https://example.invalid", "hf_sec ret", "expected printable ASCII characters .* for oauth_token"),
        ("modelscope:owner/name", "hf_secret", "oauth_token is one of the Hugging Face Hub"),
    ]:
        with pytest.raises(InvalidOption, match=expected) as caught:
            make(space, oauth_token=token)
        assert token not in str(caught.value)

"""The hosts that are contacted: the Space, through the proxy if there is one, and no other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio import AsyncQwenClient, InvalidOption, QwenGradioError
from qwen_gradio.transport.hooks import Hook

from ..conftest import ScriptedSpace, eventually, only_hooks
from ..servers import proxy

# It records connections, look-ups and tokens sent. A token is saved on the machine, and telemetry is on.
WATCHED = """
import json, sys
connected, looked_up, headers = [], [], []
def watch(event, args):
    if event == "socket.connect":
        connected.append(args[1][:2])
    elif event == "socket.getaddrinfo":
        looked_up.append(args[0])
sys.addaudithook(watch)
import httpx
send = httpx.Client.send
def recorded(self, request, **options):
    headers.append({name: value for name, value in request.headers.items() if "auth" in name})
    return send(self, request, **options)
httpx.Client.send = recorded
import anyio, qwen_gradio
from qwen_gradio.transport import hooks
hooks.HOOKS = frozenset(hook for hook in hooks.Hook if hook.name in HOOKS)
async def main():
    async with qwen_gradio.AsyncQwenClient(URL, token=TOKEN, proxy=PROXY) as client:
        await client.ask("hi")
        async with client.stream(LONG) as reply:
            await anext(reply)
    await anyio.sleep(0.5)
anyio.run(main)
print(json.dumps({"connected": connected, "looked_up": looked_up, "headers": headers}))
"""


# Without the network hook, a question with a token or through a proxy is refused.
ALL, NETWORK, NONE = frozenset(Hook), frozenset({Hook.NETWORK}), frozenset[Hook]()


@pytest.mark.parametrize(
    ("hooks", "token"),
    [(ALL, None), (ALL, "hf_given"), (NETWORK, None), (NETWORK, "hf_given"), (NONE, None)],
    ids=["all hooks", "all hooks, token", "network hook", "network hook, token", "no hooks"],
)
def test_privacy_only_space_is_contacted(
    space: ScriptedSpace, tmp_path: Path, hooks: frozenset[Hook], token: str | None
) -> None:
    seen = watched(space, tmp_path, hooks=hooks, token=token, proxy_url=None)
    host, port = space.url.removeprefix("http://").split(":")
    assert {tuple(address) for address in seen["connected"]} == {(host, int(port))}
    assert set(seen["looked_up"]) <= {host}
    assert {value for headers in seen["headers"] for value in headers.values()} == (
        {f"Bearer {token}"} if token else set()
    )


@pytest.mark.parametrize("hooks", [ALL, NETWORK], ids=["all hooks", "network hook"])
def test_proxy_is_only_host_contacted(space: ScriptedSpace, tmp_path: Path, hooks: frozenset[Hook]) -> None:
    """Every socket of the process is seen: of a reply, of a cancel, and of what gradio_client does besides."""
    with proxy.running() as through:
        seen = watched(space, tmp_path, hooks=hooks, token="hf_given", proxy_url=through.url)  # noqa: S106 - none
        port = int(through.url.rpartition(":")[2])
    assert {tuple(address) for address in seen["connected"]} == {("127.0.0.1", port)}
    assert set(seen["looked_up"]) <= {"127.0.0.1"}
    assert all(request.split(" ")[1].startswith(space.url) for request in through.requests)


def watched(
    space: ScriptedSpace, tmp_path: Path, *, hooks: frozenset[Hook], token: str | None, proxy_url: str | None
) -> dict[str, Any]:
    """Run the watched program, and return its record."""
    (tmp_path / "token").write_text("hf_saved")
    values = {
        "URL": space.url,
        "TOKEN": token,
        "PROXY": proxy_url,
        "HOOKS": {hook.name for hook in hooks},
        "LONG": space.script(1000).prompt,
    }
    code = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + WATCHED
    clean = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name and "ANALYTICS" not in name}
    environment = {**clean, "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    seen: dict[str, Any] = json.loads(run.stdout)
    return seen


@pytest.mark.parametrize("secret", [{"token": "hf_secret"}, {"auth": ("ada", "hf_secret")}])
def test_token_or_auth_without_https_raises_invalid_option(secret: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="sent over plain http") as caught:
        AsyncQwenClient("http://example.invalid", **secret)
    assert "hf_secret" not in str(caught.value)
    for space in ("http://127.0.0.1:7860", "http://localhost", "https://example.invalid", "Qwen/Qwen2.5"):
        AsyncQwenClient(space, **secret)
    AsyncQwenClient("http://example.invalid", allow_plain_http=True, **secret)


async def test_token_auth_and_proxy_password_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = AsyncQwenClient(
        "http://127.0.0.1:9",
        token="hf_secret",  # noqa: S106 - none
        auth=("ada", "hf_secret"),
        proxy="http://ada:hf_secret@127.0.0.1:9",
    )
    with pytest.raises(QwenGradioError) as caught:
        await client.ask("hi")
    with pytest.raises(InvalidOption) as wrong:
        AsyncQwenClient(proxy="ftp://ada:hf_secret@127.0.0.1")
    texts = [client, client.stream("hi"), caught.value, wrong.value, caplog.text]
    assert "hf_secret" not in " ".join(f"{one} {one!r}" for one in texts)


@pytest.mark.parametrize("hooks", [ALL, NETWORK], ids=["all hooks", "network hook"])
async def test_proxy_carries_every_connection(
    space: ScriptedSpace,
    hooks: frozenset[Hook],
    monkeypatch: pytest.MonkeyPatch,
    calls_of: Callable[[object, str], Any],
) -> None:
    only_hooks(monkeypatch, hooks)
    script, cancelled = space.script(20), space.script(2000)
    connected = calls_of(socket, "create_connection")
    with proxy.running() as through:
        async with AsyncQwenClient(space.url, proxy=through.url) as client:
            assert await client.ask(script.prompt) == script.final
            async with client.stream(cancelled.prompt) as reply:
                await anext(reply)
        assert eventually(cancelled.stopped)
        assert len(through.requests) >= 6, through.requests  # config and info, then join and data twice
        port = int(through.url.rpartition(":")[2])
    own = [address for address, *_ in connected if address != ("127.0.0.1", port)]
    assert all(address == ("127.0.0.1", int(space.url.rpartition(":")[2])) for address in own), "the proxy's own"
    assert len(own) == len(through.requests), "every connection to the Space was requested of the proxy"


@pytest.mark.parametrize(
    "secret", [{"token": "hf_secret"}, {"auth": ("ada", "hf_secret")}, {"proxy": "http://[::1]:9"}]
)
async def test_privacy_missing_hook_refuses_token_auth_and_proxy_before_any_request(
    space: ScriptedSpace, secret: dict[str, Any], monkeypatch: pytest.MonkeyPatch, requests: list[str]
) -> None:
    only_hooks(monkeypatch, ALL - NETWORK)
    async with AsyncQwenClient(space.url) as client:
        assert "hi" in await client.ask("hi")
    del requests[:]
    with pytest.raises(InvalidOption, match=r"can't be kept to this Space with gradio_client .*, which lacks httpx"):
        await AsyncQwenClient(space.url, **secret).ask("hi")
    assert requests == []

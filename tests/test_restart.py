"""A Conversation whose Space may have been started anew between two questions: no turn is lost."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qwen_gradio import AsyncQwenClient
from qwen_gradio.reply import session

from .servers.forked import ForkServers

SCRIPT = Path(__file__).parent / "servers" / "serve.py"
APPS = Path(__file__).parent / "servers" / "apps"
SERVE = """
import sys
sys.path.insert(0, sys.argv[1])
import state_history
state_history.demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), prevent_thread_lock=True, quiet=True)
print("up", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def served_at(port: int) -> Iterator[None]:
    """Serve an app that keeps its turns in a State."""
    command = [sys.executable, "-c", SERVE, str(APPS), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield
        process.kill()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.full
async def test_conversation_restarted_space_gets_all_turns(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CHECK_INTERVAL", 0.0)
    client = AsyncQwenClient(f"http://127.0.0.1:{port}")
    async with contextlib.aclosing(client):
        talk = client.conversation()
        with served_at(port):
            await talk.ask("one")
            heard = json.loads(await talk.ask("two"))
            assert (heard["query"], [turn[0] for turn in heard["earlier"]]) == ("two", ["one"])
        with served_at(port):
            heard = json.loads(await talk.ask("three"))
    assert heard["earlier"] == []
    assert all(f"User: {question}\n" in heard["query"] for question in ("one", "two", "three"))


@pytest.fixture(scope="module")
def url(fork_servers: ForkServers) -> Iterator[str]:
    with fork_servers.running(SCRIPT, "state_history") as process:
        yield json.loads(process.printed)["state_history"]


@pytest.mark.parametrize(("interval", "made"), [(60.0, ["join", "data"]), (0.0, ["config", "join", "data"])])
async def test_conversation_space_is_checked_once_it_may_have_been_restarted(
    url: str, requests: list[str], monkeypatch: pytest.MonkeyPatch, interval: float, made: list[str]
) -> None:
    monkeypatch.setattr(session, "CHECK_INTERVAL", interval)
    async with AsyncQwenClient(url) as client:
        talk = client.conversation()
        await talk.ask("one")
        requests.clear()
        heard = json.loads(await talk.ask("two"))
    assert [turn[0] for turn in heard["earlier"]] == ["one"]
    assert [path.rpartition("/")[2] for path in requests] == made

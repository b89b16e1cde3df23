"""What the tests share: both backends, and real gradio servers that answer by script."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from qwen_gradio import demo

from .environments import python_with_gradio

SCRIPT = Path(__file__).with_name("scripted_space.py")
_ids = itertools.count()


@dataclass(frozen=True)
class ScriptedSpace:
    """A running scripted Space: where it is, and what it saw."""

    url: str
    log: Path

    def script(self, updates: int | list[str], **more: Any) -> Script:
        return Script(self, f"r{next(_ids)}", {"updates": updates, **more})

    def kill(self) -> None:
        """End its process as the kernel does that runs out of memory; the log's first line names it."""
        first = json.loads(self.log.read_text().splitlines()[0])
        os.kill(first["pid"], signal.SIGKILL)

    def saw(self, name: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["id"] == name]


@dataclass(frozen=True)
class Script:
    """A prompt that makes the Space play, and what the Space saw of it."""

    space: ScriptedSpace
    name: str
    play: dict[str, Any]

    @property
    def prompt(self) -> str:
        return json.dumps({"id": self.name, **self.play})

    def count(self, what: str) -> int:
        return sum(entry["saw"] == what for entry in self.space.saw(self.name))

    @property
    def final(self) -> str:
        """The whole reply, by the Space's own account."""
        text: str = next(entry["text"] for entry in self.space.saw(self.name) if entry["saw"] == "final")
        return text

    def stopped(self) -> bool:
        """Whether the Space works on it no more: closed (Gradio 5 and 6), or no step any more (4 drops it unclosed)."""
        if self.count("closed"):
            return True
        steps = self.count("step")
        time.sleep(0.3)
        return self.count("step") == steps


@contextlib.contextmanager
def scripted(folder: Path, *arguments: str, gradio: str = "6") -> Iterator[ScriptedSpace]:
    log = folder / "saw.jsonl"
    with demo.running(SCRIPT, str(log), *arguments, python=python_with_gradio(gradio)) as url:
        yield ScriptedSpace(url.rstrip("/"), log)


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedSpace]:
    """A scripted Space on Gradio 6."""
    with scripted(tmp_path_factory.mktemp("space")) as running:
        yield running


@pytest.fixture
def make_space(tmp_path: Path) -> Iterator[Callable[..., ScriptedSpace]]:
    """Make scripted Spaces that end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(scripted(tmp_path, *arguments, **options))


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Nothing is tried again, but where a test is about that."""
    stamina.set_active(False)
    yield
    stamina.set_active(True)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are asked for, in order, whichever httpx client asks."""
    paths: list[str] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        paths.append(request.url.path)
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    return paths


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Make servers on 127.0.0.1 that answer every request alike; they end with the test."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def make(answer: bytes) -> str:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                self.request.sendall(answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "qwen_gradio"]


def eventually(holds: Callable[[], bool], seconds: float = 5) -> bool:
    """Wait until something holds; the time bounds a failing test, and is no measure."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True

"""Processes that serve gradio apps, forked from one that has imported gradio; and the scripted Spaces among them."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..environments import python_with_gradio

FORK_SERVER = Path(__file__).with_name("fork_server.py")
SCRIPTED_SPACE = FORK_SERVER.with_name("scripted_space.py")
_ids = itertools.count()
T = TypeVar("T")


class ForkServer:
    """A process that has imported one version of gradio."""

    def __init__(self, python: str) -> None:
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - an unread pipe would fill up
        self._process = subprocess.Popen(
            [python, str(FORK_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def close(self) -> None:
        self._process.kill()  # the standard inputs of all that it forked end with it, and so do they
        self._process.communicate()
        self._errors.close()

    def request(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
            return answer

    def run(self, script: Path, *arguments: str) -> Process:
        """Run a script until it has printed a line."""
        answer = self.request(run=[str(script), *arguments])
        if not answer.get("printed"):
            self._errors.seek(0)
            raise RuntimeError(f"{script.name} did not start: {self._errors.read().decode(errors='replace')[-4000:]}")
        return Process(self, answer["pid"], answer["printed"])


@dataclass
class Process:
    """A forked process: what it printed first, and what can be done to it."""

    server: ForkServer
    pid: int
    printed: str
    ended: bool = False

    def kill(self) -> None:
        """End it as the kernel does that runs out of memory; nothing that it had open is open then."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        self.server.request(signal=signal.SIGSTOP, pid=self.pid)

    def thaw(self) -> None:
        self.server.request(signal=signal.SIGCONT, pid=self.pid)

    def _end(self, number: int) -> None:
        if not self.ended:
            self.ended = True
            self.server.request(signal=number, pid=self.pid)


class ForkServers:
    """A fork server for each version of gradio, started when it is needed first."""

    def __init__(self) -> None:
        self._servers: dict[str, ForkServer] = {}

    def __enter__(self) -> ForkServers:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.close()

    def start(self, script: Path, *arguments: str, gradio: str = "6") -> Process:
        """Run a script that serves until it is killed, or this context ends."""
        if gradio not in self._servers:
            self._servers[gradio] = ForkServer(python_with_gradio(gradio))
        return self._servers[gradio].run(script, *arguments)

    @contextlib.contextmanager
    def running(self, script: Path, *arguments: str, gradio: str = "6") -> Iterator[Process]:
        """Run a script that serves until the context ends."""
        process = self.start(script, *arguments, gradio=gradio)
        try:
            yield process
        finally:
            process.kill()

    @contextlib.contextmanager
    def scripted(self, folder: Path, *arguments: str, gradio: str = "6") -> Iterator[ScriptedSpace]:
        """Run a scripted Space."""
        log = folder / f"saw-{next(_ids)}.jsonl"
        port = () if "--port" in arguments else ("--port", str(lasting_port()))
        with self.running(SCRIPTED_SPACE, str(log), *port, *arguments, gradio=gradio) as process:
            yield ScriptedSpace(process.printed.rstrip("/"), log, process)


def lasting_port() -> int:
    """Find a free port below those that the kernel hands out, so that a server can restart on it."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


@dataclass(frozen=True)
class LoggedSpace:
    """A Space that logs what it sees: its URL, and the log."""

    url: str
    log: Path

    def saw(self, name: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["id"] == name]


@dataclass(frozen=True)
class ScriptedSpace(LoggedSpace):
    """A running scripted Space, and its process."""

    process: Process

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def script(self, updates: int | list[str], **more: Any) -> Script:
        return Script(self, f"r{next(_ids)}", {"updates": updates, **more})

    def script_in_step(self, updates: int | list[str]) -> Script:
        """Make a script whose every update waits until the fragment of the one before has been `read`."""
        return self.script(updates, step=0, read=str(self.log.with_name(f"read-{next(_ids)}")))


@dataclass(frozen=True)
class Script:
    """A prompt that tells the Space what to play, and the log of it."""

    space: ScriptedSpace
    name: str
    play: dict[str, Any]

    @property
    def prompt(self) -> str:
        return json.dumps({"id": self.name, **self.play})

    def read(self, fragment: T) -> T:
        """Let a script that is in step with its reader go on, and give the fragment that was read."""
        with open(self.play["read"], "ab") as file:
            file.write(b".")
        return fragment

    def count(self, what: str) -> int:
        return sum(entry["saw"] == what for entry in self.space.saw(self.name))

    @property
    def final(self) -> str:
        """The whole reply, by the Space's own account."""
        text: str = next(entry["text"] for entry in self.space.saw(self.name) if entry["saw"] == "final")
        return text

    def stopped(self) -> bool:
        """Whether the Space has given it up: closed (Gradio 5 and 6), or no step any more (4 drops it unclosed)."""
        if self.count("closed") or self.count("final"):
            return not self.count("final")
        steps = self.count("step")
        time.sleep(0.3)
        return self.count("step") == steps

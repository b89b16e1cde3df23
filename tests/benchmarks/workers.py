"""The processes of a run: the servers, the relay, and a worker for each client."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import trustme

from qwen_gradio import demo

from ..environments import CACHE, python_with, python_with_gradio

HERE = Path(__file__).parent
JS_CLIENT = "@gradio/client@2.7.0"
JS = "JavaScript, @gradio/client"
G4F = "g4f's provider"
ROUND_TRIP = 0.05  # seconds
PATIENCE = 180.0  # seconds for one order


@contextlib.contextmanager
def gradio(version: str, *arguments: str) -> Iterator[str]:
    """A real gradio server whose tokens are its clock."""
    with demo.run_in_process(HERE / "clock.py", *arguments, python=python_with_gradio(version), timeout=120) as url:
        yield url


@contextlib.contextmanager
def minimal(like: str, folder: Path) -> Iterator[str]:
    """The minimal server, which says of itself what a real one says."""
    pages = {"config": f"{like}config", "info": f"{like}gradio_api/info"}
    for name, page in pages.items():
        (folder / name).write_bytes(httpx.get(page, trust_env=False).raise_for_status().content)
    with demo.run_in_process(HERE / "minimal.py", *(str(folder / name) for name in pages)) as url:
        yield url


@contextlib.contextmanager
def far(folder: Path) -> Iterator[tuple[str, Path]]:
    """A real gradio server behind TLS and a relay that delays every packet, and the authority that vouches for it."""
    authority, trusted = trustme.CA(), folder / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with gradio("6", "--certificate", str(folder / "server.pem")) as url:
        port = str(httpx.URL(url).port)
        with demo.run_in_process(HERE / "relay.py", port, str(ROUND_TRIP)) as near:
            yield f"https://127.0.0.1:{near}/", trusted


def node_modules() -> Path | None:
    """Where the JavaScript client is, installed once; None if Node or the registry can't be reached."""
    home = CACHE / "node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    if not (home / "node_modules").exists():
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), JS_CLIENT]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
    return home / "node_modules"


class Worker:
    """A client in a process of its own, which is connected.

    Attributes:
        spawned: when it was started, as Unix time.
    """

    def __init__(self, name: str, url: str, trusted: Path | None = None) -> None:
        self.name = name
        command = [sys.executable, str(HERE / "clients.py"), name, url]
        environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "NO_PROXY": "127.0.0.1"}
        if name == JS:
            command = ["node", str(HERE / "client.mjs"), url]
            environment["NODE_MODULES"] = str(node_modules())
        elif name == G4F:
            command[0] = python_with("g4f-0.4.8.1")
        if trusted:
            environment |= {"SSL_CERT_FILE": str(trusted), "NODE_EXTRA_CA_CERTS": str(trusted)}
        self.spawned = time.time()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._told()

    def ask(self, **order: Any) -> dict[str, Any]:
        """Let it ask, and give what it tells of that.

        Raises:
            RuntimeError: it ended, or took longer than `PATIENCE`.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"at_once": 1, "turns": 0, **order}).encode() + b"\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        overdue = threading.Timer(PATIENCE, self._process.kill)
        overdue.start()
        try:
            line = self._process.stdout.readline()
        finally:
            overdue.cancel()
        if not line:
            raise RuntimeError(f"{self.name} ended, or took too long")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=5)
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def worker(name: str, url: str, trusted: Path | None = None) -> Iterator[Worker]:
    made = Worker(name, url, trusted)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def workers(names: Sequence[str], url: str, trusted: Path | None = None) -> Iterator[Mapping[str, Worker]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(worker(name, url, trusted)) for name in names}

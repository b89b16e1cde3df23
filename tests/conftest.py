"""What the tests share: both backends, and real gradio servers that answer by script."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import socketserver
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
import trustme
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from qwen_gradio.transport import hooks
from qwen_gradio.transport.connection import descriptions
from qwen_gradio.transport.hooks import Hook
from qwen_gradio.transport.pool import tls_context

from .servers import proxy
from .servers.forked import ForkServers, Script, ScriptedSpace
from .servers.proxy import Server

__all__ = ["Script", "ScriptedSpace", "eventually", "our_threads"]

CACHE = Path(__file__).parents[1] / ".cache"
# Nothing is written outside of the clone; a server or a command that a test starts inherits it.
(CACHE / "tmp").mkdir(parents=True, exist_ok=True)
os.environ["XDG_DATA_HOME"] = str(CACHE / "data")
os.environ["TMPDIR"] = tempfile.tempdir = str(CACHE / "tmp")
set_hypothesis_home_dir(CACHE / "hypothesis")

# A program that a shell starts in the background ignores Ctrl-C, and so would those that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", unhurried, derandomize=True, max_examples=50)
settings.register_profile("full", unhurried, max_examples=500, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests that are marked as full, too")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("full" if config.getoption("full") else "quick")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked as full, unless that is asked for; begin with what takes minutes, beside the rest."""
    items.sort(key=lambda item: not any(mark.kwargs.get("first") for mark in item.iter_markers("full")))
    if not config.getoption("full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def fork_servers() -> Iterator[ForkServers]:
    """What runs scripts that serve gradio apps."""
    with ForkServers() as servers:
        yield servers


@pytest.fixture(scope="session")
def space(fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedSpace]:
    """A scripted Space on Gradio 6."""
    with fork_servers.scripted(tmp_path_factory.mktemp("space")) as running:
        yield running


@pytest.fixture(scope="session")
def description(space: ScriptedSpace) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a real Space says of itself."""
    with httpx.Client(base_url=space.url, trust_env=False) as client:
        return client.get("/config").json(), client.get("/gradio_api/info", params={"serialize": "False"}).json()


@pytest.fixture
def make_space(fork_servers: ForkServers, tmp_path: Path) -> Iterator[Callable[..., ScriptedSpace]]:
    """Make scripted Spaces that end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(fork_servers.scripted(tmp_path, *arguments, **options))


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Nothing is tried again, but where a test is about that; and nothing is known of any Space."""
    stamina.set_active(False)
    descriptions.clear()  # another server may have had the same port
    yield
    stamina.set_active(True)


@pytest.fixture(params=["all hooks", "no hooks"])
def some_hooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> frozenset[Hook]:
    """What helps gradio_client along: all of it, and none."""
    return only_hooks(monkeypatch, frozenset(Hook) if request.param == "all hooks" else frozenset())


def only_hooks(monkeypatch: pytest.MonkeyPatch, only: frozenset[Hook]) -> frozenset[Hook]:
    """Look for these hooks alone, as if gradio_client had nothing for the others."""
    monkeypatch.setattr(hooks, "HOOKS", only)
    return only


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def calls_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], list[tuple[Any, ...]]]:
    """Record the arguments of each call of a function, but for those in a thread that another test left behind."""

    def record(owner: object, name: str) -> list[tuple[Any, ...]]:
        made: list[tuple[Any, ...]] = []
        function = getattr(owner, name)

        def recorded(*arguments: Any, **options: Any) -> Any:
            if is_of_this_test():
                made.append(arguments)
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, recorded)
        return made

    return record


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are asked for, in order, whichever httpx client asks."""
    paths: list[str] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if is_of_this_test():
            paths.append(request.url.path)
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    return paths


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Make servers on 127.0.0.1 that answer every request alike; they end with the test."""
    servers: list[Server] = []

    def make(answer: bytes) -> str:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    self.request.recv(65536)
                    self.request.sendall(answer)
                    self.request.shutdown(socket.SHUT_WR)
                    while self.request.recv(65536):  # closed with something unread, a socket is reset
                        pass

        server = Server(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serve_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Give a server on 127.0.0.1 another host's name, and TLS with a certificate for it."""
    ports: dict[str, int] = {}
    authority, resolve = trustme.CA(), socket.getaddrinfo
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))

    def resolved(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        host, port = ("127.0.0.1", ports[host]) if host in ports else (host, port)
        return resolve(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls_context.cache_clear()
    with contextlib.ExitStack() as stack:

        def serve(host: str, url: str) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(context)
            front = stack.enter_context(proxy.tls(url, context))
            ports[host] = int(front.rpartition(":")[2])

        yield serve
    tls_context.cache_clear()


_threads_before: list[threading.Thread] = []


@pytest.fixture(autouse=True)
def threads_before() -> Iterator[list[threading.Thread]]:
    """The threads that there are when a test begins, which it doesn't count."""
    _threads_before[:] = threading.enumerate()
    yield _threads_before
    _threads_before.clear()


def is_of_this_test() -> bool:
    """Whether the thread that asks is the tests' own, or was started by the test that runs."""
    thread = threading.current_thread()
    return thread is threading.main_thread() or thread not in _threads_before


def our_threads() -> list[str]:
    """The package's threads that this test has started."""
    new = [thread for thread in threading.enumerate() if thread not in _threads_before]
    return [thread.name for thread in new if thread.name == "qwen_gradio"]


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until something holds; the time bounds a failing test, and is no measure."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True

"""Every app on every Gradio streams or fails with the named error, on both backends and through two gradio_clients."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from qwen_gradio import AsyncQwenClient, QwenGradioError, connection

from .. import proxy
from ..environments import python_with
from ..servers.forked import ForkServers
from .cells import APPS, BY_NAME, CELLS, COLUMNS, EARLIER, QUERY, STREAMS, SYSTEM, WHOLE, App, table

ROOT = Path(__file__).parents[2]
RUNNING = "QWEN_GRADIO_CELLS"  # where the servers are that the run which started this one has up


# What this environment lacks: the app is served by one that has it.
IN_MODELSCOPE_STUDIO = {"qwen2_5", "qwen3"}


class Servers:
    """The apps, each served when it is asked first; and the file of the private CA."""

    def __init__(self, stack: ExitStack, fork_servers: ForkServers, folder: Path) -> None:
        self._stack, self._fork_servers = stack, fork_servers
        self._authority = trustme.CA()
        self.authority = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.authority)
        self._urls: dict[tuple[str, str], str] = {}

    def url(self, column: str, app: App) -> str:
        if app.name == "tls":
            return self._behind_tls(column)
        key = column, app.file
        if key not in self._urls:
            self._urls[key] = self._served(column, app.file)
        return self._urls[key]

    def _served(self, column: str, name: str) -> str:
        version, _, kind = column.partition(" ")
        kinds = ["--chatbots", kind] if kind else []
        gradio = "6-modelscope" if version == "6" and name in IN_MODELSCOPE_STUDIO else version
        script = Path(__file__).with_name("serve.py")
        running = self._stack.enter_context(self._fork_servers.running(script, *kinds, name, gradio=gradio))
        url: str = json.loads(running.printed)[name]
        return url

    def _behind_tls(self, column: str) -> str:
        key = column, "tls"
        if key not in self._urls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert("localhost").configure_cert(context)
            plain = self.url(column, BY_NAME["qwen2_72b"])
            self._urls[key] = self._stack.enter_context(proxy.tls(plain, context))
        return self._urls[key]

    def running(self, column: str) -> str:
        """Where all apps of a column are, as JSON for another run."""
        urls = {app.name: self.url(column, app) for app in APPS if column in app.columns}
        return json.dumps({"urls": urls, "authority": self.authority})


class ServedElsewhere:
    """The same, of the run that started this one."""

    def __init__(self, running: dict[str, Any]) -> None:
        self._urls, self.authority = running["urls"], running["authority"]

    def url(self, _column: str, app: App) -> str:
        url: str = self._urls[app.name]
        return url


@pytest.fixture(scope="module")
def servers(fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers | ServedElsewhere]:
    if RUNNING in os.environ:
        yield ServedElsewhere(json.loads(os.environ[RUNNING]))
        return
    with ExitStack() as stack:
        yield Servers(stack, fork_servers, tmp_path_factory.mktemp("cells"))


@pytest.fixture
def trusted(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The private CA is trusted, as a user would have it: by SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", servers.authority)
    connection._tls.cache_clear()
    yield
    connection._tls.cache_clear()


async def outcome(url: str, app: App) -> str:
    """Ask an app, prove that it heard all and that all of its reply came, and tell how."""
    asked = [("user", EARLIER[0]), ("assistant", EARLIER[1]), ("user", QUERY)]
    messages = [{"role": role, "content": text} for role, text in asked]
    system = SYSTEM if app.system else None
    try:
        async with (
            AsyncQwenClient(url, **app.client) as client,
            client.stream(messages, system=system, **app.options) as reply,
        ):
            fragments = [fragment async for fragment in reply]
    except QwenGradioError as exc:
        return type(exc).__name__
    assert "".join(fragments) == reply.text
    assert json.loads(reply.text) == app.hears
    assert reply.thinking == app.thinking
    return WHOLE if len(fragments) == 1 else STREAMS


def marked(column: str, name: str) -> Any:
    is_apart = column == "6" and name in IN_MODELSCOPE_STUDIO
    return pytest.param(column, name, marks=[pytest.mark.full, pytest.mark.xdist_group("6")] if is_apart else [])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("column", "name"), [marked(*cell) for cell in CELLS])
async def test_a_cell(servers: Servers, requests: list[str], column: str, name: str) -> None:
    app = BY_NAME[name]
    assert await outcome(servers.url(column, app), app) == app.outcome
    asked = ["config", "info", "join", "data"] if app.outcome in (STREAMS, WHOLE) else ["config", "info"]
    made = [path.rpartition("/")[2] for path in requests]
    logins = {"authenticated": ["login", *asked], "authenticated_wrong": ["login"], "authenticated_not": ["config"]}
    assert made == logins.get(name, asked), "no request more than gradio_client makes"


@pytest.mark.parametrize("column", ["4.44.1", "6"])
@pytest.mark.parametrize(
    "name", ["undocumented", "authenticated", "authenticated_wrong", "authenticated_not", "mounted"]
)
async def test_a_cell_without_the_seams(
    servers: Servers, column: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qwen_gradio.connection.missing_seams", lambda: ["a seam"])
    app = BY_NAME[name]
    assert await outcome(servers.url(column, app), app) == app.outcome


@pytest.mark.full
@pytest.mark.skipif(RUNNING in os.environ, reason="this is that run")
@pytest.mark.parametrize("column", COLUMNS)
def test_cells_through_oldest_gradio_client_have_same_outcome(servers: Servers, column: str) -> None:
    selected = f"{test_a_cell.__name__}[ and {column.split(' ')[-1]}-"
    command = [python_with("gradio_client-2.6.1"), "-m", "pytest", "-q", "--full", "-n", "2", "-k", selected, __file__]
    environment = {**os.environ, RUNNING: servers.running(column)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    cells = [cell for cell in CELLS if cell[0] == column]
    assert f"{2 * len(cells)} passed" in run.stdout, "on asyncio and on trio"


def test_the_table_in_the_readme_is_of_these_cells() -> None:
    assert table() in (ROOT / "README.md").read_text()

"""Every app on every Gradio streams or fails with the named error, on both backends and through two gradio_clients."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from qwen_gradio import AsyncQwenClient, QwenGradioError, connection, demo

from .. import proxy
from ..environments import python_with
from .cells import APPS, BY_NAME, CELLS, COLUMNS, EARLIER, QUERY, STREAMS, SYSTEM, WHOLE, App, table

ROOT = Path(__file__).parents[2]
RUNNING = "QWEN_GRADIO_CELLS"  # where the servers are that the run which started this one has up


class Servers:
    """The apps, served column by column, the next ones while the first are asked; and the file of the private CA."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._authority = trustme.CA()
        self.authority = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.authority)
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        self._urls = {column: pool.submit(self._served, column) for column in COLUMNS}

    def url(self, column: str, app: App) -> str:
        return self._urls[column].result()["tls" if app.name == "tls" else app.file]

    def running(self) -> str:
        urls = {column: served.result() for column, served in self._urls.items()}
        return json.dumps({"urls": urls, "authority": self.authority})

    def _served(self, column: str) -> dict[str, str]:
        version, _, kind = column.partition(" ")
        names = sorted({app.file for app in APPS if column in app.columns})
        kinds = ["--chatbots", kind] if kind else []
        script, python = Path(__file__).with_name("serve.py"), python_with(f"gradio-{version}")
        running = demo.running(script, *kinds, *names, python=python, seconds=120)
        urls: dict[str, str] = json.loads(self._stack.enter_context(running))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost").configure_cert(context)
        return {**urls, "tls": self._stack.enter_context(proxy.tls(urls["qwen2_72b"], context))}


class ServedElsewhere:
    """The same, of the run that started this one."""

    def __init__(self, running: dict[str, Any]) -> None:
        self._urls, self.authority = running["urls"], running["authority"]

    def url(self, column: str, app: App) -> str:
        url: str = self._urls[column]["tls" if app.name == "tls" else app.file]
        return url


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers | ServedElsewhere]:
    if RUNNING in os.environ:
        yield ServedElsewhere(json.loads(os.environ[RUNNING]))
        return
    with ExitStack() as stack:
        yield Servers(stack, tmp_path_factory.mktemp("cells"))


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


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("column", "name"), CELLS)
async def test_a_cell(servers: Servers, requests: list[str], column: str, name: str) -> None:
    app = BY_NAME[name]
    assert await outcome(servers.url(column, app), app) == app.outcome
    asked = ["config", "info", "join", "data"] if app.outcome in (STREAMS, WHOLE) else ["config", "info"]
    made = [path.rpartition("/")[2] for path in requests]
    logins = {"authenticated": ["login", *asked], "authenticated_wrong": ["login"], "authenticated_not": ["config"]}
    assert made == logins.get(name, asked), "no request more than gradio_client makes"


@pytest.mark.parametrize(
    "name", ["undocumented", "authenticated", "authenticated_wrong", "authenticated_not", "mounted"]
)
async def test_a_cell_without_the_seams(servers: Servers, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_gradio.connection.missing_seams", lambda: ["a seam"])
    app = BY_NAME[name]
    assert await outcome(servers.url("4.44.1", app), app) == app.outcome


@pytest.mark.skipif(RUNNING in os.environ, reason="this is that run")
def test_every_cell_through_the_oldest_gradio_client(servers: Servers) -> None:
    command = [
        python_with("gradio_client-2.6.1"),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "test_a_cell and not seams",
    ]
    environment = {**os.environ, RUNNING: servers.running()}
    run = subprocess.run([*command, __file__], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert f"{2 * len(CELLS)} passed" in run.stdout, "on asyncio and on trio"


def test_the_table_in_the_readme_is_of_these_cells() -> None:
    assert table() in (ROOT / "README.md").read_text()

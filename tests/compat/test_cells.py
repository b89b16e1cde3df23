"""Every app on every Gradio streams or fails with the named error, on both backends and through two gradio_clients."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from qwen_gradio import AsyncQwenClient, QwenGradioError
from qwen_gradio.transport.hooks import Hook
from qwen_gradio.transport.pool import tls_context

from ..conftest import only_hooks
from ..environments import on_gradio, python_with
from ..servers import proxy
from ..servers.forked import ForkServers
from .cells import BY_NAME, CELLS, COLUMNS, EARLIER, QUERY, STREAMS, SYSTEM, WHOLE, App, table

ROOT = Path(__file__).parents[2]
SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
IN_MODELSCOPE_STUDIO = {"qwen2_5", "qwen3"}
RUNNING = "QWEN_GRADIO_CELLS"  # where the servers are that the run which started this one has up


@dataclass(frozen=True)
class Served:
    """An app that is up on a Gradio."""

    column: str
    app: App
    url: str


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    """A private CA, and the file of its certificate."""
    made, path = trustme.CA(), str(tmp_path_factory.mktemp("cells") / "authority.pem")
    made.cert_pem.write_to_path(path)
    return made, path


@contextmanager
def serving(fork_servers: ForkServers, authority: trustme.CA, column: str, apps: list[App]) -> Iterator[dict[str, str]]:
    """Serve apps in a process of their own, and give the URL of each by the app's name."""
    kinds = ["--chatbots", column.split(" ")[1]] if " " in column else []
    names = sorted({app.file for app in apps})
    with ExitStack() as stack:
        process = stack.enter_context(fork_servers.running(SERVE, *kinds, *names, gradio=gradio_for(column, apps)))
        files: dict[str, str] = json.loads(process.printed)
        urls = {app.name: files[app.file] for app in apps}
        if "tls" in urls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            urls["tls"] = stack.enter_context(proxy.tls(urls["tls"], context))
        yield urls


def gradio_for(column: str, apps: list[App]) -> str:
    """The Gradio of a column, with modelscope_studio where an app needs it that this environment lacks."""
    version = column.split(" ")[0]
    return "6-modelscope" if version == "6" and any(app.name in IN_MODELSCOPE_STUDIO for app in apps) else version


def param(column: str, name: str) -> Any:
    """A cell: all of an old Gradio's are one worker's, and of the newest those of the same app."""
    gradio = gradio_for(column, [BY_NAME[name]])
    marks = [pytest.mark.xdist_group(f"6 {name}")] if gradio == "6" else on_gradio(gradio)
    return pytest.param((column, name), marks=marks, id=f"{column}-{name}")


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, fork_servers: ForkServers, authority: tuple[trustme.CA, str]
) -> Iterator[Served]:
    column, name = request.param
    app = BY_NAME[name]
    if RUNNING in os.environ:
        yield Served(column, app, json.loads(os.environ[RUNNING])[name])
    else:
        with serving(fork_servers, authority[0], column, [app]) as urls:
            yield Served(column, app, urls[name])


@pytest.fixture
def trusted(authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The private CA is trusted, as a user would have it: by SSL_CERT_FILE."""
    if RUNNING not in os.environ:  # else that run has set it
        monkeypatch.setenv("SSL_CERT_FILE", authority[1])
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


async def outcome(url: str, app: App) -> str:
    """Ask an app, check its whole reply, and return how it came."""
    turns = [("user", EARLIER[0]), ("assistant", EARLIER[1]), ("user", QUERY)]
    messages = [{"role": role, "content": text} for role, text in turns]
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
    answer, _, rest = reply.text.partition("\n\n" if app.rest else "\0")
    assert json.loads(answer) == app.expected_reply
    assert re.fullmatch(app.rest, rest)
    assert reply.thinking == app.thinking
    return WHOLE if len(fragments) == 1 else STREAMS


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("served", [param(*cell) for cell in CELLS], indirect=True)
async def test_app_each_gradio_version_gives_expected_outcome(served: Served, requests: list[str]) -> None:
    app = served.app
    assert await outcome(served.url, app) == app.outcome
    expected = ["config", "info", "join", "data"] if app.outcome in (STREAMS, WHOLE) else ["config", "info"]
    made = [path.rpartition("/")[2] for path in requests]
    if app.name in ("guide", "qwen3"):  # its question takes two steps, or one and the page's opening
        expected += ["join", "data"]
    logins = {"authenticated": ["login", *expected], "authenticated_wrong": ["login"], "authenticated_not": ["config"]}
    if app.name in ("text_to_text", "qwen3"):  # a step after the reply may have begun
        made = made[: len(expected)]
    assert made == logins.get(app.name, expected), "no request more than gradio_client makes"


APART = ["undocumented", "authenticated", "authenticated_wrong", "authenticated_not", "mounted"]


@pytest.mark.parametrize("served", [param(column, name) for column in ("4.44.1", "6") for name in APART], indirect=True)
async def test_app_without_hooks_gives_expected_outcome(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # A login is kept to this Space by the network's own.
    only_hooks(monkeypatch, frozenset({Hook.NETWORK}) if "auth" in served.app.client else frozenset())
    assert await outcome(served.url, served.app) == served.app.outcome


def apps_of(column: str) -> list[App]:
    return [BY_NAME[name] for at, name in CELLS if at == column]


@pytest.mark.skipif(RUNNING in os.environ, reason="this is that run")
@pytest.mark.parametrize(
    "column", [pytest.param(column, marks=on_gradio(gradio_for(column, apps_of(column)))) for column in COLUMNS]
)
def test_app_oldest_gradio_client_gives_expected_outcome(
    fork_servers: ForkServers, authority: tuple[trustme.CA, str], column: str
) -> None:
    cells = apps_of(column)
    selected = f"{test_app_each_gradio_version_gives_expected_outcome.__name__}[ and {column.split(' ')[-1]}-"
    command = [python_with("gradio_client-2.6.1"), "-m", "pytest", "-q", "--full", "-n", "2", "-k", selected, __file__]
    with serving(fork_servers, authority[0], column, cells) as urls:
        environment = {**os.environ, RUNNING: json.dumps(urls), "SSL_CERT_FILE": authority[1]}
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert f"{2 * len(cells)} passed" in run.stdout, "on asyncio and on trio"


def test_readme_gradio_table_matches_tested_apps() -> None:
    assert table() in (ROOT / "tests" / "compat" / "README.md").read_text()

"""The versions of gradio_client on those of Gradio: where it answers by itself, so do we."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..environments import python_with
from ..servers.forked import ForkServers, LoggedSpace
from ..servers.proxy import Proxy
from .answers import ask
from .servers import served

pytestmark = pytest.mark.full

CLIENTS = ["1.3.0", "1.14.0", "2.0.3", "2.6.1", "newest"]
SERVERS = ["4.0.2", "4.44.1", "5.50.0", "6"]
UNFIT = {("1.3.0", "5.50.0"), ("1.3.0", "6")}  # it knows no prefix of URLs, and gradio_client says so itself


@pytest.fixture(scope="module", params=SERVERS)
def gradio(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def space_of_a_version(
    gradio: str, fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoggedSpace]:
    with fork_servers.scripted(tmp_path_factory.mktemp("version"), gradio=gradio) as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS)
def test_client_version_on_server_version_is_answered_alike(
    client: str, gradio: str, space_of_a_version: LoggedSpace, http_proxy: Proxy
) -> None:
    python = sys.executable if client == "newest" else python_with(f"gradio_client-{client}")
    answers = ask(space_of_a_version, http_proxy, name=f"{client} on {gradio}", python=python)
    if (client, gradio) in UNFIT:
        assert not answers.answered_plainly
        errors = [reply["error"] for mode in ("asyncio", "trio") for reply in answers.reports[mode]["replies"]]
        assert all("gradio_client" in error for error in errors), errors
    else:
        assert answers.answered_plainly, answers.plain_trouble()
        assert answers.differences() == []


@pytest.mark.parametrize("gradio", ["4.44.1", "5.50.0", "6"])
def test_package_beside_gradio_in_one_environment_installs_imports_and_streams(
    gradio: str, http_proxy: Proxy, tmp_path: Path
) -> None:
    python = python_with(f"beside-gradio-{gradio}")
    version = subprocess.check_output([python, "-c", "import gradio; print(gradio.__version__)"], text=True)
    assert version.startswith(gradio)
    with served(tmp_path, python=python) as space:
        answers = ask(space, http_proxy, name=f"beside {gradio}", python=python)
    assert answers.answered_plainly, answers.plain_trouble()
    assert answers.differences() == []

"""Shared by the tests of versions and futures: a proxy, and scripted Spaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..servers import proxy
from ..servers.forked import ForkServers, LoggedSpace
from ..servers.proxy import Proxy


@pytest.fixture(scope="session")
def http_proxy() -> Iterator[Proxy]:
    with proxy.running() as running:
        yield running


@pytest.fixture(scope="session")
def space_of_today(fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedSpace]:
    """A Space on Gradio as it is installed."""
    with fork_servers.scripted(tmp_path_factory.mktemp("today")) as running:
        yield running

"""What the fault trial shares: its servers, its judge, and the table that it prints at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from . import wrong_server
from .nursery import Nursery, Space
from .trial import Row, Trial, rows
from .wrong_server import WrongServer


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with tempfile.TemporaryDirectory() as folder, Nursery(Path(folder)) as made:
        yield made


@pytest.fixture(scope="session")
def real(nursery: Nursery) -> Iterator[Space]:
    """A real Gradio server that the whole trial asks."""
    with nursery.space() as space:
        yield space


@pytest.fixture(scope="session")
def description(real: Space) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a real one says of itself."""
    with httpx.Client(base_url=real.url, trust_env=False) as client:
        return client.get("/config").json(), client.get("/gradio_api/info", params={"serialize": "False"}).json()


@pytest.fixture(scope="session")
def elsewhere(description: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[WrongServer]:
    """Where nobody may go."""
    with wrong_server.running(description, {}, []) as server:
        yield server


@pytest.fixture
def trial(anyio_backend: str, capfd: pytest.CaptureFixture[str]) -> Trial:
    return Trial(anyio_backend, capfd)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what came of each case, in a line for each; two where the backends differ."""
    if not rows:
        return
    table: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        table.setdefault((row.name, row.came, row.partial), []).append(row)
    names = {name for name, _, _ in table}
    terminalreporter.section(f"fault trial: {len(names)} cases, {len(rows)} runs")
    for (name, came, partial), same in table.items():
        backends = {row.backend for row in same}
        where = f" ({', '.join(sorted(backends))})" if sum(key[0] == name for key in table) > 1 else ""
        terminalreporter.write_line(f"{name + where:<52} | {came:<28} | {partial}")

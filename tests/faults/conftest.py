"""What the fault trial shares: its servers, its judge, and the table that it prints at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..servers import wrong_server
from ..servers.wrong_server import WrongServer
from .trial import ROW, Row, Trial


@pytest.fixture(scope="session")
def elsewhere(description: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[WrongServer]:
    """Where nobody may go."""
    with wrong_server.running(description, {}, []) as server:
        yield server


@pytest.fixture
def trial(anyio_backend: str, capfd: pytest.CaptureFixture[str], record_property: Callable[..., None]) -> Trial:
    return Trial(anyio_backend, capfd, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what came of each case, in a line for each; two where the backends differ."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    rows = [Row(*value) for report in reports for name, value in report.user_properties if name == ROW]
    if not rows:
        return
    table: dict[tuple[str, str, str], list[Row]] = {}
    for row in sorted(rows):
        table.setdefault((row.name, row.came, row.partial), []).append(row)
    names = {name for name, _, _ in table}
    terminalreporter.section(f"fault trial: {len(names)} cases, {len(rows)} runs")
    for (name, came, partial), same in table.items():
        backends = {row.backend for row in same}
        where = f" ({', '.join(sorted(backends))})" if sum(key[0] == name for key in table) > 1 else ""
        terminalreporter.write_line(f"{name + where:<52} | {came:<28} | {partial}")

"""The README: its command in a fresh environment, its programs against the stand-in, its tables against the code."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from qwen_gradio import AsyncQwenClient, Timeouts, demo, errors
from qwen_gradio.space import catalogue

from .benchmarks import report
from .servers.forked import ForkServers

ROOT = Path(__file__).parents[1]
BENCHMARKS = Path(__file__).parent / "benchmarks"
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def stand_in(fork_servers: ForkServers) -> Iterator[str]:
    with fork_servers.running(Path(demo.__file__)) as process:
        yield process.printed.rstrip("/")


def run(program: str, stand_in: str) -> str:
    program = program.replace("http://127.0.0.1:7860", stand_in)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


PROGRAMS = blocks("python")
OUTPUTS = blocks("text")


def test_readme_first_program_prints_documented_output(stand_in: str) -> None:
    assert run(PROGRAMS[0], stand_in) + "\n" == OUTPUTS[0]
    assert len([line for line in PROGRAMS[0].splitlines() if line]) == 8


def test_readme_sync_client_program_keeps_history(stand_in: str) -> None:
    printed = run(PROGRAMS[1], stand_in)
    assert "The system message: Be brief." in printed
    assert printed.endswith("Said before that: you said “My name is Ada.”\n")


def test_readme_map_program_prints_documented_output(stand_in: str) -> None:
    assert run(PROGRAMS[2], stand_in) == OUTPUTS[1]


def test_readme_inspect_program_prints_documented_output(stand_in: str) -> None:
    assert run(PROGRAMS[3], stand_in) == OUTPUTS[2]


def test_readme_provider_program_prints_reply(stand_in: str) -> None:
    assert run(PROGRAMS[4], stand_in) + "\n" == OUTPUTS[0]


def test_readme_errors_program_prints_documented_output(stand_in: str) -> None:
    assert run(PROGRAMS[5], stand_in) == OUTPUTS[3]


def test_readme_fallback_program_prints_documented_output(stand_in: str) -> None:
    assert run(PROGRAMS[6], stand_in) == OUTPUTS[4].replace("http://127.0.0.1:7860", stand_in)


def test_readme_break_program_prints_partial_reply(stand_in: str) -> None:
    assert run(PROGRAMS[7], stand_in) == "I am a stand-in for Qwen2-72B-Instruct: a\n"


def test_readme_programs_are_all_tested() -> None:
    assert len(PROGRAMS) == 8


def test_readme_lists_every_error_parameter_and_timeout() -> None:
    for name in errors.__all__:
        assert f"`{name}`" in README
    for field in dataclasses.fields(Timeouts):
        assert f"| `{field.name}` | {field.default:g} |" in README
    for name in inspect.signature(AsyncQwenClient).parameters:
        assert f"| `{name}{'=' * (name != 'space')}` |" in README
    assert f"`{catalogue.DEFAULT}`" in README


def test_readme_lists_every_known_space() -> None:
    for known in catalogue.CATALOGUE:
        aliases = ", ".join(f"`{alias}`" for alias in known.aliases)
        assert f"| `{known.id}` | {aliases} | {known.description} |" in README
        assert all(f"`{name}`" in README for name in known.names)


@pytest.mark.full(first=True)
def test_readme_first_command_runs_on_fresh_clone(tmp_path: Path) -> None:
    """With the files that git would clone, an empty home, and no virtual environment."""
    command = next(line for line in README.splitlines() if "--demo" in line)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split():
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    (tmp_path / "home").mkdir()
    ours = ("COVERAGE", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["HOME"] = str(tmp_path / "home")
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path / "clone", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == OUTPUTS[0]


def test_readme_benchmark_tables_match_saved_results() -> None:
    measured = json.loads((BENCHMARKS / "results.json").read_text())
    assert report.tables(measured).strip() in (BENCHMARKS / "README.md").read_text()
    assert report.summary(measured).strip() in README
    assert (BENCHMARKS / "fragments.svg").read_text() == report.picture(measured)


def test_benchmark_imports_nothing_that_its_extra_lacks() -> None:
    code = "import sys, tests.benchmarks.__main__; print({'pytest', 'hypothesis'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"


@pytest.mark.full(first=True)
def test_benchmark_quick_run_prints_every_table(tmp_path: Path) -> None:
    """As quickly as it can: each part of it, and every client but for the JavaScript one, which needs Node."""
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--to", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = json.loads((BENCHMARKS / "results.json").read_text())
    measured = json.loads((tmp_path / "results.json").read_text())
    assert set(measured) == set(kept)
    for server, rows in measured["one"].items():
        assert set(kept["one"][server]) - set(rows) <= {"JavaScript, @gradio/client"}
        assert {row["fragments"] for name, row in rows.items() if name.startswith("ours")} == {1.0}
    for heading in re.findall("^### .*", report.tables(kept), re.MULTILINE):
        assert heading in told
    ElementTree.parse(tmp_path / "fragments.svg")  # noqa: S314 - our own

"""The READMEs: their programs and commands as they stand, their tables against the code."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from qwen_gradio import AsyncQwenClient, Timeouts, demo, errors
from qwen_gradio.space import catalogue

from .benchmarks import report
from .servers.forked import ForkServers

ROOT = Path(__file__).parents[1]
BENCHMARKS = Path(__file__).parent / "benchmarks"
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "qwen_gradio" / "README.md").read_text()
DOCUMENTED = "http://127.0.0.1:7860"  # the stand-in's address


class Example(NamedTuple):
    """A program or a command, and what it prints; None if the README doesn't say."""

    language: str
    code: str
    output: str | None


def examples(readme: str) -> list[Example]:
    blocks = re.findall(r"```(\w+)\n(.*?)```", readme, re.DOTALL)
    following = [*blocks[1:], ("", "")]
    return [
        Example(language, code, after[1] if after[0] == "text" else None)
        for (language, code), after in zip(blocks, following, strict=True)
        if language != "text"
    ]


def programs() -> list[Any]:
    return [
        pytest.param(example, id=f"{name} {number}")
        for name, readme in (("readme", README), ("reference", REFERENCE))
        for number, example in enumerate(examples(readme))
        if example.language == "python"
    ]


@pytest.fixture(scope="module")
def stand_in(fork_servers: ForkServers) -> Iterator[str]:
    with fork_servers.running(Path(demo.__file__)) as process:
        yield process.printed.rstrip("/")


@pytest.mark.parametrize("example", programs())
def test_readme_program_prints_documented_output(example: Example, stand_in: str) -> None:
    program = example.code.replace(DOCUMENTED, stand_in)
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed
    if example.output is not None:
        assert printed.rstrip() == example.output.replace(DOCUMENTED, stand_in).rstrip()


def test_readme_first_program_is_short_and_the_whole_is() -> None:
    first = next(example for example in examples(README) if example.language == "python")
    assert len(first.code.splitlines()) == 5
    assert len(README.split()) < 1500


def test_readme_links_lead_to_files() -> None:
    for path in (
        ROOT / "README.md",
        *ROOT.glob("*/README.md"),
        *ROOT.glob("*/*/README.md"),
        *ROOT.glob(".github/*.md"),
    ):
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if not re.match(r"\w+:", link) and link not in ("url",):
                assert (path.parent / link).exists(), f"{path}: {link}"


def test_reference_lists_every_error_parameter_and_timeout() -> None:
    for name in errors.__all__:
        assert f"`{name}`" in REFERENCE
    for field in dataclasses.fields(Timeouts):
        assert f"| `{field.name}` | {field.default:g} |" in REFERENCE
        assert f"{field.name}={field.default:g}" in README
    for name in inspect.signature(AsyncQwenClient).parameters:
        assert f"| `{name}{'=' * (name != 'space')}` |" in REFERENCE
    assert f"`{catalogue.DEFAULT}`" in REFERENCE


def test_reference_lists_every_known_space() -> None:
    for known in catalogue.CATALOGUE:
        aliases = ", ".join(f"`{alias}`" for alias in known.aliases)
        assert f"| `{known.id}` | {aliases} | {known.description} |" in REFERENCE
        assert all(f"`{name}`" in REFERENCE for name in known.names)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that git would clone."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(lambda name: (ROOT / name).exists(), listed.stdout.decode().split()):
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.full(first=True)
def test_readme_examples_run_in_order_on_fresh_clone(clone: Path) -> None:
    """With an empty home, and the virtual environment that the first command makes. Tests are not run again."""
    address = free_address()
    home = clone.parent / "home"
    home.mkdir()
    ours = ("COVERAGE", "PYTHON", "VIRTUAL_ENV", "QWEN_GRADIO")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["HOME"] = str(home)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.rstrip()

    printed: list[str] = []
    with contextlib.ExitStack() as stack:
        for language, code, output in examples(README):
            if "python -m pytest" in code:
                continue
            command = ["bash", "-ec"] if language == "sh" else [str(clone / ".venv" / "bin" / "python"), "-c"]
            printed.append(run(*command, code.replace(DOCUMENTED, address)))
            if output is not None:
                assert printed[-1] == output.replace(DOCUMENTED, address).rstrip()
            if len(printed) == 1:
                stack.enter_context(kept_up(clone, address, environment))
    first = next(example for example in examples(README) if example.output)
    assert first.output is not None
    assert printed[0] == first.output.rstrip(), "the command and the program print the same"
    assert len((clone / "replies.jsonl").read_text().splitlines()) == 2
    assert types_seen_in(clone / ".venv", clone.parent) == "str"
    uv = [sys.executable, "-m", "uv", "--quiet", "--system-certs", "pip", "install", "--no-deps", "--reinstall"]
    run(*uv, "--python", str(clone / ".venv" / "bin" / "python"), str(clone))
    assert types_seen_in(clone / ".venv", clone.parent) == "str", "installed, and not editable"


def types_seen_in(environment: Path, folder: Path) -> str:
    """What mypy says of the type of an answer, where the package is what an environment has."""
    program = 'from qwen_gradio import QwenClient; reveal_type(QwenClient("a/b").ask("hi"))'
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable"]
    command = [*mypy, str(environment / "bin" / "python"), "-c", program]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "".join(re.findall(r'Revealed type is "(.*?)"', checked.stdout))


@contextlib.contextmanager
def kept_up(clone: Path, address: str, environment: dict[str, str]) -> Iterator[None]:
    """Keep the stand-in up as the README says."""
    assert "`.venv/bin/qwen-gradio demo --port 7860`" in README
    command = [str(clone / ".venv" / "bin" / "qwen-gradio"), "demo", "--port", address.rpartition(":")[2]]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(address)
        yield
        process.terminate()


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

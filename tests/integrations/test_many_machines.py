"""The README's recipes for many prompts: over two Spaces from one process, and from the workers of a Ray cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Script, ScriptedSpace, eventually
from ..environments import python_with
from .readme import snippets

pytestmark = pytest.mark.full

PROMPTS, FAILING = 40, 4
IN_FLIGHT = 16  # at most: two workers of Ray, or one process


@pytest.fixture
def ray_folder() -> Iterator[str]:
    """A folder for Ray's sockets, whose paths may not be long."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    yield folder
    shutil.rmtree(folder)


def ask_while_one_is_killed(
    code: str, python: str, folder: Path, spaces: tuple[ScriptedSpace, ScriptedSpace], **environment: str
) -> tuple[list[Script], subprocess.CompletedProcess[str]]:
    """Run a recipe over two Spaces, the second of which is killed after it has answered some prompts."""
    kept, killed = spaces
    scripts = [kept.script(5, step=0.05) for _ in range(PROMPTS - FAILING)]
    for number in range(FAILING):
        scripts.insert(number * 10 + 5, kept.script(5, fail_at=3))
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": script.prompt}) + "\n" for script in scripts))

    def kill() -> None:
        eventually(lambda: killed.log.exists() and killed.log.read_text().count('"final"') >= 5, seconds=120)
        killed.process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    run = subprocess.run(
        [python, "-c", code.replace("qwen-2.5", kept.url).replace("qwen-3", killed.url)],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "NO_PROXY": "127.0.0.1", **environment},
    )  # fmt: skip
    killer.join()
    assert run.returncode == 0, run.stderr[-4000:]
    return scripts, run


def answered(space: ScriptedSpace, script: Script) -> list[Any]:
    return [entry for entry in space.saw(script.name) if entry["saw"] == "final"]


def check(rows: list[dict[str, str]], scripts: list[Script], spaces: tuple[ScriptedSpace, ScriptedSpace]) -> None:
    """Check that the rows are in order and complete but for those that failed, and that both Spaces have answered."""
    assert len(rows) == len(scripts)
    lost = 0
    for row, script in zip(rows, scripts, strict=True):
        whole = "".join(f"{script.name}-{number} " for number in range(5))
        assert whole.startswith(row["answer"]), "it is the answer to the prompt of its row, or a part of it"
        if "fail_at" in script.play:
            assert "its code raised" in row["error"] or "connection" in row["error"]
        elif row["error"]:
            assert "connection" in row["error"]
            lost += 1
        else:
            assert row["answer"].strip() == whole.strip()
    assert lost <= IN_FLIGHT
    assert all(any(answered(space, script) for script in scripts) for space in spaces)


def test_one_process_over_two_spaces_of_which_one_is_killed(
    make_space: Callable[..., ScriptedSpace], tmp_path: Path
) -> None:
    spaces = make_space(), make_space()
    code, _ = snippets("Past one machine")
    scripts, run = ask_while_one_is_killed(code, sys.executable, tmp_path, spaces)
    check([json.loads(line) for line in run.stdout.splitlines()], scripts, spaces)


def test_ray_workers_over_two_spaces_of_which_one_is_killed(
    make_space: Callable[..., ScriptedSpace], tmp_path: Path, ray_folder: str
) -> None:
    spaces = make_space(), make_space()
    _, code = snippets("Past one machine")
    assert len(code.splitlines()) < 20
    scripts, _ = ask_while_one_is_killed(
        code, python_with("ray"), tmp_path, spaces, RAY_USAGE_STATS_ENABLED="0", RAY_TMPDIR=ray_folder
    )
    written = "".join(path.read_text() for path in sorted((tmp_path / "answers").iterdir()))
    rows = [json.loads(line) for line in written.splitlines()]
    assert [row["prompt"] for row in rows] == [script.prompt for script in scripts]
    check(rows, scripts, spaces)

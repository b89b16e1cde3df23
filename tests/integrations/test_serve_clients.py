"""`qwen-gradio serve` asked by the tools that speak OpenAI's API, as they are."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import ScriptedSpace, eventually
from ..environments import python_with
from .openai_clients import TOOLS
from .server import Served, serving

CLIENTS = Path(__file__).with_name("openai_clients.py")


@pytest.fixture(scope="module")
def served(space: ScriptedSpace) -> Iterator[Served]:
    with serving(f"it={space.url}") as running:
        yield running


@pytest.mark.full
@pytest.mark.xdist_group("openai clients")
@pytest.mark.parametrize("tool", TOOLS)
def test_serve_answers_tool_and_is_left_by_it(served: Served, space: ScriptedSpace, tool: str, tmp_path: Path) -> None:
    scripts = {"whole": space.script(3), "stream": space.script(5, step=0.1), "leave": space.script(5000)}
    scripts["fail"] = space.script(3, fail_at=0)
    prompts = json.dumps({name: script.prompt for name, script in scripts.items()})
    environment = {**os.environ, "HOME": str(tmp_path), "LLM_USER_PATH": str(tmp_path)}
    with subprocess.Popen(
        [python_with("openai-clients"), str(CLIENTS), tool, served.url, prompts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            came = json.loads(process.stdout.readline() or "{}")
            assert came, process.stderr.read()
            assert came["whole"] == scripts["whole"].final
            assert "".join(came["stream"]) == scripts["stream"].final
            assert len([text for text in came["stream"] if text]) > 1
            # A Gradio app doesn't tell its visitors of its errors.
            assert ("its code raised" if tool != "load_chat" else "AppError") in came["error"]
            assert json.loads(process.stdout.readline() or "null") == "left", process.stderr.read()
            assert eventually(scripts["leave"].stopped)
        finally:
            process.kill()

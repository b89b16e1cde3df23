"""Notebooks: what replies, conversations and inspections look like there; and all of it in a real kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio import AsyncQwenClient, QwenClient

from ..conftest import ScriptedSpace, eventually
from ..environments import python_with
from .readme import snippets

KERNEL = Path(__file__).with_name("kernel.py")


def markdown(value: Any) -> str | None:
    """Give what a notebook asks for first."""
    text: str | None = getattr(value, "_repr_markdown_")()  # noqa: B009 - IPython's protocol, called as it does
    return text


def test_notebook_reply_is_its_answer_and_its_state_until_it_is_whole(space: ScriptedSpace) -> None:
    script = space.script_in_step(["# A title", "# A title\n\nand *more*"])
    with QwenClient(space.url) as client:
        reply = client.stream(script.prompt)
        assert markdown(reply) is None
        script.read(next(reply))
        assert markdown(reply) == "# A title\n\n*(streaming)*"
        assert [script.read(fragment) for fragment in reply] == ["\n\nand *more*"]
        assert markdown(reply) == "# A title\n\nand *more*"


async def test_notebook_reply_that_was_closed_says_so(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client, client.stream(space.script(2000).prompt) as reply:
        first = await anext(reply)
    assert markdown(reply) == f"{first}\n\n*(cancelled)*"


def test_notebook_conversation_is_its_turns(space: ScriptedSpace, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"png")
    with QwenClient(space.url) as client:
        talk = client.conversation()
        assert markdown(talk) is None
        talk.system = "Be brief."
        talk.messages = [
            {"role": "user", "content": [{"type": "text", "text": "**Why?**"}]},
            {"role": "assistant", "content": None},
        ]
        talk.ask(space.script(["Therefore."]).prompt)
        shown = markdown(talk) or ""
    assert shown.startswith("**System**\n\nBe brief.\n\n**User**\n\n**Why?**\n\n**Assistant**\n\n\n\n**User**\n\n{")
    assert shown.endswith("}\n\n**Assistant**\n\nTherefore.")


def test_notebook_inspection_is_a_code_block(space: ScriptedSpace) -> None:
    with QwenClient(space.url) as client:
        inspection = client.inspect()
    assert markdown(inspection) == f"```\n{inspection}\n```"


def run_cells(folder: Path, *cells: dict[str, Any] | str) -> list[list[dict[str, str]]]:
    """Run cells in a real kernel, and give the outputs of each."""
    given = [{"code": cell} if isinstance(cell, str) else cell for cell in cells]
    environment = {**os.environ, "HOME": str(folder), "JUPYTER_PLATFORM_DIRS": "1", "IPYTHONDIR": str(folder)}
    run = subprocess.run(
        [python_with("notebook"), str(KERNEL)],
        input=json.dumps(given), capture_output=True, text=True, check=False, env=environment, cwd=folder,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    outputs: list[list[dict[str, str]]] = json.loads(run.stdout.splitlines()[-1])
    return outputs


def started(space: ScriptedSpace, name: str) -> list[str]:
    """Where and what the Space writes once it has begun a reply."""
    return [str(space.log), json.dumps({"id": name, "saw": "step", "n": 3})]


@pytest.mark.full
def test_notebook_readme_snippets_run_in_kernel(space: ScriptedSpace, tmp_path: Path) -> None:
    cells = [code.replace("qwen-2.5", space.url) for code in snippets("Notebooks")]
    outputs = run_cells(tmp_path, *cells)
    for output in outputs:
        assert not any("traceback" in shown for shown in output), output
    answers = [output[-1].get("markdown", "") for output in outputs]
    assert all("Why is the sky blue?" in answer for answer in answers)


@pytest.mark.full
def test_notebook_interrupt_stops_the_space(space: ScriptedSpace, tmp_path: Path) -> None:
    waiting, awaiting = space.script(5000), space.script(5000)
    after, later = space.script(3), space.script(3)
    outputs = run_cells(
        tmp_path,
        f"from qwen_gradio import AsyncQwenClient, QwenClient\nclient = QwenClient({space.url!r})",
        {"code": f"client.ask({waiting.prompt!r})", "interrupt": started(space, waiting.name)},
        f"client.ask({after.prompt!r})",
        f"client = AsyncQwenClient({space.url!r})",
        {"code": f"await client.ask({awaiting.prompt!r})", "interrupt": started(space, awaiting.name)},
        f"await client.ask({later.prompt!r})",
    )
    assert eventually(waiting.stopped)
    assert eventually(awaiting.stopped)
    assert outputs[1][-1]["error"] == "KeyboardInterrupt"
    assert outputs[4][-1]["error"] in ("KeyboardInterrupt", "CancelledError")
    assert outputs[2][-1]["text"] == repr(after.final)
    assert outputs[5][-1]["text"] == repr(later.final)


@pytest.mark.full
def test_notebook_traceback_is_short(tmp_path: Path) -> None:
    imported, failed, awaited = run_cells(
        tmp_path,
        "from qwen_gradio import AsyncQwenClient, QwenClient, Timeouts",
        'QwenClient("http://127.0.0.1:9", retries=0, timeouts=Timeouts(connect=120)).ask("hi")',
        'await AsyncQwenClient("http://127.0.0.1:9", retries=0, timeouts=Timeouts(connect=120)).ask("hi")',
    )
    assert imported == []
    for output in (failed, awaited):
        plain = re.sub(r"\x1b\[[\d;]*m", "", output[-1]["traceback"])
        assert output[-1]["error"] == "CannotConnect"
        assert len(plain.splitlines()) < 50, plain
        assert plain.count("qwen_gradio/") == 1, plain
        assert "httpx.ConnectError" in plain or "ConnectError:" in plain

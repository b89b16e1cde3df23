"""`spaces` and `inspect`: what they print of the catalogue, and of Spaces that answer or don't."""

from __future__ import annotations

from qwen_gradio.space import catalogue

from ..conftest import ScriptedSpace
from .command import run, run_on_terminal


def test_spaces_lists_catalogue() -> None:
    lines = run("spaces").stdout.splitlines()
    assert len(lines) == len(catalogue.CATALOGUE)
    assert lines[0].split() == ["Qwen/Qwen2-72B-Instruct", "qwen-2-72b,", "qwen-qwen2-72b-instruct", "Gradio", "4.32"]
    assert run("spaces", "qwen-3", "http://127.0.0.1:9").stdout.splitlines()[1] == "http://127.0.0.1:9"


def test_spaces_check_reports_each_space(space: ScriptedSpace) -> None:
    result = run("spaces", "--check", "http://127.0.0.1:9", space.url)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["Space", "answers", "Gradio", "endpoint", "seconds"]
    assert rows[1][:-1] == ["http://127.0.0.1:9", "no:", "CannotConnect"]
    assert rows[2][:2] == [space.url, "yes"]
    assert rows[2][2].startswith("6.")
    assert rows[2][3] == "/model_chat"
    assert (result.exit_code, result.stderr) == (1, "")
    assert run("spaces", "--check", space.url).exit_code == 0


def test_spaces_check_on_terminal_shows_progress(space: ScriptedSpace) -> None:
    code, output = run_on_terminal("spaces", "--check", space.url)
    assert code == 0
    assert "Asking" in output
    assert "/model_chat" in output


def test_inspect_prints_endpoint_and_parameters(space: ScriptedSpace) -> None:
    output = run("inspect", space.url).stdout
    assert "endpoint  /model_chat; there are also /model_chat_1, /clear_session, /modify_system_session\n" in output
    assert "  history  chatbot  the turns before\n" in output
    assert f"AsyncQwenClient('{space.url}').stream(\"Hello?\")\n" in output

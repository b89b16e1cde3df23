"""`spaces` and `inspect`: what they print of the catalogue, and of Spaces that answer or don't."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from qwen_gradio import QwenClient
from qwen_gradio.space import catalogue

from ..conftest import ScriptedSpace
from .command import run, run_on_terminal

STUDIO = "modelscope:Qwen/Qwen2-72B-Instruct-demo"


def test_spaces_lists_catalogue() -> None:
    lines = run("spaces").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [name for entry in catalogue.CATALOGUE for name in entry.names]
    assert lines[0].split() == ["Qwen/Qwen2-72B-Instruct", "qwen-2-72b,", "qwen-qwen2-72b-instruct", "Gradio", "4.32"]
    assert lines[1].split() == f"{STUDIO} Qwen/Qwen2-72B-Instruct on ModelScope".split()
    assert run("spaces", "qwen-3", "http://127.0.0.1:9").stdout.splitlines()[1] == "http://127.0.0.1:9"


def test_spaces_check_reports_each_space(space: ScriptedSpace) -> None:
    result = run("spaces", "--check", "http://127.0.0.1:9", space.url)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["Space", "answers", "Gradio", "steps", "seconds"]
    assert rows[1][:-1] == ["http://127.0.0.1:9", "no:", "CannotConnect"]
    assert rows[2][:2] == [space.url, "yes"]
    assert rows[2][2].startswith("6.")
    assert rows[2][3] == "/model_chat"
    assert (result.exit_code, result.stderr) == (1, "")
    assert run("spaces", "--check", space.url).exit_code == 0


def test_spaces_check_reports_studios_beside_their_spaces(
    space: ScriptedSpace, serve_as: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QWEN_GRADIO_TOKEN", "hf_secret")
    spaces = [catalogue.resolve(name) for entry in catalogue.CATALOGUE for name in entry.names]
    for known in spaces:
        serve_as(known.url.removeprefix("https://"), "http://127.0.0.1:9" if known.name == STUDIO else space.url)
    result = run("spaces", "--check")
    rows = {line.split()[0]: line.split()[1] for line in result.stdout.splitlines()[1:]}
    assert [*rows] == [known.name for known in spaces]
    assert {name for name, answers in rows.items() if answers != "yes"} == {STUDIO}
    assert (rows[STUDIO], result.exit_code) == ("no:", 1)


def test_spaces_check_on_terminal_shows_progress(space: ScriptedSpace) -> None:
    code, output = run_on_terminal("spaces", "--check", space.url)
    assert code == 0
    assert "Asking" in output
    assert "/model_chat" in output


def test_inspect_prints_steps_inputs_and_calls(space: ScriptedSpace) -> None:
    output = run("inspect", space.url).stdout
    assert "endpoints    there are also /model_chat_1, /clear_session, /modify_system_session\n" in output
    assert "  1.  /model_chat(query, history, system) -> the reply\n" in output
    assert "  history  chatbot  the turns before\n" in output
    assert f"  qwen-gradio --space {space.url} 'Hello?'\n" in output
    assert f"  with QwenClient('{space.url}') as client:\n      print(client.ask(\"Hello?\"))\n" in output


def test_inspect_with_api_name_shows_calls_with_it(space: ScriptedSpace) -> None:
    output = run("inspect", space.url, "--api-name", "/model_chat_1").stdout
    assert "  1.  /model_chat_1(query, history, system) -> the reply\n" in output
    assert f"  qwen-gradio --space {space.url} --api-name /model_chat_1 'Hello?'\n" in output
    assert f"QwenClient('{space.url}', api_name='/model_chat_1')" in output


def test_inspect_json_is_the_inspection_as_dict(space: ScriptedSpace) -> None:
    printed = json.loads(run("inspect", space.url, "--json").stdout)
    with QwenClient(space.url) as client:
        assert printed == client.inspect().as_dict()

"""What is printed of a reply, on a terminal and on a pipe: states, rewrites, and no control characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from qwen_gradio import Finished, Fragment, Queued, QwenClient, Started
from qwen_gradio.cli import render
from qwen_gradio.cli.render import TextRenderer

from ..conftest import ScriptedSpace
from .command import run, run_on_terminal


def test_render_is_the_only_module_that_prints() -> None:
    modules = Path(render.__file__).parent.glob("*.py")
    assert [module.stem for module in modules if "click.echo(" in module.read_text()] == ["render"]


def test_text_renderer_thinking_and_answer_alternate_each_on_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    states = []
    with TextRenderer(thinking=True) as renderer:
        for event in (
            Queued(1, 1, None),
            Started(),
            Fragment("hm", 0, "thinking"),
            Fragment("so", 0),
            Fragment("wait", 2, "thinking"),
            Finished("so", "hmwait"),
        ):
            renderer.render(event)
            states.append(repr(renderer))
    assert states == [
        "<TextRenderer WAITING>",
        "<TextRenderer WAITING>",
        "<TextRenderer THINKING>",
        "<TextRenderer ANSWERING>",
        "<TextRenderer THINKING>",
        "<TextRenderer THINKING>",
    ]
    assert repr(renderer) == "<TextRenderer CLOSED>"
    out, err = capsys.readouterr()
    assert (out, click.unstyle(err)) == ("so\n", "hm\nwait\n")


def test_text_renderer_without_thinking_prints_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with TextRenderer(thinking=False) as renderer:
        renderer.render(Fragment("hm", 0, "thinking"))
        assert repr(renderer) == "<TextRenderer WAITING>"
        renderer.render(Fragment("so\n", 0))
    assert capsys.readouterr() == ("so\n", "")


def test_text_renderer_no_event_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with TextRenderer(thinking=True):
        pass
    assert capsys.readouterr() == ("", "")


def test_render_terminal_shows_waiting_status(space: ScriptedSpace, tmp_path: Path) -> None:
    waiting, go_on = "Waiting for the first words", tmp_path / "go on"
    prompt = space.script(["done"], until=str(go_on)).prompt
    code, output = run_on_terminal("--space", space.url, prompt, when=waiting, then=go_on.touch)
    assert code == 0
    assert waiting in output
    assert "done" in output


def test_render_latin_1_terminal_gets_no_escapes(space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    code, output = run_on_terminal("--space", space.url, space.script(["na\u00efve \U0001f600"]).prompt)
    assert code == 0
    assert "Connecting..." in output
    assert "na\u00efve ?" in output
    assert "\\u" not in output


def test_render_terminal_shows_queue_position(make_space: Callable[..., ScriptedSpace]) -> None:
    space, position = make_space("--at-once", "1"), "In the queue: 1 of 1"
    with QwenClient(space.url) as client, client.stream(space.script(10_000).prompt) as running:
        next(running)
        prompt = space.script(["done"]).prompt
        code, output = run_on_terminal("--space", space.url, prompt, when=position, then=running.close)
    assert code == 0
    assert position in output


@pytest.mark.parametrize(
    ("queued", "text"),
    [
        (Queued(2, 7, 12.4), "In the queue: 2 of 7, about 12 s"),
        (Queued(None, None, None), "In the queue: ?"),
    ],
)
def test_format_queue_has_what_is_known(queued: Queued, text: str) -> None:
    assert render.format_queue(queued) == text


CONTROLS = "a\x1b[31mb\x07\x9b2J\rc"


def test_render_terminal_removes_control_characters(space: ScriptedSpace) -> None:
    for arguments in (["--json"], []):
        code, output = run_on_terminal("--space", space.url, *arguments, space.script([CONTROLS]).prompt)
        assert code == 0
        assert "\x9b" not in output
        assert "\x07" not in output
    assert "a[31mb2Jc" in output


BIDIRECTIONAL = "a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b"


def test_render_terminal_removes_bidirectional_controls(space: ScriptedSpace) -> None:
    code, output = run_on_terminal("--space", space.url, space.script([BIDIRECTIONAL]).prompt)
    assert code == 0
    assert "ab" in output


@pytest.mark.parametrize("text", [CONTROLS, BIDIRECTIONAL])
def test_render_stdout_not_a_terminal_keeps_control_characters(space: ScriptedSpace, text: str) -> None:
    assert run("--space", space.url, space.script([text]).prompt).stdout == text + "\n"


def test_echo_lone_surrogate_prints_question_mark(capsys: pytest.CaptureFixture[str]) -> None:
    render.echo("a\ud800b")
    assert capsys.readouterr().out == "a?b\n"

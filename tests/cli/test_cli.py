"""The command: in this process where that can tell, in one of its own where signals and pipes matter."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import qwen_gradio
from qwen_gradio import QwenClient
from qwen_gradio.cli import main
from qwen_gradio.space import catalogue

from ..conftest import ScriptedSpace, eventually

COMMAND = [sys.executable, "-m", "qwen_gradio.cli.main"]


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main.main, arguments, input=stdin)


def test_cli_stdout_has_only_the_reply(space: ScriptedSpace) -> None:
    script = space.script(5)
    result = run("--space", space.url, script.prompt)
    assert (result.exit_code, result.stdout, result.stderr) == (0, script.final + "\n", "")


def test_cli_ask_command_answers(space: ScriptedSpace) -> None:
    assert '"query": "demo"' in run("ask", "--space", space.url, "demo").stdout


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_cli_prompt_missing_or_dash_reads_stdin(space: ScriptedSpace, arguments: list[str]) -> None:
    result = run("--space", space.url, "--system", "be brief", *arguments, stdin="hi")
    assert json.loads(result.stdout) == {"system": "be brief", "turns": [], "query": "hi"}


def test_cli_json_prints_one_event_per_line(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--json", space.script(["a", "añ"]).prompt)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event for event in events if event["event"] != "queued"] == [
        {"event": "started"},
        {"event": "fragment", "text": "a", "start": 0, "kind": "answer"},
        {"event": "fragment", "text": "ñ", "start": 1, "kind": "answer"},
        {"event": "finished", "text": "añ", "thinking": ""},
    ]


def test_cli_stdout_rewritten_reply_starts_new_line(space: ScriptedSpace) -> None:
    assert run("--space", space.url, space.script(["wrold", "world", "world!"]).prompt).stdout == "wrold\nworld!\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--space", "nonsense", "hi"], 2, "qwen-gradio: expected a Space id like Qwen/Qwen2-72B-Instruct"),
        (["--timeout", "0", "hi"], 2, "qwen-gradio: expected a number of seconds above 0"),
        (["--proxy", "x", "hi"], 2, "qwen-gradio: expected the URL of a proxy"),
        (["  "], 2, "qwen-gradio: expected a prompt"),
        (["--nonsense", "hi"], 2, "No such option"),
        (["--timeout", "soon", "hi"], 2, "is not a valid float"),
        (["two", "prompts"], 2, "unexpected extra argument"),
        (["-o", "radio", "hi"], 2, "qwen-gradio: expected --option NAME=VALUE, got 'radio'"),
        (["-o", "radio=72B", "hi"], 2, "qwen-gradio: unknown option 'radio': this Space takes no options"),
        (["--auth", "ada", "hi"], 2, "qwen-gradio: expected --auth USER:PASSWORD"),
        (["inspect", "nonsense"], 2, "qwen-gradio: expected a Space id like Qwen/Qwen2-72B-Instruct"),
        (["inspect", "http://127.0.0.1:9"], 1, "qwen-gradio: http://127.0.0.1:9: no connection could be made"),
        (["spaces", "nonsense"], 2, "qwen-gradio: expected a Space id like Qwen/Qwen2-72B-Instruct"),
        (["--space", "http://127.0.0.1:9", "hi"], 1, "qwen-gradio: http://127.0.0.1:9: no connection could be made"),
    ],
)
def test_cli_error_prints_to_stderr_with_exit_code(arguments: list[str], code: int, says: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_cli_failed_stream_prints_partial_and_error_line(space: ScriptedSpace) -> None:
    result = run("--space", space.url, space.script(5, fail_at=2).prompt)
    assert result.exit_code == 1
    assert result.stdout.endswith("-1 \n")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"qwen-gradio: {space.url}: its code raised")


def test_cli_timeout_silent_space_exits_with_error(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--timeout", "0.5", space.script(5, quiet_at=1).prompt)
    assert result.exit_code == 1
    assert "nothing new came for 0.5 s" in result.stderr


THOUGHT = ["<think>hm", "<think>hm</think>", "<think>hm</think>so"]


def test_cli_thinking_option_prints_thinking_to_stderr(space: ScriptedSpace) -> None:
    result = run("--space", space.url, space.script(THOUGHT).prompt)
    assert (result.stdout, result.stderr) == ("so\n", "")
    result = run("--space", space.url, "--thinking", space.script(THOUGHT).prompt)
    assert (result.stdout, click.unstyle(result.stderr)) == ("so\n", "hm\n")


def test_cli_spaces_lists_catalogue() -> None:
    lines = run("spaces").stdout.splitlines()
    assert len(lines) == len(catalogue.CATALOGUE)
    assert lines[0].split() == ["Qwen/Qwen2-72B-Instruct", "qwen-2-72b,", "qwen-qwen2-72b-instruct", "Gradio", "4.32"]
    assert run("spaces", "qwen-3", "http://127.0.0.1:9").stdout.splitlines()[1] == "http://127.0.0.1:9"


def test_cli_spaces_check_reports_each_space(space: ScriptedSpace) -> None:
    result = run("spaces", "--check", "http://127.0.0.1:9", space.url)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["Space", "answers", "Gradio", "endpoint", "seconds"]
    assert rows[1][:-1] == ["http://127.0.0.1:9", "no:", "CannotConnect"]
    assert rows[2][:2] == [space.url, "yes"]
    assert rows[2][2].startswith("6.")
    assert rows[2][3] == "/model_chat"
    assert (result.exit_code, result.stderr) == (1, "")
    assert run("spaces", "--check", space.url).exit_code == 0


def test_cli_inspect_prints_endpoint_and_parameters(space: ScriptedSpace) -> None:
    shown = run("inspect", space.url).stdout
    assert "endpoint  /model_chat; there are also /model_chat_1, /clear_session, /modify_system_session\n" in shown
    assert "  history  chatbot  the turns before\n" in shown
    assert f"AsyncQwenClient('{space.url}').stream(\"Hello?\")\n" in shown


def test_cli_help_and_version_are_printed() -> None:
    assert "--space" in run("--help").output
    assert "demo" in run("--help").output
    assert qwen_gradio.__version__ in run("--version").output


def test_cli_ctrl_c_cancels_reply_and_exits_130(space: ScriptedSpace) -> None:
    script = space.script(2000)
    command = [*COMMAND, "--space", space.url, script.prompt]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read(5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert out.endswith("\n")
    assert eventually(script.stopped)
    assert script.count("step") < 500


def test_cli_stdout_broken_pipe_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(2000)
    command = [*COMMAND, "--space", space.url, script.prompt]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(5)
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert eventually(script.stopped)


def on_a_terminal(*arguments: str, when: str = "", then: Callable[[], object] = bool) -> tuple[int, str]:
    """Run the command with a terminal as its three streams, and do something when the terminal shows a text.

    Returns:
        Its exit code, and all that the terminal shows.
    """
    parent, child = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdin=child, stdout=child, stderr=child)
    os.close(child)
    shown, is_done = b"", False
    with contextlib.suppress(OSError):  # how a terminal ends
        while True:
            shown += os.read(parent, 65536)
            if not is_done and when.encode() in shown:
                is_done = True
                then()
    os.close(parent)
    return process.wait(), shown.decode()


def test_cli_terminal_shows_waiting_status(space: ScriptedSpace, tmp_path: Path) -> None:
    waiting, go_on = "Waiting for the first words", tmp_path / "go on"
    prompt = space.script(["done"], until=str(go_on)).prompt
    code, shown = on_a_terminal("--space", space.url, prompt, when=waiting, then=go_on.touch)
    assert code == 0
    assert waiting in shown
    assert "done" in shown


def test_cli_terminal_shows_queue_position(make_space: Callable[..., ScriptedSpace]) -> None:
    space, place = make_space("--at-once", "1"), "In the queue: 1 of 1"
    with QwenClient(space.url) as client, client.stream(space.script(10_000).prompt) as running:
        next(running)
        prompt = space.script(["done"]).prompt
        code, shown = on_a_terminal("--space", space.url, prompt, when=place, then=running.close)
    assert code == 0
    assert place in shown


NASTY = "a\x1b[31mb\x07\x9b2J\rc"


def test_cli_terminal_removes_control_characters(space: ScriptedSpace) -> None:
    for arguments in (["--json"], []):
        code, shown = on_a_terminal("--space", space.url, *arguments, space.script([NASTY]).prompt)
        assert code == 0
        assert "\x9b" not in shown
        assert "\x07" not in shown
    assert "a[31mb2Jc" in shown


def test_cli_stdout_not_a_terminal_keeps_control_characters(space: ScriptedSpace) -> None:
    assert run("--space", space.url, space.script([NASTY]).prompt).stdout == NASTY + "\n"


def test_cli_stdout_lone_surrogate_prints_question_mark(capsys: pytest.CaptureFixture[str]) -> None:
    main._echo("a\ud800b")
    assert capsys.readouterr().out == "a?b\n"


def test_cli_terminal_without_prompt_prints_usage() -> None:
    code, shown = on_a_terminal()
    assert code == 2
    assert 'as in: qwen-gradio "Why is the sky blue?"' in shown


def test_cli_queue_position_is_formatted() -> None:
    assert main._place(qwen_gradio.Queued(2, 7, 12.4)) == "In the queue: 2 of 7, about 12 s"
    assert main._place(qwen_gradio.Queued(None, None, None)) == "In the queue: ?"


def test_cli_demo_option_answers_prompt() -> None:
    result = run("--demo", "What is the capital of France?")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("I am a stand-in for Qwen2-72B-Instruct")
    assert "You asked: What is the capital of France?" in result.stdout


def test_cli_demo_command_serves_until_ctrl_c() -> None:
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert "I am a stand-in" in run("--space", url, "hi").stdout
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Ask it: qwen-gradio --space" in err
    assert run("--space", url, "hi").exit_code == 1, "it is down"


def test_cli_demo_without_gradio_exits_with_install_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    result = run("--demo", "hi")
    assert (result.exit_code, result.stderr) == (
        2,
        "qwen-gradio: the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'\n",
    )

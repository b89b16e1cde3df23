"""The group: its default command, help and version, errors and exit codes, signals and pipes."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys

import pytest

import qwen_gradio
from qwen_gradio import DeadlineExceeded, EndpointNotFound, NeedsAuthentication, SpaceNotFound
from qwen_gradio.cli.options import in_command_words

from ..conftest import ScriptedSpace, eventually
from .command import COMMAND, complete, run, run_on_terminal


def test_cli_help_and_version_are_printed() -> None:
    assert "--space" in run("--help").output
    assert "demo" in run("--help").output
    assert qwen_gradio.__version__ in run("--version").output


@pytest.mark.parametrize("command", ["ask", "chat", "demo", "inspect", "logs", "spaces"])
def test_cli_command_help_exits_with_0(command: str) -> None:
    result = run(command, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"Usage: main {command}" in result.stdout


def test_cli_command_name_as_first_argument_runs_that_command(space: ScriptedSpace) -> None:
    assert '"query": "demo"' in run("ask", "--space", space.url, "demo").stdout


def test_cli_without_click_exits_with_install_hint() -> None:
    code = "import sys; sys.modules['click'] = None; import runpy; runpy.run_module('qwen_gradio', run_name='__main__')"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (
        1,
        "qwen-gradio: this command needs click and rich: pip install 'qwen_gradio[cli]'\n",
    )


def test_cli_without_rich_exits_with_install_hint() -> None:
    code = (
        "import importlib.util, runpy; find = importlib.util.find_spec; "
        "importlib.util.find_spec = lambda name, *more: None if name == 'rich' else find(name, *more); "
        "runpy.run_module('qwen_gradio', run_name='__main__')"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, "pip install 'qwen_gradio[cli]'" in process.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["-h"], ["help"], ["--help"]])
def test_cli_help_names_every_variable(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    for name in ("SPACE", "TOKEN", "AUTH", "PROXY", "TIMEOUT"):
        assert f"QWEN_GRADIO_{name}" in result.stdout


@pytest.mark.parametrize("arguments", [["help", "batch"], ["batch", "-h"]])
def test_cli_help_of_a_command_is_printed(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, "--retry-failed" in result.stdout) == (0, True)


@pytest.mark.parametrize("word", ["inspects", "space", "Demo", "batc"])
def test_cli_word_like_a_command_is_not_sent(word: str) -> None:
    result = run(word)
    assert result.exit_code == 2
    assert f"to ask it: qwen-gradio ask {word}" in result.stderr


@pytest.mark.parametrize(
    ("word", "says"), [("inspect", "is a command"), ("Inspects", "is nearly the command 'inspect'")]
)
def test_cli_command_after_options_is_not_sent(space: ScriptedSpace, word: str, says: str) -> None:
    result = run("--space", space.url, word)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{word!r} {says}" in result.stderr
    assert f"to ask it: qwen-gradio ask {word}" in result.stderr


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_cli_word_like_a_command_on_terminal_asks_back(space: ScriptedSpace, answer: str, code: int) -> None:
    arguments = ["inspects", "--space", space.url]
    exit_code, output = run_on_terminal(*arguments, when="as a question?", keys=f"{answer}\n")
    assert exit_code == code
    assert ('"query": "inspects"' in output) == (answer == "y")


@pytest.mark.parametrize("word", ["hello", "spaces?", "Inspektion", "ask batch"])
def test_cli_other_word_is_asked(space: ScriptedSpace, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_GRADIO_SPACE", space.url)
    assert json.loads(run(word).stdout)["query"] == word


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_cli_completion_script_is_printed(shell: str) -> None:
    result = complete(f"{shell}_source")
    assert (result.exit_code, "_QWEN_GRADIO_COMPLETE" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", {"ask", "batch", "demo", "inspect", "spaces"}),
        ("ins", {"inspect"}),
        ("--fallb", {"--fallback"}),
        ("--space qwen-2.5", {"qwen-2.5", "qwen-2.5-coder", "qwen-2.5-max", "qwen-2.5-72b"}),
        ("inspect qwen-3", {"qwen-3"}),
        ("-m modelscope:Qwen/Qwen2.5", {"modelscope:Qwen/Qwen2.5", "modelscope:Qwen/Qwen2.5-Coder-demo"}),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_cli_completion_has_commands_options_and_aliases(shell: str, words: str, found: set[str]) -> None:
    *before, last = ["qwen-gradio", *words.split(" ")]
    environment = {"COMP_WORDS": " ".join([*before, last]), "COMP_CWORD": str(len(before))}
    if shell == "fish":
        environment = {"COMP_WORDS": " ".join([*before, last]), "COMP_CWORD": last}
    told = complete(f"{shell}_complete", **environment).stdout
    if shell == "bash":
        values = {line.partition(",")[2] for line in told.splitlines()}
    elif shell == "zsh":
        values = set(told.splitlines()[1::3])
    else:
        values = {line.partition(",")[2].partition("\t")[0] for line in told.splitlines()}
    assert found == values if words else found <= values


def test_cli_errors_name_the_commands_options(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--api-name", "/nonsense", "hi")
    assert result.exit_code == 1
    assert "--api-name" in result.stderr
    assert "api_name" not in result.stderr


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (str(NeedsAuthentication("no")), "no. Pass --token or --auth USER:PASSWORD, whichever this Space accepts"),
        (str(SpaceNotFound("no")), "no. Check its name or URL; a private Space needs --token"),
        (str(EndpointNotFound("no")), "no. Pass the name of an endpoint as --api-name"),
        (str(DeadlineExceeded("late")), "late. Ask again, or allow more seconds by --timeout"),
        ("http://x/?token=1", "http://x/?token=1"),
    ],
)
def test_cli_message_in_python_words_is_in_the_commands(message: str, said: str) -> None:
    assert in_command_words(message) == said


@pytest.mark.parametrize(
    ("redirect", "code", "says"),
    [(">&-", 4, "stdout is closed"), ("> /dev/full", 4, "No space left on device"), ("2>&-", 0, ""), ("<&-", 0, "")],
)
def test_cli_closed_or_full_stream_exits_with_one_line(
    space: ScriptedSpace, redirect: str, code: int, says: str
) -> None:
    command = f"{shlex.join([*COMMAND, '--space', space.url, 'hi'])} {redirect}"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (process.returncode, says in process.stderr, len(process.stderr.splitlines()) <= 1) == (code, True, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--space", "nonsense", "hi"], 2, "qwen-gradio: expected a Space id like Qwen/Qwen2-72B-Instruct"),
        (["--timeout", "0", "hi"], 2, "qwen-gradio: expected a number of seconds above 0"),
        (["--proxy", "x", "hi"], 2, "qwen-gradio: expected the URL of a proxy"),
        (["  "], 2, "qwen-gradio: expected a prompt"),
        (["--nonsense", "hi"], 2, "No such option"),
        (["--timeout", "soon", "hi"], 2, "is not a valid float"),
        (["hello", "world"], 2, 'qwen-gradio: put the prompt in quotes: qwen-gradio "hello world"'),
        (["-o", "radio", "hi"], 2, "qwen-gradio: expected --option NAME=VALUE, got 'radio'"),
        (["-o", "radio=72B", "hi"], 2, "qwen-gradio: unknown option 'radio': this Space takes no options"),
        (["--auth", "ada", "hi"], 2, "qwen-gradio: expected --auth USER:PASSWORD"),
        (["inspect", "qwen-3", "-m", "qwen-2.5"], 2, "qwen-gradio: expected one Space"),
        (["inspect", "-m", "nonsense"], 2, "qwen-gradio: expected a Space id like Qwen/Qwen2-72B-Instruct"),
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


def test_cli_ctrl_c_cancels_reply_and_exits_130(space: ScriptedSpace) -> None:
    script = space.script(2000)
    command = [*COMMAND, "--stream", "--space", space.url, script.prompt]
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
    command = [*COMMAND, "--stream", "--space", space.url, script.prompt]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(5)
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert eventually(script.stopped)

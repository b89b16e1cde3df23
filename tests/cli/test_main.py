"""The group: its default command, help and version, errors and exit codes, signals and pipes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import qwen_gradio

from ..conftest import ScriptedSpace, eventually
from .command import COMMAND, run


def test_cli_help_and_version_are_printed() -> None:
    assert "--space" in run("--help").output
    assert "demo" in run("--help").output
    assert qwen_gradio.__version__ in run("--version").output


@pytest.mark.parametrize("command", ["ask", "demo", "inspect", "spaces"])
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

"""`demo` and `--demo`: the stand-in Space, run meanwhile."""

from __future__ import annotations

import signal
import socket
import subprocess

import pytest

from .command import COMMAND, run


def test_demo_option_answers_prompt() -> None:
    result = run("--demo", "What is the capital of France?")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("I am a stand-in for Qwen2-72B-Instruct")
    assert "You asked: What is the capital of France?" in result.stdout


def test_demo_command_serves_until_ctrl_c() -> None:
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert "I am a stand-in" in run("--space", url, "hi").stdout
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Ask it: qwen-gradio --space" in err
    assert run("--space", url, "hi").exit_code == 1, "it is down"


def test_demo_port_in_use_exits_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run("demo", "--port", str(port))
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        f"qwen-gradio: port {port} on 127.0.0.1 is in use; without --port it is a free one\n",
    )


def test_demo_without_gradio_exits_with_install_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    result = run("--demo", "hi")
    assert (result.exit_code, result.stderr) == (
        2,
        "qwen-gradio: the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'\n",
    )

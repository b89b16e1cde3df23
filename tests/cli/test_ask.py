"""`ask`: where the prompt comes from, what is printed where, and what comes of a reply that fails."""

from __future__ import annotations

import json

import click
import pytest

from ..conftest import ScriptedSpace
from .command import run, run_in_process, run_on_terminal


def test_ask_stdout_has_only_the_reply(space: ScriptedSpace) -> None:
    script = space.script(5)
    result = run("--space", space.url, script.prompt)
    assert (result.exit_code, result.stdout, result.stderr) == (0, script.final + "\n", "")


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_ask_prompt_missing_or_dash_reads_stdin(space: ScriptedSpace, arguments: list[str]) -> None:
    result = run("--space", space.url, "--system", "be brief", *arguments, stdin="hi")
    assert json.loads(result.stdout) == {"system": "be brief", "turns": [], "query": "hi"}


@pytest.mark.parametrize(("arguments", "stdin"), [([""], ""), ([" "], "\n"), ([], ""), (["-"], " \n")])
def test_ask_empty_prompt_prints_usage(arguments: list[str], stdin: str) -> None:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert 'as in: qwen-gradio "Why is the sky blue?"; see qwen-gradio --help' in result.stderr


def test_ask_terminal_without_prompt_prints_usage() -> None:
    code, output = run_on_terminal()
    assert code == 2
    assert 'as in: qwen-gradio "Why is the sky blue?"' in output


def test_ask_json_prints_one_event_per_line(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--json", space.script(["a", "añ"]).prompt)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event for event in events if event["event"] != "queued"] == [
        {"event": "started"},
        {"event": "fragment", "text": "a", "start": 0, "kind": "answer"},
        {"event": "fragment", "text": "ñ", "start": 1, "kind": "answer"},
        {"event": "finished", "text": "añ", "thinking": ""},
    ]


def test_ask_json_error_is_the_last_event(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--json", space.script(5, fail_at=2).prompt)
    *_, fragment, error = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, fragment["event"], error["event"], error["type"]) == (1, "fragment", "error", "AppRaised")
    assert (error["space"], error["retryable"]) == (space.url, False)
    assert error["partial"].endswith("-1 ")
    assert error["message"].startswith(f"{space.url}: its code raised")
    result = run("--json", "--option", "nonsense=1", "hi")
    assert (result.exit_code, json.loads(result.stdout)["type"]) == (2, "InvalidOption")


def test_ask_stdout_has_the_final_text_of_a_rewritten_reply_once(space: ScriptedSpace) -> None:
    rewritten = space.script(["wrold", "world", "world!"]).prompt
    assert run("--space", space.url, rewritten).stdout == "world!\n"
    assert run("--space", space.url, "--stream", rewritten).stdout == "wrold\nworld!\n"


def test_ask_stdin_and_prompt_are_joined(space: ScriptedSpace) -> None:
    result = run_in_process("--space", space.url, "Summarise.", stdin=b"\xef\xbb\xbfnotes\r\nmore\n")
    assert json.loads(result.stdout)["query"] == "notes\nmore\n\nSummarise."


@pytest.mark.parametrize("stdin", [b"", b"\n"])
def test_ask_empty_stdin_is_no_part_of_the_prompt(space: ScriptedSpace, stdin: bytes) -> None:
    result = run_in_process("--space", space.url, "Summarise.", stdin=stdin)
    assert json.loads(result.stdout)["query"] == "Summarise."


def test_ask_stdin_that_is_not_utf_8_prints_usage(space: ScriptedSpace) -> None:
    result = run_in_process("--space", space.url, "-", stdin=b"caf\xe9")
    assert (result.returncode, result.stderr) == (
        2,
        b"qwen-gradio: stdin is not UTF-8 text; convert it, as with iconv\n",
    )


def test_ask_stdout_of_another_encoding_prints_question_marks(space: ScriptedSpace) -> None:
    smile = space.script(["caf\u00e9 \U0001f600"]).prompt
    latin = {"PYTHONIOENCODING": "latin-1"}
    assert run_in_process("--space", space.url, smile, environment=latin).stdout == b"caf\xe9 ?\n"
    lines = run_in_process("--json", "--space", space.url, smile, environment=latin).stdout.splitlines()
    assert json.loads(lines[-1])["text"] == "caf\u00e9 \U0001f600", "JSON can escape it"


def test_ask_space_and_timeout_come_from_the_environment(space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_GRADIO_SPACE", space.url)
    assert '"query": "hi"' in run("hi").stdout
    assert run("-m", "nonsense", "hi").exit_code == 2, "the option counts for more"
    monkeypatch.setenv("QWEN_GRADIO_TIMEOUT", "0.5")
    assert "nothing new came for 0.5 s" in run(space.script(5, quiet_at=1).prompt).stderr
    monkeypatch.setenv("QWEN_GRADIO_PROXY", "x")
    assert "expected the URL of a proxy" in run("hi").stderr


def test_ask_fallback_answers_and_options_reach_the_client(space: ScriptedSpace) -> None:
    result = run("-m", "http://127.0.0.1:9", "--retries", "0", "--fallback", space.url, "hi")
    assert json.loads(result.stdout)["query"] == "hi"
    assert run("--retries", "-1", "hi").exit_code == 2


def test_ask_file_that_is_missing_prints_usage() -> None:
    result = run("--file", "no-such-file.png", "hi")
    assert result.exit_code == 2
    assert "no-such-file.png" in result.stderr


THINKING = ["<think>hm", "<think>hm</think>", "<think>hm</think>so"]


def test_ask_thinking_option_prints_thinking_to_stderr(space: ScriptedSpace) -> None:
    result = run("--space", space.url, space.script(THINKING).prompt)
    assert (result.stdout, result.stderr) == ("so\n", "")
    result = run("--space", space.url, "--thinking", space.script(THINKING).prompt)
    assert (result.stdout, click.unstyle(result.stderr)) == ("so\n", "hm\n")


def test_ask_failed_stream_prints_partial_and_error_line(space: ScriptedSpace) -> None:
    result = run("--space", space.url, space.script(5, fail_at=2).prompt)
    assert result.exit_code == 1
    assert result.stdout.endswith("-1 \n")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"qwen-gradio: {space.url}: its code raised")


def test_ask_timeout_silent_space_exits_with_error(space: ScriptedSpace) -> None:
    result = run("--space", space.url, "--timeout", "0.5", space.script(5, quiet_at=1).prompt)
    assert result.exit_code == 1
    assert "nothing new came for 0.5 s" in result.stderr


@pytest.mark.parametrize("name", ["self", "system", "messages", "include_thinking", "ignore_unknown_options"])
def test_ask_option_that_is_no_parameter_of_a_space_prints_usage(name: str) -> None:
    result = run("-o", f"{name}=true", "hi")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"qwen-gradio: expected a parameter of the Space for --option, got {name}; use ")

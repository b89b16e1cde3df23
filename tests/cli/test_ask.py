"""`ask`: where the prompt comes from, what is printed where, and what comes of a reply that fails."""

from __future__ import annotations

import json

import click
import pytest

from ..conftest import ScriptedSpace
from .command import run, run_on_terminal


def test_ask_stdout_has_only_the_reply(space: ScriptedSpace) -> None:
    script = space.script(5)
    result = run("--space", space.url, script.prompt)
    assert (result.exit_code, result.stdout, result.stderr) == (0, script.final + "\n", "")


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_ask_prompt_missing_or_dash_reads_stdin(space: ScriptedSpace, arguments: list[str]) -> None:
    result = run("--space", space.url, "--system", "be brief", *arguments, stdin="hi")
    assert json.loads(result.stdout) == {"system": "be brief", "turns": [], "query": "hi"}


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


@pytest.mark.parametrize("name", ["system", "messages", "include_thinking", "ignore_unknown_options"])
def test_ask_option_that_is_no_parameter_of_a_space_prints_usage(name: str) -> None:
    result = run("-o", f"{name}=true", "hi")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"qwen-gradio: expected a parameter of the Space for --option, got {name}; use ")

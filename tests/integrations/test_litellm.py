"""LiteLLM, the real one, asks Spaces by its provider `qwen_gradio`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio.integrations.openai_replies import count_tokens

from ..conftest import ScriptedSpace, eventually
from ..environments import ROOT, python_with
from ..servers.forked import FORK_SERVER, ForkServers
from .readme import snippets

pytestmark = pytest.mark.full

PROGRAM = Path(__file__).with_name("litellm_program.py")
SERVE = FORK_SERVER.with_name("serve.py")
# It would fetch prices from GitHub.
ENVIRONMENT = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(ROOT)}


def run(*arguments: str) -> str:
    command = [python_with("litellm"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


def said(function: str, **arguments: Any) -> Any:
    return json.loads(run(str(PROGRAM), function, json.dumps(arguments)).splitlines()[-1])


def test_litellm_answers_in_each_way_with_usage(space: ScriptedSpace) -> None:
    script = space.script(5)
    result = said("answers", url=space.url, prompt=script.prompt)
    tokens = count_tokens(script.final)
    assert result["whole"] == [[script.final, tokens]] * 3
    assert result["streamed"] == result["whole"]
    assert result["from threads"] == [script.final] * 4
    assert len(set(result["prompt tokens"])) == 1
    assert result["prompt tokens"][0] > 0
    assert result["finish reasons"] == ["stop"] * 3


def test_litellm_options_stops_and_thinking_are_the_spaces(fork_servers: ForkServers) -> None:
    with fork_servers.running(SERVE, "coder", "thinking_tags") as process:
        urls = json.loads(process.printed)
        result = said("options", url=urls["coder"], thinker=urls["thinking_tags"])
    heard = {name: result["heard"][name] for name in ("radio", "temperature", "max_length")}
    assert heard == {"radio": "7B", "temperature": 0.3, "max_length": 512}
    assert [text.rpartition(" ")[2] for text in result["stopped"]] == ['"'] * 2
    assert result["stopped"][0] == result["stopped"][1]
    assert all(result["thought"])
    assert result["thought"][0].split() == result["thought"][1].split()
    assert result["answered"][0] == result["answered"][1] != ""
    assert result["dropped"] == "stop"


def test_litellm_errors_are_of_litellms_kinds(space: ScriptedSpace, answering: Callable[[bytes], str]) -> None:
    limited = answering(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n")
    failing = json.dumps({"id": "failing", "updates": 9, "fail_at": 0})
    cases = {
        "refused": ({"model": "qwen_gradio/http://127.0.0.1:9"}, ["BadGatewayError", 502, None]),
        "limited": ({"model": f"qwen_gradio/{limited}"}, ["RateLimitError", 429, "77"]),
        "raised": (
            {"model": f"qwen_gradio/{space.url}", "messages": [{"role": "user", "content": failing}]},
            ["BadGatewayError", 502, None],
        ),
        "no such name": ({"model": "qwen_gradio/qwen 9"}, ["BadRequestError", 400, None]),
        "unknown option": ({"model": f"qwen_gradio/{space.url}", "radio": "7B"}, ["BadRequestError", 400, None]),
        "tools": (
            {"model": f"qwen_gradio/{space.url}", "tools": [{"type": "function"}]},
            ["BadRequestError", 400, None],
        ),
        "no question": ({"model": f"qwen_gradio/{space.url}", "messages": []}, ["BadRequestError", 400, None]),
        "timeout": ({"model": f"qwen_gradio/{space.url}", "timeout": 1e-6}, ["Timeout", 408, None]),
        "token to another machine": (
            {"model": "qwen_gradio/http://a.example", "api_key": "hf_x"},
            ["BadRequestError", 400, None],
        ),
    }
    result = said("errors", cases={name: case for name, (case, _) in cases.items()})
    assert result == {name: [error] * 4 for name, (_, error) in cases.items()}


def test_litellm_leaving_stops_the_space(space: ScriptedSpace) -> None:
    scripts = [space.script(2000) for _ in range(4)]
    assert said("leave", url=space.url, prompts=[script.prompt for script in scripts]) == {"left": True}
    for script in scripts:
        assert script.count("step") > 0
        assert eventually(script.stopped)


def test_litellm_router_goes_on_to_the_next_space_before_the_first_token(
    space: ScriptedSpace, make_space: Callable[..., ScriptedSpace]
) -> None:
    """Of one Space nothing is left; the other refuses nothing, but raises at once, and never begins."""
    dead = make_space()
    dead.process.kill()
    scripts = [space.script(3) for _ in range(8)]
    result = said("route", dead=dead.url, alive=space.url, prompts=[script.prompt for script in scripts])
    finals = [script.final for script in scripts for _ in range(2)]
    assert result["async"] == [[final] * 2 for final in finals]
    assert result["sync"] == [finals[0]] * 2


def test_litellm_readme_snippet_runs_as_it_stands(space: ScriptedSpace) -> None:
    (snippet,) = snippets("LiteLLM")
    script = space.script(3)
    code = snippet.replace("http://127.0.0.1:7860", space.url)
    code = code.replace('"What is the capital of France?"', repr(script.prompt))
    assert code.count(space.url) == snippet.count("http://127.0.0.1:7860") > 0
    assert run("-c", code).split() == script.final.split() * 2

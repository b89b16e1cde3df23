"""The real llm, with Spaces as its models: its command and its Python API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ScriptedSpace, eventually
from ..environments import python_with
from ..faults.cases import RIGHT, WHOLE
from ..servers import wrong_server
from ..servers.forked import FORK_SERVER, ForkServers
from .readme import snippets

pytestmark = pytest.mark.full

PROGRAM = Path(__file__).with_name("llm_program.py")
SERVE = FORK_SERVER.with_name("serve.py")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables for llm: its folder is the test's, and no key comes from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "QWEN_GRADIO_"))}
    return {**kept, "LLM_USER_PATH": str(tmp_path / "llm")}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run Python, where llm is, and check its exit code."""

    def run(*arguments: str, code: int = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [python_with("llm"), *arguments]
        ended = subprocess.run(
            command, input=typed, capture_output=True, text=True, check=False, env=environment, timeout=120
        )
        assert ended.returncode == code, ended.stderr
        return ended

    return run


@pytest.fixture
def llm(run: Run) -> Run:
    """Run llm's command."""
    return lambda *arguments, **options: run("-m", "llm", *arguments, **options)


@pytest.fixture
def apps(fork_servers: ForkServers) -> Any:
    with fork_servers.running(SERVE, "coder", "state_history", "thinking_tags") as process:
        yield json.loads(process.printed)


def test_llm_lists_spaces_and_their_options(llm: Run, apps: Any) -> None:
    llm("qwen-gradio", "add", "coder", apps["coder"])
    listed = json.loads(llm("models", "-q", "qwen-gradio/", "--options", "--json").stdout)
    models = {model["model_id"].removeprefix("qwen-gradio/"): model for model in listed}
    assert {"Qwen/Qwen2-72B-Instruct", "Qwen/Qwen2.5", "Qwen/Qwen3-Demo", "coder"} <= set(models)
    assert models["Qwen/Qwen2.5"]["aliases"] == ["qwen-2.5"]
    assert list(models["Qwen/Qwen2.5"]["options"]) == ["radio"]
    assert all(model["can_stream"] and model["supports_async"] for model in listed)
    options = models["coder"]["options"]
    assert {"radio", "temperature", "top_p", "max_length"} <= set(options)
    assert [one["type"] for one in options["radio"]["anyOf"]] == ["string", "null"]
    assert [one["type"] for one in options["temperature"]["anyOf"]] == ["integer", "number", "null"]
    assert "'7B'" in options["radio"]["description"]
    in_words = llm("models", "-m", "coder", "-m", "qwen-2.5", "--options").stdout
    assert "radio: str" in in_words
    assert "from 0 to 2; 0.7 by default" in in_words


def test_llm_keeps_what_is_added(llm: Run, space: ScriptedSpace, environment: dict[str, str]) -> None:
    assert llm("qwen-gradio", "list").stdout == ""
    assert "llm -m one" in llm("qwen-gradio", "add", "one", f"{space.url}, qwen-2.5").stdout
    llm("qwen-gradio", "add", "two", "http://127.0.0.1:9", "--offline", "--api-name", "/chat")
    assert llm("qwen-gradio", "list").stdout == f"one: {space.url}, qwen-2.5\ntwo: http://127.0.0.1:9\n"
    kept = Path(environment["LLM_USER_PATH"]) / "qwen-gradio.json"
    assert json.loads(kept.read_text())["two"]["api_name"] == "/chat"
    llm("qwen-gradio", "remove", "one")
    assert llm("qwen-gradio", "list").stdout == "two: http://127.0.0.1:9\n"
    assert "no model 'one'" in llm("qwen-gradio", "remove", "one", code=1).stderr
    kept.write_text("[")
    assert "qwen-2.5" in llm("models").stdout  # llm goes on
    assert str(kept) in llm("models").stderr
    assert str(kept) in llm("qwen-gradio", "add", "one", space.url, code=1).stderr
    assert kept.read_text() == "["


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["two words", "qwen-2.5", "--offline"], "'two words'"),
        (["one", "qwen 9", "--offline"], "expected a Space id"),
        (["one", "qwen-2.5,qwen 9", "--offline"], "expected a Space id"),
        (["one", "http://a.example", "--key", "hf_x", "--offline"], "plain http"),
        (["one", "http://127.0.0.1:9"], "http://127.0.0.1:9: no connection"),
    ],
)
def test_llm_wrong_model_is_not_added(llm: Run, arguments: list[str], reason: str) -> None:
    assert reason in llm("qwen-gradio", "add", *arguments, code=1).stderr
    assert llm("qwen-gradio", "list").stdout == ""


def test_llm_conversation_goes_on_in_another_process(llm: Run, space: ScriptedSpace) -> None:
    llm("qwen-gradio", "add", "mine", space.url)
    first = llm("-m", "mine", "one", "-s", "Be brief.").stdout.rstrip("\n")
    assert json.loads(first) == {"system": "Be brief.", "turns": [], "query": "one"}
    second = json.loads(llm("-c", "two").stdout)
    assert second == {"system": "Be brief.", "turns": [["one", first]], "query": "two"}
    assert len(json.loads(llm("logs", "--json").stdout)) == 2


def test_llm_conversation_is_one_session(llm: Run, run: Run, apps: Any) -> None:
    """This Space keeps its turns in its session, where a question of another session finds none."""
    llm("qwen-gradio", "add", "state", apps["state_history"])
    arguments = {"model": "state", "prompts": ["one", "two", "three"]}
    said = json.loads(run(str(PROGRAM), "converse", json.dumps(arguments)).stdout)
    for way in ("sync", "async"):
        heard = list(map(json.loads, said[way]))
        assert [one["query"] for one in heard] == ["one", "two", "three"]
        assert [[turn[0] for turn in one["earlier"]] for one in heard] == [[], ["one"], ["one", "two"]]
    assert [json.loads(text)["earlier"] for text in said["alone"]] == [[]] * 3
    changed = json.loads(said["changed"])
    assert changed["earlier"] == []
    assert changed["query"].startswith("User: one\nAssistant: ")
    assert changed["query"].endswith("User: three\nAssistant:")


def test_llm_chat_is_one_session(llm: Run, apps: Any) -> None:
    llm("qwen-gradio", "add", "state", apps["state_history"])
    chat = llm("chat", "-m", "state", typed="one\ntwo\nexit\n").stdout
    heard = [json.loads(line.removeprefix("> ")) for line in chat.splitlines() if "query" in line]
    assert [(one["query"], len(one["earlier"])) for one in heard] == [("one", 0), ("two", 1)]


def test_llm_options_are_sent_with_their_types(llm: Run, apps: Any) -> None:
    llm("qwen-gradio", "add", "coder", apps["coder"])
    options = ["-o", "radio", "7B", "-o", "temperature", "0.2", "-o", "max_length", "512"]
    heard = json.loads(llm("-m", "coder", "hi", *options).stdout)
    assert (heard["radio"], heard["temperature"], heard["max_length"]) == ("7B", 0.2, 512)
    assert "temperature" in llm("-m", "coder", "hi", "-o", "temperature", "warm", code=1).stderr
    assert "Extra inputs" in llm("-m", "coder", "hi", "-o", "colour", "red", code=1).stderr
    refused = llm("-m", "coder", "hi", "-o", "radio", "9B", code=1).stderr
    assert "expected one of '32B'" in refused
    llm("qwen-gradio", "add", "unknown", apps["coder"], "--offline")
    heard = json.loads(llm("-m", "unknown", "hi", "-o", "radio", "7B", "-o", "temperature", "0.2").stdout)
    assert (heard["radio"], heard["temperature"]) == ("7B", 0.2)
    assert "unknown option 'colour'" in llm("-m", "unknown", "hi", "-o", "colour", "red", code=1).stderr


def test_llm_thinking_is_reasoning(llm: Run, run: Run, apps: Any) -> None:
    llm("qwen-gradio", "add", "thinker", apps["thinking_tags"])
    streamed = json.loads(run(str(PROGRAM), "events", json.dumps({"model": "thinker", "prompt": "hi"})).stdout)
    thought = "".join(text for kind, text in streamed if kind == "reasoning")
    answer = "".join(text for kind, text in streamed if kind == "text")
    assert thought
    assert json.loads(answer)["query"] == "hi"
    for way in (["--async"], ["--no-stream"], []):
        asked = llm("-m", "thinker", "hi", *way)
        assert asked.stdout.split() == answer.split()
        assert asked.stderr.split() == ([] if "--no-stream" in way else thought.split())
    assert llm("-m", "thinker", "hi", "--hide-reasoning").stderr == ""


def test_llm_failure_is_one_line_and_names_the_space(llm: Run, space: ScriptedSpace) -> None:
    llm("qwen-gradio", "add", "dead", "http://127.0.0.1:9", "--offline")
    llm("qwen-gradio", "add", "mine", space.url)
    for way in ([], ["--async"], ["--no-stream"]):
        failed = llm("-m", "dead", "hi", *way, code=1)
        assert failed.stderr.startswith("Error: http://127.0.0.1:9: no connection could be made")
        assert (len(failed.stderr.splitlines()), failed.stdout) == (1, "")
    script = space.script(5, fail_at=2)
    failed = llm("-m", "mine", script.prompt, code=1)
    assert f"Error: {space.url}:" in failed.stderr
    assert f"{script.name}-1" in failed.stdout
    assert "got no question" in llm("-m", "mine", " ", code=1).stderr


def test_llm_fallback_answers(llm: Run, space: ScriptedSpace) -> None:
    llm("qwen-gradio", "add", "both", f"http://127.0.0.1:9,{space.url}", "--offline")
    assert json.loads(llm("-m", "both", "hi").stdout)["query"] == "hi"


def test_llm_key_of_the_model_is_sent_to_its_space(llm: Run, description: Any) -> None:
    with wrong_server.running(description, {}, RIGHT) as server:
        for name in ("mine", "other"):
            llm("qwen-gradio", "add", name, server.url)
        llm("keys", "set", "qwen-gradio/mine", "--value", "hf_mine")
        sent = []
        for arguments in (["-m", "mine"], ["-m", "other"], ["-m", "other", "--key", "hf_other"]):
            server.heads.clear()
            assert llm("hi", *arguments).stdout.rstrip("\n") == WHOLE
            tokens = [head.lower().partition("authorization: bearer ")[2].partition("\r")[0] for head in server.heads]
            sent.append(sorted(set(tokens)))
    assert sent == [["hf_mine"], [""], ["hf_other"]]


def test_llm_leaving_stops_the_space(llm: Run, run: Run, space: ScriptedSpace, environment: dict[str, str]) -> None:
    llm("qwen-gradio", "add", "mine", space.url)
    scripts = [space.script(2000) for _ in range(3)]
    run(str(PROGRAM), "leave", json.dumps({"model": "mine", "prompts": [script.prompt for script in scripts[1:]]}))
    command = [python_with("llm"), "-m", "llm", "-m", "mine", scripts[0].prompt]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as asked:
        assert eventually(lambda: scripts[0].count("step") > 1)
        asked.send_signal(signal.SIGINT)
        asked.communicate(timeout=30)
    assert asked.returncode != 0
    for script in scripts:
        assert script.count("step") > 0
        assert eventually(script.stopped)


def test_llm_readme_snippets_run_as_they_stand(
    run: Run, space: ScriptedSpace, environment: dict[str, str], tmp_path: Path
) -> None:
    _, shell = snippets("llm", "sh")
    (python,) = snippets("llm")
    assert "http://127.0.0.1:7860" in shell
    path = f"{Path(python_with('llm')).parent}{os.pathsep}{os.environ['PATH']}"
    lines = subprocess.run(
        ["sh", "-ec", shell.replace("http://127.0.0.1:7860", space.url)],
        capture_output=True, text=True, check=True, cwd=tmp_path, env={**environment, "PATH": path},
    ).stdout.splitlines()  # fmt: skip
    heard = [json.loads(line) for line in lines if line.startswith("{")]
    assert [len(one["turns"]) for one in heard] == [0, 1]
    asked = [json.loads(line) for line in run("-c", python).stdout.splitlines()]
    assert [len(one["turns"]) for one in asked] == [0, 1]

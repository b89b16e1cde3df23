"""The real llm, with Spaces as its models: its command and its Python API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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

Said = Callable[..., Any]


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


Llm = Callable[..., list[Ended]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables for llm: its folder is the test's, and no key comes from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "QWEN_GRADIO_"))}
    return {**kept, "LLM_USER_PATH": str(tmp_path / "llm")}


@pytest.fixture
def run(environment: dict[str, str]) -> Callable[..., str]:
    """Run Python, where llm is, and give what it prints."""

    def run(*arguments: str) -> str:
        command = [python_with("llm"), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.fixture
def said(run: Callable[..., str]) -> Said:
    """Call a function of the program, and give its result."""
    return lambda function, **arguments: json.loads(run(str(PROGRAM), function, json.dumps(arguments)).splitlines()[-1])


@pytest.fixture
def llm(said: Said) -> Llm:
    """Run llm's commands, in one process, as one process needs a second or two to begin."""
    return lambda *lines, typed="": [Ended(*ended) for ended in said("commands", lines=lines, typed=typed)]


@pytest.fixture
def apps(fork_servers: ForkServers) -> Any:
    with fork_servers.running(SERVE, "coder", "state_history", "thinking_tags") as process:
        yield json.loads(process.printed)


def adding(name: str, space: str, *options: str) -> list[str]:
    return ["qwen-gradio", "add", name, space, *options]


def test_llm_lists_spaces_and_their_options(llm: Llm, apps: Any) -> None:
    _, as_json, in_words = llm(
        adding("coder", apps["coder"]),
        ["models", "-q", "qwen-gradio/", "--options", "--json"],
        ["models", "-m", "coder", "-m", "qwen-2.5", "--options"],
    )
    models = {model["model_id"].removeprefix("qwen-gradio/"): model for model in json.loads(as_json.stdout)}
    assert {"Qwen/Qwen2-72B-Instruct", "Qwen/Qwen2.5", "Qwen/Qwen3-Demo", "coder"} <= set(models)
    assert models["Qwen/Qwen2.5"]["aliases"] == ["qwen-2.5"]
    assert list(models["Qwen/Qwen2.5"]["options"]) == ["radio"]
    assert all(model["can_stream"] and model["supports_async"] for model in models.values())
    options = models["coder"]["options"]
    assert {"radio", "temperature", "top_p", "max_length"} <= set(options)
    assert [one["type"] for one in options["radio"]["anyOf"]] == ["string", "null"]
    assert [one["type"] for one in options["temperature"]["anyOf"]] == ["integer", "number", "null"]
    assert "'7B'" in options["radio"]["description"]
    assert "radio: str" in in_words.stdout
    assert "from 0 to 2; 0.7 by default" in in_words.stdout


def test_llm_keeps_what_is_added(llm: Llm, space: ScriptedSpace, environment: dict[str, str]) -> None:
    listing = ["qwen-gradio", "list"]
    nothing, added, _, both, _, rest, again = llm(
        listing,
        adding("one", f"{space.url}, qwen-2.5"),
        adding("two", "http://127.0.0.1:9", "--offline", "--api-name", "/chat"),
        listing,
        ["qwen-gradio", "remove", "one"],
        listing,
        ["qwen-gradio", "remove", "one"],
    )
    assert nothing.stdout == ""
    assert "llm -m one" in added.stdout
    assert both.stdout == f"one: {space.url}, qwen-2.5\ntwo: http://127.0.0.1:9\n"
    assert rest.stdout == "two: http://127.0.0.1:9\n"
    assert (again.code, "no model 'one'" in again.stderr) == (1, True)
    kept = Path(environment["LLM_USER_PATH"]) / "qwen-gradio.json"
    assert json.loads(kept.read_text())["two"]["api_name"] == "/chat"


@pytest.mark.parametrize("text", ["[", "[]", '{"one": {}}', '{"one": 1}', '{"one": {"spaces": 1}}', "\0"])
def test_llm_broken_file_is_named_and_left(llm: Llm, environment: dict[str, str], text: str) -> None:
    kept = Path(environment["LLM_USER_PATH"]) / "qwen-gradio.json"
    kept.parent.mkdir()
    kept.write_text(text)
    models, added = llm(["models"], adding("one", "qwen-2.5", "--offline"))
    assert (models.code, "qwen-2.5" in models.stdout) == (0, True), "llm goes on"
    assert f"Warning: {kept} can't be read" in models.stderr
    assert (added.code, str(kept) in added.stderr) == (1, True)
    assert kept.read_text() == text


def test_llm_older_one_goes_on_without_spaces(said: Said) -> None:
    (models,) = map(Ended._make, said("commands_of_older_llm", lines=[["models"]]))
    assert (models.code, "qwen-2.5" in models.stdout, "gpt" in models.stdout) == (0, False, True)
    assert "needs a newer llm" in models.stderr


def test_llm_wrong_model_is_not_added(llm: Llm) -> None:
    reasons = {
        ("two words", "qwen-2.5", "--offline"): "'two words'",
        ("one", "qwen 9", "--offline"): "expected a Space id",
        ("one", "qwen-2.5,qwen 9", "--offline"): "expected a Space id",
        ("one", "http://a.example", "--key", "hf_x", "--offline"): "plain http",
        ("one", "http://127.0.0.1:9"): "http://127.0.0.1:9: no connection",
    }
    *failed, listed = llm(*(["qwen-gradio", "add", *arguments] for arguments in reasons), ["qwen-gradio", "list"])
    assert [one.code for one in failed] == [1] * len(reasons)
    assert all(reason in one.stderr for one, reason in zip(failed, reasons.values(), strict=True)), failed
    assert listed.stdout == ""


def test_llm_conversation_goes_on_in_another_process(llm: Llm, space: ScriptedSpace) -> None:
    _, first = llm(adding("mine", space.url), ["-m", "mine", "one", "-s", "Be brief."])
    assert json.loads(first.stdout) == {"system": "Be brief.", "turns": [], "query": "one"}
    second, logged = llm(["-c", "two"], ["logs", "--json"])
    turns = [["one", first.stdout.rstrip("\n")]]
    assert json.loads(second.stdout) == {"system": "Be brief.", "turns": turns, "query": "two"}
    assert len(json.loads(logged.stdout)) == 2


def test_llm_conversation_is_one_session(llm: Llm, said: Said, apps: Any) -> None:
    """This Space keeps its turns in its session, where a question of another session finds none."""
    llm(adding("state", apps["state_history"]))
    texts = said("converse", model="state", prompts=["one", "two", "three"])
    for way in ("sync", "async"):
        heard = list(map(json.loads, texts[way]))
        assert [one["query"] for one in heard] == ["one", "two", "three"]
        assert [[turn[0] for turn in one["earlier"]] for one in heard] == [[], ["one"], ["one", "two"]]
    assert [json.loads(text)["earlier"] for text in texts["alone"]] == [[]] * 3
    changed = json.loads(texts["changed"])
    assert changed["earlier"] == []
    assert changed["query"].startswith("User: one\nAssistant: ")
    assert changed["query"].endswith("User: three\nAssistant:")


def test_llm_chat_is_one_session(llm: Llm, apps: Any) -> None:
    _, chat = llm(adding("state", apps["state_history"]), ["chat", "-m", "state"], typed="one\ntwo\nexit\n")
    heard = [json.loads(line[line.index("{") :]) for line in chat.stdout.splitlines() if "query" in line]
    assert [(one["query"], len(one["earlier"])) for one in heard] == [("one", 0), ("two", 1)]


def test_llm_options_are_sent_with_their_types(llm: Llm, apps: Any) -> None:
    def asking(model: str, *options: str) -> list[str]:
        pairs = zip(options[::2], options[1::2], strict=True)
        return ["-m", model, "hi", *(part for name, value in pairs for part in ("-o", name, value))]

    _, _, checked, as_text, surplus, refused, passed, unknown = llm(
        adding("coder", apps["coder"]),
        adding("unknown", apps["coder"], "--offline"),
        asking("coder", "radio", "7B", "temperature", "0.2", "max_length", "512"),
        asking("coder", "temperature", "warm"),
        asking("coder", "colour", "red"),
        asking("coder", "radio", "9B"),
        asking("unknown", "radio", "7B", "temperature", "0.2"),
        asking("unknown", "colour", "red"),
    )
    heard = json.loads(checked.stdout)
    assert (heard["radio"], heard["temperature"], heard["max_length"]) == ("7B", 0.2, 512)
    assert isinstance(heard["max_length"], int)
    assert (as_text.code, "temperature" in as_text.stderr) == (1, True)
    assert (surplus.code, "Extra inputs" in surplus.stderr) == (1, True)
    assert (refused.code, "expected one of '32B'" in refused.stderr) == (1, True)
    heard = json.loads(passed.stdout)
    assert (heard["radio"], heard["temperature"]) == ("7B", 0.2)
    assert (unknown.code, "unknown option 'colour'" in unknown.stderr) == (1, True)


def test_llm_thinking_is_reasoning(llm: Llm, said: Said, apps: Any) -> None:
    asking = ["-m", "thinker", "hi"]
    _, *asked = llm(
        adding("thinker", apps["thinking_tags"]),
        *([*asking, *way] for way in ([], ["--async"], ["--no-stream"], ["--hide-reasoning"])),
    )
    streamed = said("events", model="thinker", prompt="hi")
    thought = "".join(text for kind, text in streamed if kind == "reasoning")
    answer = "".join(text for kind, text in streamed if kind == "text")
    assert "They ask something" in thought
    assert json.loads(answer)["query"] == "hi"
    assert [one.stdout.split() for one in asked] == [answer.split()] * 4
    assert [one.stderr.split() for one in asked] == [thought.split()] * 2 + [[]] * 2


def test_llm_failure_is_one_line_and_names_the_space(llm: Llm, space: ScriptedSpace) -> None:
    script = space.script(5, fail_at=2)
    dead = ["-m", "dead", "hi"]
    _, _, *refused, half_way, blank = llm(
        adding("dead", "http://127.0.0.1:9", "--offline"),
        adding("mine", space.url),
        *(dead, [*dead, "--async"], [*dead, "--no-stream"]),
        ["-m", "mine", script.prompt],
        ["-m", "mine", " "],
    )
    for failed in refused:
        assert failed.stderr.startswith("Error: http://127.0.0.1:9: no connection could be made")
        assert (failed.code, len(failed.stderr.splitlines()), failed.stdout) == (1, 1, "")
    assert f"Error: {space.url}:" in half_way.stderr
    assert f"{script.name}-1" in half_way.stdout
    assert "got no question" in blank.stderr
    assert (half_way.code, blank.code) == (1, 1)


def test_llm_fallback_answers(llm: Llm, space: ScriptedSpace) -> None:
    _, asked = llm(adding("both", f"http://127.0.0.1:9,{space.url}", "--offline"), ["-m", "both", "hi"])
    assert json.loads(asked.stdout)["query"] == "hi"


def test_llm_key_of_a_model_is_sent_to_its_space(llm: Llm, description: Any) -> None:
    with wrong_server.running(description, {}, RIGHT) as server:
        llm(*(adding(name, server.url) for name in ("mine", "other")))
        llm(["keys", "set", "qwen-gradio/mine", "--value", "hf_mine"])
        sent = []
        for arguments in (["-m", "mine"], ["-m", "other"], ["-m", "other", "--key", "hf_other"]):
            server.heads.clear()
            assert [ended.stdout for ended in llm(["hi", *arguments])] == [f"{WHOLE}\n"]
            tokens = {head.lower().partition("authorization: bearer ")[2].partition("\r")[0] for head in server.heads}
            sent.append(sorted(tokens))
    assert sent == [["hf_mine"], [""], ["hf_other"]]


def test_llm_leaving_stops_the_space(llm: Llm, said: Said, space: ScriptedSpace, environment: dict[str, str]) -> None:
    llm(adding("mine", space.url))
    scripts = [space.script(2000) for _ in range(3)]
    said("leave", model="mine", prompts=[script.prompt for script in scripts[1:]])
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
    run: Callable[..., str], space: ScriptedSpace, environment: dict[str, str], tmp_path: Path
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
    asked = [json.loads(line) for line in run("-c", python).splitlines()]
    assert [len(one["turns"]) for one in asked] == [0, 1]

"""What Gradio's own components publish is read: thinking, components, messages that were sent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import pytest

from qwen_gradio.text.chatbot import HistoryFormat, Snapshot, encode, history_format, latest_reply
from qwen_gradio.text.outputs import parse_output
from qwen_gradio.text.thinking import ThinkingTags, parse_tags

from ..environments import on_each_gradio, on_gradio
from ..servers.forked import ForkServers

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
GRADIOS = [*on_each_gradio("4.44.1", "5.50.0", "6"), pytest.param("5.50.0 messages", marks=on_gradio("5.50.0"))]
CODE = "1. a\n   - b\n2. c"
TABLE = "| n | letter |\n| --- | --- |\n| 1 | a |"
SHOWN = {
    "html": "<b>bold</b>",
    "label": "- cat: 90%\n- dog: 10%",
    "json": '```\n{\n  "a": [\n    1\n  ]\n}\n```',
    "highlightedtext": "I saw a cat [animal]",
    "code": "```\nx = 1\n```",
    "number": "3",
    "dataframe": TABLE,
    "video": "[video]",
    "plot": "[plot]",
}


@dataclass(frozen=True)
class Shown:
    """The app that shows what it is asked to, and a client of it."""

    client: gradio_client.Client

    @property
    def chatbot(self) -> dict[str, Any]:
        props: dict[str, Any]
        props = next(one["props"] for one in self.client.config["components"] if one["type"] == "chatbot")
        return props

    @property
    def form(self) -> HistoryFormat:
        return history_format(self.client.config["version"], self.chatbot.get("type"))

    @property
    def tags(self) -> ThinkingTags:
        return parse_tags(self.chatbot.get("reasoning_tags"))

    def values(self, steps: list[list[tuple[str, Any]]], history: list[Any]) -> list[Any]:
        """Let it append the messages of each step to the history, and give the Chatbot's values."""
        return [*self.client.submit(json.dumps(steps), history, api_name="/respond")]


@pytest.fixture(params=GRADIOS)
def app(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[Shown]:
    gradio, *chatbots = request.param.split(" ")
    kinds = ["--chatbots", *chatbots] if chatbots else []
    with fork_servers.running(SERVE, *kinds, "shown", gradio=gradio) as process:
        url = json.loads(process.printed)["shown"]
        client = gradio_client.Client(url, verbose=False, download_files=False, analytics_enabled=False)
        yield Shown(client)
        client.close()


def test_chatbot_thinking_of_a_growing_reply_is_apart(app: Shown) -> None:
    text = "a <think>b</think>c `<think>`\n\n<thinking>d\n\ne</thinking>f"
    snapshots = replies(app, text)
    assert snapshots[-1] == Snapshot("a \n\nc `<think>`\n\nf", "b\n\nd\n\ne")
    assert_grows(snapshots)


def test_chatbot_thinking_in_its_own_reasoning_tags_is_apart(app: Shown) -> None:
    """Gradio 6 makes messages of such blocks; the others have no such tags."""
    snapshots = replies(app, "a <reason>b</reason>c<reason>d</reason> e<think>f</think>")
    if app.form == "parts":
        assert snapshots[-1] == Snapshot("a\n\nc\n\ne", "b\n\nd\n\nf")
        assert_grows(snapshots)
        assert not any("<" in snapshot.answer + snapshot.thinking for snapshot in snapshots)
    else:
        assert snapshots[-1] == Snapshot("a <reason>b</reason>c<reason>d</reason> e", "f")


def replies(app: Shown, text: str) -> list[Snapshot]:
    """Let the reply grow by a character, and read it each time."""
    steps = [[("user", "q"), ("assistant", text[:length])] for length in range(1, len(text) + 1)]
    values = app.values(steps, [])
    found = [latest_reply(value, query="q", tags=app.tags) for value in values[:-1]]
    found.append(latest_reply(values[-1], query="q", tags=app.tags, whole=True))
    return [snapshot for snapshot in found if snapshot is not None]


def assert_grows(snapshots: list[Snapshot]) -> None:
    """Check that words are only added: Gradio removes white space at the end of a message."""
    assert len(snapshots) > 1
    for before, after in itertools.pairwise(snapshots):
        assert after.answer.startswith(before.answer.rstrip())
        assert after.thinking.startswith(before.thinking)


@pytest.mark.parametrize("asks", [False, True], ids=["no question", "question"])
@pytest.mark.parametrize("greets", [False, True], ids=["no greeting", "greeting"])
def test_chatbot_messages_that_were_sent_are_not_the_reply(app: Shown, asks: bool, greets: bool) -> None:
    turns = [("", "hello")] if greets else []
    sent = encode([*turns, ("u1", f"  {CODE}\n"), ("u2", "<think>b</think>c")], app.form)
    question: list[tuple[str, Any]] = [("user", "u3")] if asks else []
    for kept in (sent, app.values([[]], sent)[-1]):
        values = app.values([[], question, [*question, ("assistant", "a3")]], kept)
        read = [latest_reply(value, sent=kept, query="u3", tags=app.tags, whole=True) for value in values]
        assert read == [Snapshot(), Snapshot(), Snapshot("a3")]


def test_chatbot_components_and_files_are_read(app: Shown) -> None:
    for name, text in SHOWN.items():
        value = app.values([[("user", "q"), ("assistant", "a"), ("assistant", {"show": name})]], [])[-1]
        assert latest_reply(value, whole=True) == Snapshot(f"a\n\n{text}"), name
    for name, label in (("path", "alt"), ("file", "shown.txt")):
        value = app.values([[("user", "q"), ("assistant", {"show": name}), ("assistant", "a")]], [])[-1]
        reply = latest_reply(value, whole=True)
        assert reply is not None
        assert reply.answer.startswith(f"[{label}](http://")
        assert reply.answer.endswith("/shown.txt)\n\na")


def test_output_values_of_components_are_read(app: Shown) -> None:
    component_of = {component["id"]: component["type"] for component in app.client.config["components"]}
    outputs = next(
        dependency["outputs"] for dependency in app.client.config["dependencies"] if dependency["api_name"] == "show"
    )
    values = dict(zip(map(component_of.get, outputs), app.client.predict(api_name="/show"), strict=True))
    read = {type_: parse_output(str(type_), value, whole=True) for type_, value in values.items()}
    file = read.pop("file")
    assert file is not None
    assert file.answer.startswith("[shown.txt](http://")
    apart = {"json": '{\n  "a": [\n    1\n  ]\n}', "code": "x = 1", "video": "", "plot": ""}
    assert read == {name: Snapshot(text) for name, text in {**SHOWN, **apart}.items()}

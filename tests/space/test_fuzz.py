"""Any JSON as a description or an output of a Space gives a result or a QwenGradioError."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import Inspection, ProtocolError, QwenGradioError
from qwen_gradio.space.choice import find_recipe
from qwen_gradio.space.session import PageSession
from qwen_gradio.text import chatbot
from qwen_gradio.text.messages import Chat

TURNS = Chat("be brief", (("a", "b"),), "c")
WORDS = st.sampled_from(
    ["a", "b", "c", "chat", "message", "system", "<think>a</think>b", "Response", "assistant", "user"]
)
KEYS = st.sampled_from(
    ["role", "content", "text", "type", "metadata", "title", "value", "items", "__type__", "props", "id", "label", "x"]
)
NUMBERS = st.integers(-2, 9) | st.floats() | st.just(10**400)
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
TYPES = st.sampled_from(["textbox", "chatbot", "state", "slider", "radio", "json", "multimodaltextbox", "antdform"])
PROPS = st.fixed_dictionaries(
    {},
    optional={"value": JSON, "label": JSON, "type": JSON, "choices": JSON, "minimum": JSON, "multiselect": JSON},
)
COMPONENT = st.fixed_dictionaries(
    {"id": st.integers(0, 5), "type": TYPES | JSON},
    optional={"props": PROPS | JSON, "skip_api": JSON, "api_info": JSON},
)
IDS = st.lists(st.integers(0, 6), max_size=5)
DEPENDENCY = st.fixed_dictionaries(
    {"id": st.integers(0, 3), "api_name": WORDS | JSON, "inputs": IDS | JSON, "outputs": IDS | JSON},
    optional={"types": st.fixed_dictionaries({"generator": st.booleans()}) | JSON, "trigger_after": JSON},
)
CONFIG = st.fixed_dictionaries(
    {"version": st.sampled_from(["4.32.1", "5.50.0", "6.31.0"]) | JSON},
    optional={
        "components": st.lists(COMPONENT, max_size=6) | JSON,
        "dependencies": st.lists(DEPENDENCY, max_size=4) | JSON,
    },
)
PARAMETER = st.fixed_dictionaries(
    {}, optional={"parameter_name": WORDS | JSON, "label": JSON, "parameter_has_default": JSON}
)
ENDPOINT = st.fixed_dictionaries({}, optional={"parameters": st.lists(PARAMETER | JSON, max_size=4) | JSON})
NAMES = WORDS.map("/{}".format)
INFO = st.fixed_dictionaries(
    {}, optional={"named_endpoints": st.dictionaries(NAMES, ENDPOINT | JSON, max_size=3) | JSON}
)


@given(JSON, st.booleans())
def test_fuzz_chatbot_value_gives_snapshot_or_none(value: Any, whole: bool) -> None:
    assert isinstance(chatbot.latest_reply(value, whole=whole), chatbot.Snapshot | None)
    assert isinstance(chatbot.parse_content(value, whole=whole), chatbot.Snapshot | None)


@given(CONFIG, INFO, JSON, JSON)
def test_fuzz_config_and_info_raise_only_qwen_gradio_error(config: Any, info: Any, output: Any, option: Any) -> None:
    try:
        recipe = find_recipe(config, info)
        assert all(parameter.expected for parameter in recipe.parameters)
        inspection = Inspection("a/b", "http://127.0.0.1", "6", recipe, ())
        assert inspection.as_dict()["command"] in inspection.describe()
        session = PageSession(recipe)
        for options in ({}, {parameter.name: option for parameter in recipe.options[:1]}):
            session.ask(TURNS, options)
            run(session, output)
    except QwenGradioError:
        pass


def run(session: PageSession, output: Any) -> None:
    """Run the steps of a question, each with the same output."""
    while (step := session.next_step()) is not None:
        assert len(step.arguments) == len(step.listener.sent)
        session.read(step, output)
        session.succeed(step, output)
    session.final_snapshot()
    while (step := session.next_step_after()) is not None:
        session.fail(step)


def asked(*outputs: str) -> PageSession:
    """A question on a page with one step, whose outputs are components of these types."""
    inputs = [{"id": 0, "type": "textbox"}]
    shown = [{"id": number, "type": kind, "props": {"label": "Response"}} for number, kind in enumerate(outputs, 1)]
    chat = {"id": 0, "api_name": "chat", "inputs": [0], "outputs": [one["id"] for one in shown]}
    session = PageSession(find_recipe({"version": "6", "components": inputs + shown, "dependencies": [chat]}, {}))
    session.ask(TURNS, {})
    return session


@given(JSON)
def test_fuzz_output_raises_only_protocol_error(output: Any) -> None:
    for outputs in (("textbox", "chatbot"), ("chatbot",), ("textbox",), ("json", "json")):
        with contextlib.suppress(ProtocolError):
            run(asked(*outputs), output)


def test_snapshot_deeply_nested_output_raises_protocol_error() -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    session = asked("chatbot")
    step = session.next_step()
    assert step is not None
    with pytest.raises(ProtocolError):
        session.read(step, [{"role": "assistant", "content": deep}])

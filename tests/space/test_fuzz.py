"""Any JSON as a description or an output of a Space gives a result or a QwenGradioError."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import ProtocolError, QwenGradioError
from qwen_gradio.space.recipe import Endpoint, find_chat_endpoint
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
        endpoint = find_chat_endpoint(config, info)
        options = {parameter.name: option for parameter in endpoint.options[:1]}
        assert len(endpoint.arguments(TURNS, {})) == len(endpoint.parameters)
        assert all(parameter.expected for parameter in endpoint.parameters)
        endpoint.arguments(TURNS, options)
        endpoint.snapshot(output, TURNS)
    except QwenGradioError:
        pass


@given(JSON)
def test_fuzz_output_raises_only_protocol_error(output: Any) -> None:
    for form, reply in (("pairs", 1), ("messages", None), (None, None)):
        endpoint = Endpoint("/chat", (), "query", "history", None, None, reply, form, True)  # type: ignore[arg-type] # they are
        with contextlib.suppress(ProtocolError):
            endpoint.snapshot(output, TURNS)


def test_snapshot_deeply_nested_output_raises_protocol_error() -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    endpoint = Endpoint("/chat", (), "query", None, None, None, None, "parts", True)
    with pytest.raises(ProtocolError):
        endpoint.snapshot([{"role": "assistant", "content": deep}], TURNS)

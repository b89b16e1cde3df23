from __future__ import annotations

from typing import Any

import pytest

from qwen_gradio import InvalidOption, Parameter
from qwen_gradio.space.parameters import parse_parameter


def of(kind: str, schema: dict[str, Any] | None = None, **props: Any) -> Parameter:
    return parse_parameter(0, {"type": kind, "props": props, "api_info": schema}, {"parameter_name": "it"}, [], {})


NUMBER = {"type": "number"}
SLIDER = of("slider", NUMBER, minimum=0, maximum=2, value=0.7)
RADIO = of("radio", {"type": "string"}, choices=[["Large", "72B"], ["Small", "7B"]])
MANY = of("checkboxgroup", {"type": "array"}, choices=["a", "b"])


@pytest.mark.parametrize(
    ("taker", "value"),
    [
        (SLIDER, 0),
        (SLIDER, 2.0),
        (of("number", NUMBER), -1e9),
        (of("number", NUMBER), None),
        (RADIO, "7B"),
        (MANY, ["a", "b"]),
        (MANY, []),
        (of("dropdown", {"type": "string"}, choices=["a"], allow_custom_value=True), "other"),
        (of("dropdown", {"type": "array"}, choices=["a", "b"], multiselect=True), ["b"]),
        (of("radio", {"type": "string"}, choices=[]), "7B"),
        (of("checkbox", {"type": "boolean"}), True),
        (of("textbox", {"type": "string"}), ""),
        (of("json", {"type": {}}), [1, {"a": None}]),
        (of("somebodys", None), 3),
    ],
)
def test_option_valid_value_is_accepted(taker: Parameter, value: object) -> None:
    assert taker.validate(value) == value


@pytest.mark.parametrize(
    ("taker", "value", "expected"),
    [
        (SLIDER, 2.1, "number from 0 to 2 for it, got 2.1"),
        (SLIDER, -1, "number from 0 to 2"),
        (SLIDER, float("nan"), "number from 0 to 2"),
        (SLIDER, "1", "number from 0 to 2 for it, got '1'"),
        (SLIDER, True, "number from 0 to 2"),
        (SLIDER, None, "number from 0 to 2"),
        (of("number", NUMBER, minimum=1), 0, "number from 1 for it"),
        (RADIO, "32B", "one of '72B', '7B'"),
        (RADIO, "Large", "one of '72B', '7B'"),
        (RADIO, ["7B"], "one of '72B', '7B'"),
        (MANY, "a", "a list of these: 'a', 'b'"),
        (MANY, ["c"], "a list of these: 'a', 'b'"),
        (of("checkbox", {"type": "boolean"}, value=False), "yes", "boolean"),
        (of("textbox", {"type": "string"}), 3, "string"),
        (of("form", {"type": "object"}, value={}), "a", "object"),
    ],
)
def test_option_invalid_value_raises_invalid_option(taker: Parameter, value: object, expected: str) -> None:
    with pytest.raises(InvalidOption, match=expected):
        taker.validate(value)


def test_option_mapping_is_merged_into_default() -> None:
    form = of("form", {"type": "object"}, value={"model": "big", "budget": 38})
    assert form.validate({"budget": 1}) == {"model": "big", "budget": 1}


@pytest.mark.parametrize(
    ("about", "value", "default"),
    [
        ({"parameter_has_default": True, "parameter_default": "a"}, "b", "a"),
        ({"parameter_has_default": False, "parameter_default": None}, "b", "b"),
        ({}, None, "known"),
    ],
)
def test_option_default_prefers_published_value(about: dict[str, Any], value: object, default: object) -> None:
    component = {"type": "radio", "props": {"value": value}}
    assert parse_parameter(0, component, {"parameter_name": "it", **about}, [], {"it": "known"}).default == default


@pytest.mark.parametrize(
    ("kind", "label", "is_query", "is_system"),
    [
        ("textbox", "Message", True, False),
        ("multimodaltextbox", "input_value", True, False),
        ("textbox", "System prompt", False, True),
        ("textbox", "systemprompt", False, True),
        ("textbox", "sys_prompt", False, True),
        ("textbox", "系统提示词", False, True),
        ("textbox", "ecosystem", False, False),
        ("textbox", "API key", False, False),
        ("dropdown", "System", False, False),
        ("chatbot", "Chat", False, False),
    ],
)
def test_parameter_role_is_inferred_from_component_and_label(
    kind: str, label: str, is_query: bool, is_system: bool
) -> None:
    taker = parse_parameter(0, {"type": kind, "props": {"label": label}}, None, [], {})
    assert ((taker.query_rank or (9, False))[0] < 3, taker.is_for_system) == (is_query, is_system)


@pytest.mark.parametrize(
    "value", ["\ud800", pytest.param({"a": float("nan")}, id="nan"), pytest.param({"a": {1}}, id="a set")]
)
def test_option_not_json_serialisable_raises_invalid_option(value: object) -> None:
    with pytest.raises(InvalidOption, match="can be sent as JSON for it"):
        of("json").validate(value)


def test_option_file_accepts_only_handle_file() -> None:
    handled = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    assert of("file", {"type": "object"}).validate(handled) == handled
    assert of("file", {"type": "array"}).validate([handled]) == [handled]
    with pytest.raises(InvalidOption, match=r"expected gradio_client.handle_file\(path or URL\) for it"):
        of("file", {"type": "object"}).validate("/etc/hostname")


def test_option_true_does_not_match_choice_one() -> None:
    with pytest.raises(InvalidOption, match="one of 1, 2"):
        of("radio", None, choices=[1, 2]).validate(True)

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import InvalidOption, Parameter
from qwen_gradio.space.page import Component
from qwen_gradio.space.parameters import Preferred, check_value, parse_parameter
from qwen_gradio.space.recipe import fit_options


def make(kind: str, schema: dict[str, Any] | None = None, **props: Any) -> Parameter:
    return parse_parameter(0, Component(0, kind, props, schema or {}), {"parameter_name": "it"}, [], {})


NUMBER = {"type": "number"}
SLIDER = make("slider", NUMBER, minimum=0, maximum=2, value=0.7)
RADIO = make("radio", {"type": "string"}, choices=[["Large", "72B"], ["Small", "7B"]])
MANY = make("checkboxgroup", {"type": "array"}, choices=["a", "b"])


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (SLIDER, 0),
        (SLIDER, 2.0),
        (make("number", NUMBER), -1e9),
        (make("number", NUMBER), None),
        (RADIO, "7B"),
        (MANY, ["a", "b"]),
        (MANY, []),
        (make("dropdown", {"type": "string"}, choices=["a"], allow_custom_value=True), "other"),
        (make("dropdown", {"type": "array"}, choices=["a", "b"], multiselect=True), ["b"]),
        (make("radio", {"type": "string"}, choices=[]), "7B"),
        (make("checkbox", {"type": "boolean"}), True),
        (make("textbox", {"type": "string"}), ""),
        (make("json", {"type": {}}), [1, {"a": None}]),
        (make("somebodys", None), 3),
    ],
)
def test_option_valid_value_is_accepted(parameter: Parameter, value: object) -> None:
    assert parameter.validate(value) == value


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (SLIDER, 2.1, "number from 0 to 2 for it, got 2.1"),
        (SLIDER, -1, "number from 0 to 2"),
        (SLIDER, float("nan"), "a JSON value for it, got nan"),
        (SLIDER, float("inf"), "a JSON value for it, got inf"),
        (make("number", NUMBER), float("-inf"), "a JSON value for it, got -inf"),
        pytest.param(
            make("number", NUMBER), 10**400, "a JSON value .* got 1000.*: int too large", id="too large a number"
        ),
        pytest.param(make("number", NUMBER), -(10**5000), "a JSON value for it, got <int>", id="no repr"),
        pytest.param(make("number", {"type": "integer"}), 10**400, "a JSON value for it", id="too large an integer"),
        pytest.param(make("somebodys", None), 10**400, "a JSON value for it", id="too large, of any type"),
        (SLIDER, "1", "number from 0 to 2 for it, got '1'"),
        (SLIDER, True, "number from 0 to 2"),
        (SLIDER, None, "number from 0 to 2"),
        (make("number", NUMBER, minimum=1), 0, "number from 1 for it"),
        (RADIO, "32B", "one of '72B', '7B'"),
        (RADIO, "Large", "one of '72B', '7B'"),
        (RADIO, ["7B"], "one of '72B', '7B'"),
        (MANY, "a", "a list of these: 'a', 'b'"),
        (MANY, ["c"], "a list of these: 'a', 'b'"),
        (make("checkbox", {"type": "boolean"}, value=False), "yes", "boolean"),
        (make("textbox", {"type": "string"}), 3, "string"),
        (make("form", {"type": "object"}, value={}), "a", "object"),
    ],
)
def test_option_invalid_value_raises_invalid_option(parameter: Parameter, value: object, expected: str) -> None:
    with pytest.raises(InvalidOption, match=expected):
        parameter.validate(value)


def test_option_mapping_is_merged_into_default() -> None:
    form = make("form", {"type": "object"}, value={"model": "big", "budget": 38})
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
    component = Component(0, "radio", {"value": value})
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
    parameter = parse_parameter(0, Component(0, kind, {"label": label}), None, [], {})
    assert ((parameter.query_rank or (9, False))[0] < 3, parameter.is_for_system) == (is_query, is_system)


def deep(levels: int) -> Any:
    value: Any = "a"
    for _ in range(levels):
        value = [value]
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


class Odd:
    """An object whose repr and equality raise."""

    def __repr__(self) -> str:
        raise LookupError

    def __eq__(self, other: object) -> bool:
        raise LookupError

    __hash__ = None  # type: ignore[assignment] # as a class with __eq__ has it


@pytest.mark.parametrize(
    ("value", "got"),
    [
        pytest.param("a\ud800", r"a lone surrogate in 'a\\ud800'", id="no UTF-8"),
        pytest.param({"a": "\ud800"}, "a lone surrogate in ", id="no UTF-8 inside"),
        pytest.param({"\ud800": 1}, "a lone surrogate in ", id="no UTF-8 as a key"),
        pytest.param({"a": float("nan")}, "{'a': nan}: Out of range", id="nan inside"),
        pytest.param({"a": 10**5000}, "<dict>: Exceeds the limit", id="a number without a repr"),
        pytest.param({"a": {1}}, r"{'a': \{1\}}: Object of type set is not JSON serializable", id="a set"),
        pytest.param({(1, 2): 1}, "keys must be", id="a tuple as a key"),
        pytest.param(b"a", "b'a': Object of type bytes", id="bytes"),
        pytest.param(deep(100_000), r"\[\[", id="too deep"),
        pytest.param(cycle(), "Circular reference", id="a cycle"),
        pytest.param(Odd(), "<Odd instance at .*>: Object of type Odd", id="no repr"),
    ],
)
def test_option_not_json_raises_invalid_option(value: object, got: str) -> None:
    for parameter in (make("json"), RADIO, MANY, make("textbox", {"type": "string"})):
        with pytest.raises(InvalidOption, match=f"expected a JSON value for it, got .*{got}"):
            parameter.validate(value)
    with pytest.raises(InvalidOption, match=f"expected a JSON value for name, got .*{got}"):
        check_value("name", value)


@pytest.mark.parametrize("bound", [pytest.param(10**400, id="too large"), float("nan"), float("inf"), True, "1", None])
def test_parameter_bound_not_finite_is_none(bound: object) -> None:
    parameter = make("slider", NUMBER, minimum=bound, maximum=2)
    assert (parameter.minimum, parameter.expected) == (None, "number to 2")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.just(10**400) | st.floats() | st.binary(max_size=2) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.sets(st.integers()) | st.dictionaries(st.text() | st.none(), inner),
    max_leaves=8,
)
PARAMETERS = [
    *(SLIDER, RADIO, MANY, make("json"), make("file"), make("number", NUMBER, minimum=1)),
    *(make("box", {"type": kind}) for kind in ("string", "number", "integer", "boolean", "array", "object")),
    make("form", {"type": "object"}, value={"model": "big", "file": {"path": "/etc/hostname"}}),
]


@given(st.sampled_from(PARAMETERS), ANYTHING)
def test_option_anything_is_valid_json_or_invalid_option(parameter: Parameter, value: Any) -> None:
    with contextlib.suppress(InvalidOption):
        json.dumps(parameter.validate(value), allow_nan=False).encode()


def test_option_file_accepts_only_handle_file() -> None:
    handled = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    assert make("file", {"type": "object"}).validate(handled) == handled
    assert make("file", {"type": "array"}).validate([handled]) == [handled]
    with pytest.raises(InvalidOption, match=r"expected gradio_client.handle_file\(path or URL\) for it"):
        make("file", {"type": "object"}).validate("/etc/hostname")


def test_option_true_does_not_match_choice_one() -> None:
    with pytest.raises(InvalidOption, match="one of 1, 2"):
        make("radio", None, choices=[1, 2]).validate(True)


HEAT = Parameter("temperature", "", "slider", 0.7, kind="number", minimum=0.1, maximum=2)


@pytest.mark.parametrize(
    ("parameter", "value", "sent"),
    [
        (HEAT, 0, 0.1),
        (HEAT, 5, 2),
        (HEAT, 1.5, 1.5),
        (Parameter("max_tokens", "", "slider", 1, kind="integer", maximum=512), 700.0, 512),
        (Parameter("max_tokens", "", "number", 1, kind="integer"), 10.6, 11),
        (Parameter("size", "", "radio", 7, choices=(7, 72)), 30, 7),
        (Parameter("effort", "", "radio", "low", choices=("low", "high")), "high", "high"),
    ],
)
def test_preferred_value_is_sent_as_nearest_accepted(parameter: Parameter, value: object, sent: object) -> None:
    preferred = {"canonical": Preferred(value, ("other", parameter.name))}
    assert fit_options(preferred, [parameter]) == {parameter.name: sent}


@pytest.mark.parametrize(
    "options",
    [
        {"heat": Preferred(1, ("heat",))},
        {"temperature": Preferred("hot", ("temperature",))},
        {"temperature": Preferred(float("nan"), ("temperature",))},
        {"temperature": Preferred(True, ("temperature",))},
    ],
)
def test_preferred_value_that_space_does_not_take_is_left_out(options: dict[str, Preferred]) -> None:
    assert fit_options(options, [HEAT]) == {}


def test_preferred_value_gives_way_to_option_of_that_name() -> None:
    options = {"heat": Preferred(1, ("heat", "temperature")), "temperature": 0.3, "unknown": 2}
    assert fit_options(options, [HEAT]) == {"temperature": 0.3, "unknown": 2}

"""A Space's description as a page."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_gradio.space.page import Condition, Listener, parse_page

from .pages import PageBuilder


def one_listener(page: PageBuilder) -> Listener:
    (listener,) = page.page().listeners
    return listener


def test_listener_is_read_from_config_and_info() -> None:
    page = PageBuilder()
    box, state, button = page.component("textbox"), page.component("state"), page.component("button")
    page.listener("chat", [box, state, button], [box, state], (box, "submit"), (None, "load"), streams=True)
    listener = one_listener(page)
    assert (listener.name, listener.function, listener.streams, listener.condition) == (
        "/chat",
        "/chat",
        True,
        Condition.ANY,
    )
    assert listener.targets == ((box, "submit"), (None, "load"))
    assert [[one.type for one in side] for side in (listener.sent, listener.returned)] == [["textbox"], ["textbox"]]


def test_listener_undocumented_is_sent_its_buttons() -> None:
    page = PageBuilder()
    box, state, button = page.component("textbox"), page.component("state"), page.component("button")
    page.listener("chat", [box, state, button], [button, box], is_documented=False)
    listener = one_listener(page)
    assert [[one.type for one in side] for side in (listener.sent, listener.returned)] == [
        ["textbox", "button"],
        ["textbox"],
    ]


@pytest.mark.parametrize(
    ("outputs", "output", "values"),
    [
        (["textbox"], "a", ["a"]),
        (["textbox"], ["a", "b"], [["a", "b"]]),
        (["button", "textbox", "state"], "a", ["a"]),
        (["textbox", "chatbot"], ("a", []), ["a", []]),
        (["textbox", "chatbot"], ("a", [], "more"), ["a", []]),
        (["state"], None, []),
        ([], "ignored", []),
    ],
)
def test_values_of_output_are_read_by_position(outputs: list[str], output: Any, values: list[Any]) -> None:
    page = PageBuilder()
    page.listener("chat", [], [page.component(type_) for type_ in outputs])
    assert [*one_listener(page).values(output).values()] == values


@pytest.mark.parametrize("output", ["ab", ("a",), None, {"a": 1, "b": 2}])
def test_values_of_output_with_too_few_raise_value_error(output: Any) -> None:
    page = PageBuilder()
    page.listener("chat", [], [page.component("textbox"), page.component("chatbot")])
    with pytest.raises(ValueError, match="expected 2 values"):
        one_listener(page).values(output)


@pytest.mark.parametrize(
    ("name", "more", "is_hidden"),
    [
        ("chat", {}, False),
        ("chat", {"api_visibility": "undocumented"}, False),
        ("chat", {"api_visibility": "private"}, True),
        (False, {}, True),
    ],
)
def test_listener_that_its_author_hid_is_hidden(name: str | bool, more: dict[str, Any], is_hidden: bool) -> None:
    page = PageBuilder()
    page.listener(name, **more)
    assert one_listener(page).is_hidden is is_hidden


@pytest.mark.parametrize(
    ("inputs", "outputs", "more", "has_effect"),
    [
        (["textbox"], ["chatbot"], {}, True),
        ([], ["button"], {}, False),
        (["textbox"], ["button"], {}, True),
        ([], ["button", "state"], {}, True),
        ([], [], {}, True),
        (["textbox"], ["chatbot"], {"backend_fn": False}, False),
    ],
)
def test_listener_of_buttons_or_javascript_alone_has_no_effect(
    inputs: list[str], outputs: list[str], more: dict[str, Any], has_effect: bool
) -> None:
    page = PageBuilder()
    page.listener("chat", [*map(page.component, inputs)], [*map(page.component, outputs)], **more)
    assert one_listener(page).has_effect is has_effect


@pytest.mark.parametrize("ids", [[None, None], ["a", "b"], [7, 7], [[1], {}], [0, None]])
def test_listeners_without_ids_of_their_own_are_numbered(ids: list[Any]) -> None:
    page = PageBuilder()
    page.listener("a", after=None)
    page.listener("b", after=0)
    for entry, id_ in zip(page.config["dependencies"], ids, strict=True):
        entry["id"] = id_
    first, second = page.page().listeners
    assert (first.id, second.id) == (0, 1)
    assert page.page().followers(first) == [second]


def test_listener_in_info_alone_is_read_from_there() -> None:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    page.listener("chat", [box, chatbot], [chatbot], (box, "submit"))
    listener = parse_page({"version": "6"}, page.info).listeners[0]
    assert (listener.name, listener.targets, listener.is_documented) == ("/chat", (), True)
    assert [[one.type for one in side] for side in (listener.sent, listener.returned)] == [
        ["textbox", "chatbot"],
        ["chatbot"],
    ]


def test_page_without_functions_has_no_listeners() -> None:
    page = PageBuilder()
    page.info["named_endpoints"]["/gone"] = {"parameters": []}
    assert page.page().listeners == ()


@pytest.mark.parametrize("type_", [None, 3, ["textbox"], {"name": "textbox"}])
def test_component_without_a_type_is_read_from_info(type_: Any) -> None:
    page = PageBuilder()
    box = page.component("textbox")
    page.listener("chat", [box], [box])
    page.config["components"][0]["type"] = type_
    assert [one.type for one in one_listener(page).sent] == ["textbox"]

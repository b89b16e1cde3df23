"""The work of reading a page grows in proportion to the page. Calls are counted, and no time is measured."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from qwen_gradio.text.messages import Chat

from .pages import PageBuilder, run

Build = Callable[[int], PageBuilder]


def listeners(count: int) -> PageBuilder:
    page = PageBuilder()
    chatbot = page.component("chatbot")
    for number in range(count):
        box = page.component("textbox")
        page.listener(f"chat_{number}", [box, chatbot], [box, chatbot], (box, "submit"))
    return page


def listeners_of_one_event(count: int) -> PageBuilder:
    page = PageBuilder()
    box = page.component("textbox")
    for number in range(count):
        chatbot = page.component("chatbot")
        page.listener(f"chat_{number}", [box, chatbot], [chatbot], (box, "submit"))
    return page


def listeners_of_one_box(count: int) -> PageBuilder:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    for number in range(count):
        page.listener(f"chat_{number}", [box, chatbot], [chatbot], (page.component("button"), "click"))
    return page


def inputs(count: int) -> PageBuilder:
    page = PageBuilder()
    chatbot = page.component("chatbot")
    boxes = [page.component("textbox") for _ in range(count)]
    page.listener("chat", [*boxes, chatbot], [chatbot], (boxes[0], "submit"))
    return page


def settings(count: int) -> PageBuilder:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    sliders = [page.component("slider") for _ in range(count)]
    states = [page.component("state") for _ in range(count)]
    for number, (slider, state) in enumerate(zip(sliders, states, strict=True)):
        page.listener(f"set_{number}", [slider], [state], (slider, "change"))
    page.listener("chat", [box, chatbot, *sliders, *states], [chatbot], (box, "submit"))
    return page


def chain(count: int) -> PageBuilder:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    after = page.listener("user", [box, chatbot], [box, chatbot], (box, "submit"))
    for number in range(count):
        after = page.listener(f"bot_{number}", [chatbot], [chatbot], after=after)
    return page


def chains(count: int) -> PageBuilder:
    page = PageBuilder()
    for number in range(count):
        box, chatbot = page.component("textbox"), page.component("chatbot")
        after = page.listener(f"user_{number}", [box, chatbot], [box, chatbot], (box, "submit"))
        page.listener(f"bot_{number}", [chatbot], [chatbot], after=after)
    return page


def loads(count: int) -> PageBuilder:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    states = [page.component("state") for _ in range(count)]
    for number, state in enumerate(states):
        page.listener(f"load_{number}", [], [state], (None, "load"))
    page.listener("chat", [box, chatbot, *states], [chatbot], (box, "submit"))
    return page


def roots_of_one_chain(count: int) -> PageBuilder:
    """Many buttons and boxes that write one State, whose change starts a long chain."""
    page = PageBuilder()
    chatbot, state = page.component("chatbot"), page.component("state")
    for number in range(count):
        box = page.component("textbox")
        page.listener(f"add_{number}", [box, chatbot], [state], (box, "submit"))
    after = page.listener("first", [state], [state], (state, "change"))
    for number in range(count):
        after = page.listener(f"step_{number}", [state], [state], after=after)
    page.listener("bot", [state, chatbot], [chatbot], after=after)
    return page


def loads_of_one_chain(count: int) -> PageBuilder:
    page = roots_of_one_chain(count)
    for number in range(count):
        page.listener(f"load_{number}", [], [1], (None, "load"))
    return page


def changes_of_one_state(count: int) -> PageBuilder:
    """Many listeners that write a State, whose change starts each of them."""
    page = PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    page.listener("user", [box], [state], (box, "submit"))
    for number in range(count):
        page.listener(f"bot_{number}", [state, chatbot], [state, chatbot], (state, "change"))
    return page


BUILDS: list[Build] = [
    *(listeners, listeners_of_one_event, listeners_of_one_box, inputs, settings, chain, chains, loads),
    *(roots_of_one_chain, loads_of_one_chain, changes_of_one_state),
]


def calls(function: Callable[[], object]) -> int:
    """Count the calls of functions, those in C included."""
    count = 0

    def profile(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("build", BUILDS)
def test_recipe_of_twice_the_page_takes_twice_the_calls(build: Build) -> None:
    small, large = build(40), build(80)
    small.recipe()
    assert calls(large.recipe) < 2.5 * calls(small.recipe)


@pytest.mark.parametrize("build", BUILDS)
def test_question_of_twice_the_page_takes_twice_the_calls(build: Build) -> None:
    def ask(page: PageBuilder) -> int:
        session = page.session()
        run(session)

        def again() -> None:
            session.ask(Chat(None, (), "again"), {})
            run(session)

        return calls(again)

    assert ask(build(80)) < 2.5 * ask(build(40))

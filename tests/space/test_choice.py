"""Which listener takes the question, and whose output is the reply."""

from __future__ import annotations

import pytest

from qwen_gradio import EndpointNotFound

from .pages import PageBuilder


def two_steps(*, user: str | bool = "user", bot: str | bool = "bot") -> PageBuilder:
    page = PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    first = page.listener(user, [box, chatbot], [box, chatbot, state], (box, "submit"))
    page.listener(bot, [chatbot, state], [chatbot], after=first, streams=True)
    return page


def test_chain_is_asked_from_its_first_step() -> None:
    recipe = two_steps().recipe()
    assert [step.name for step in recipe.steps] == ["/user", "/bot"]
    assert (recipe.event, recipe.query_id, recipe.api_name) == ((0, "submit"), 0, "/bot")


def test_api_name_of_answering_step_still_runs_the_step_before() -> None:
    assert [step.name for step in two_steps().recipe(api_name="bot").steps] == ["/user", "/bot"]


@pytest.mark.parametrize(("user", "bot", "hidden"), [(False, "bot", "function 0"), ("user", False, "function 1")])
def test_hidden_step_on_which_the_reply_depends_is_refused(user: str | bool, bot: str | bool, hidden: str) -> None:
    with pytest.raises(EndpointNotFound, match=f"its author allows no calls of {hidden} but the page's"):
        two_steps(user=user, bot=bot).recipe()


def test_hidden_step_after_the_reply_is_no_step() -> None:
    page = two_steps()
    page.listener(False, [1], [page.component("markdown")], after=1)
    page.listener(False, [1], [1], after=1)  # tidies up what was streamed
    assert [step.name for step in page.recipe().steps] == ["/user", "/bot"]


def test_hidden_page_prefers_another_way_that_is_not() -> None:
    page = two_steps(user=False)
    box, chatbot = page.component("textbox"), page.component("chatbot")
    page.listener("plain", [box], [chatbot], (box, "submit"))
    assert page.recipe().api_name == "/plain"


def test_first_step_that_only_moves_the_text_is_no_chat() -> None:
    page = PageBuilder()
    box, state, shown = page.component("textbox"), page.component("state"), page.component("markdown")
    first = page.listener("clear_and_save", [box], [box, state], (box, "submit"))
    page.listener("answer", [state], [shown], after=first)
    assert [step.name for step in page.recipe().steps] == ["/clear_and_save", "/answer"]


def test_listener_of_the_opened_page_is_asked_only_where_nothing_else_answers() -> None:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    page.listener("greet", [box, chatbot], [chatbot], (None, "load"))
    assert page.recipe().api_name == "/greet"
    page.listener("talk", [box], [chatbot], (box, "submit"))
    assert page.recipe().api_name == "/talk"


def test_equal_listeners_give_the_first_on_the_page() -> None:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    for name in ("one", "two", "three"):
        page.listener(name, [box, chatbot], [chatbot], (page.component("button"), "click"))
    assert page.recipe().api_name == "/one"


def test_better_way_far_down_the_page_is_found() -> None:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    for number in range(20):
        page.listener(f"save_{number}", [box, chatbot], [chatbot], (page.component("button"), "click"), streams=True)
    page.listener("talk", [box, chatbot], [chatbot], (box, "submit"))
    assert page.recipe().api_name == "/talk"


def test_chatbots_of_siblings_are_alternatives_by_their_labels() -> None:
    page = PageBuilder()
    box = page.component("textbox")
    for label in ("Small", "Large"):
        chatbot = page.component("chatbot", label=label)
        page.listener(f"chat_{label.lower()}", [box, chatbot], [chatbot], (box, "submit"), streams=True)
    recipe = page.recipe()
    assert [*recipe.alternatives] == ["Small", "Large"]
    selected, rest = recipe.select({"chatbot": "Large"})
    assert (selected.api_name, rest) == ("/chat_large", {})
    assert recipe.select({"chatbot": "Large"})[0] is selected


def test_functions_without_a_page_are_chosen_by_their_names() -> None:
    """Where `/config` can't be read, nothing tells that one function follows another."""
    page = two_steps()
    page.config["components"] = None
    recipe = page.recipe()
    assert (recipe.api_name, recipe.query_id) == ("/bot", None)

"""What runs after what on a page."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio.space.chains import find_preparation, leading_to, reachable
from qwen_gradio.space.page import Listener, Page

from .pages import PageBuilder


def names(listeners: list[Listener]) -> list[str]:
    return [listener.name.strip("/") for listener in listeners]


def test_reachable_lists_followers_then_changes_each_once() -> None:
    page = PageBuilder()
    state, box = page.component("state"), page.component("textbox")
    first = page.listener("first", [], [state, box])
    second = page.listener("second", [], [box], after=first)
    page.listener("third", [], [state], (box, "change"))
    page.listener("fourth", [], [state], (state, "change"), after=second)
    page.listener("other", [], [state], (box, "submit"))
    listeners = page.page().listeners
    assert names(reachable(page.page(), listeners[:1])) == ["first", "second", "fourth", "third"]
    assert names(reachable(page.page(), listeners[1:2])) == ["second", "fourth", "third"]
    assert names(reachable(page.page(), listeners[:1], known={second})) == ["first", "fourth", "third"]


def test_reachable_cycle_ends() -> None:
    page = PageBuilder()
    one, two = page.component("textbox"), page.component("textbox")
    page.listener("there", [one], [two], (one, "change"))
    page.listener("back", [two], [one], (two, "change"))
    page.listener("itself", [one], [one], (one, "change"))
    assert names(reachable(page.page(), page.page().listeners[:1])) == ["there", "back", "itself"]


def test_leading_to_leaves_out_other_branches() -> None:
    page = PageBuilder()
    state = page.component("state")
    root = page.listener("root", [], [state])
    middle = page.listener("middle", [], [], after=root)
    page.listener("aside", [], [], after=root)
    page.listener("end", [], [], after=middle)
    page.listener("late", [], [], (state, "change"))
    listeners = page.page().listeners
    assert names(leading_to(listeners, listeners[3:4])) == ["root", "middle", "end"]
    assert names(leading_to(listeners, listeners[4:])) == ["root", "late"]


def test_preparation_finds_what_writes_what_the_steps_read() -> None:
    page = PageBuilder()
    box, chatbot, file = page.component("textbox"), page.component("chatbot"), page.component("file")
    token, index, typed, unread = (page.component("state") for _ in range(4))
    chat = page.listener("chat", [box, token, index, typed], [chatbot], (box, "submit"))
    page.listener("start", [], [token], (None, "load"))
    page.listener("greet", [], [unread], (None, "load"))
    page.listener("read", [file], [index], (file, "upload"))
    page.listener("count", [box], [typed], (box, "input"))
    page.listener("beside", [box], [index], (box, "submit"))
    parsed = page.page()
    siblings = [one for one in parsed.listeners_of(box, "submit") if one.id != chat]
    found = find_preparation(parsed, parsed.listeners[:1], siblings=siblings, query=box)
    assert names([*found.on_load]) == ["start"]
    assert names([*found.on_input]) == ["count"]
    assert names([*found.on_event]) == ["beside"]
    assert {id_: names([*some]) for id_, some in found.on_set.items()} == {file: ["read"]}
    assert found.ids == {1, 3, 4, 5}


def test_what_the_opening_reads_is_prepared_by_what_the_opening_ran_before_alone() -> None:
    page = PageBuilder()
    box, chatbot, kept, settings = (page.component(type_) for type_ in ("textbox", "chatbot", "state", "state"))
    page.listener("chat", [box, settings], [chatbot], (box, "submit"))
    page.listener("restore", [], [kept], (None, "load"))
    page.listener("start", [kept], [settings], (None, "load"))
    page.listener("keep", [settings], [kept], (settings, "change"))
    parsed = page.page()
    found = find_preparation(parsed, parsed.listeners[:1], query=box)
    assert (names([*found.on_load]), found.ids) == (["restore", "start"], frozenset({1, 2}))


def test_what_is_prepared_does_not_depend_on_the_ids_of_components() -> None:
    def prepared(order: list[int]) -> list[str]:
        page = PageBuilder()
        box, chatbot = page.component("textbox"), page.component("chatbot")
        made = [page.component("state") for _ in range(3)]
        settings, kept, other = (made[number] for number in order)
        page.listener("chat", [box, settings], [chatbot], (box, "submit"))
        page.listener("start", [kept, other], [settings], (None, "load"))
        page.listener("keep", [other], [kept], (box, "submit"))
        page.listener("more", [], [other], (box, "submit"))
        parsed = page.page()
        siblings = [one for one in parsed.listeners_of(box, "submit") if one.id != 0]
        found = find_preparation(parsed, parsed.listeners[:1], siblings=siblings, query=box)
        return names([one for one in parsed.listeners if one.id in found.ids])

    assert {tuple(prepared([*order])) for order in itertools.permutations(range(3))} == {("start",)}


IDS = st.integers(0, 3)
EDGES = st.lists(st.tuples(IDS, IDS, st.none() | st.integers(0, 7)), min_size=1, max_size=8)


@given(EDGES)
def test_reachable_and_leading_to_agree_on_any_page(edges: list[tuple[int, int, int | None]]) -> None:
    """An end is reached from a listener if and only if the listener leads to it."""
    page = PageBuilder()
    for _ in range(4):
        page.component("textbox")
    for number, (changed, written, after) in enumerate(edges):
        page.listener(f"l{number}", [], [written], (changed, "change"), after=after)
    parsed = page.page()
    reached = {(one.id, end.id) for one in parsed.listeners for end in reachable(parsed, [one])}
    leading = {(one.id, end.id) for end in parsed.listeners for one in leading_to(parsed.listeners, [end])}
    assert reached == leading == by_steps(parsed)


def by_steps(page: Page) -> set[tuple[int, int]]:
    """The pairs of listeners of which the second runs after the first, found by going one step after another."""
    pairs = {(one.id, one.id) for one in page.listeners}
    direct = {
        (one.id, other.id)
        for one in page.listeners
        for other in page.listeners
        if other.follows == one.id or any((part.id, "change") in other.targets for part in one.outputs)
    }
    for _ in page.listeners:
        pairs |= {(a, d) for a, b in pairs for c, d in direct if b == c}
    return pairs

"""The values of a page and the steps of its questions, as in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import EndpointNotFound
from qwen_gradio.space.outline import outline
from qwen_gradio.space.schedule import Moment
from qwen_gradio.space.session import PageSession
from qwen_gradio.text.chatbot import Snapshot
from qwen_gradio.text.files import File
from qwen_gradio.text.messages import Chat

from .pages import PageBuilder, expect_step, finish, run, run_after

FAILURE = RuntimeError("of the app")
UPDATE = {"__type__": "update"}
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def ask(session: PageSession, text: str, **options: Any) -> None:
    session.ask(Chat(None, (), text), options, is_continued=True)


def names_a_file(value: Any) -> bool:
    """Whether gradio_client would upload a file that a value names (gradio_client/utils.py, is_file_obj_with_meta)."""
    if isinstance(value, dict):
        meta = value.get("meta")
        is_file = isinstance(meta, dict) and "path" in value and meta.get("_type") == "gradio.FileData"
        return is_file or any(map(names_a_file, value.values()))
    return isinstance(value, list | tuple) and any(map(names_a_file, value))


def chain(page: PageBuilder | None = None, **more: Any) -> PageBuilder:
    """A box, a Chatbot and a State: the question goes into the State, and the next step answers from it."""
    page = page or PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    user = page.listener("user", [box, chatbot], [box, chatbot, state], (box, "submit"))
    page.listener("bot", [chatbot, state], [chatbot], after=user, streams=True, **more)
    return page


def test_steps_of_chain_pass_on_their_outputs() -> None:
    session = chain().session()
    first = expect_step(session)
    assert first.arguments == ("hi", [])
    finish(session, first, {"user": ["", said("hi")]})
    second = expect_step(session)
    assert (second.listener.name, second.arguments, second.answers) == ("/bot", (said("hi"),), True)
    finish(session, second, {"bot": said("hi", "hello")})
    assert session.next_step() is None
    assert session.final_snapshot() == Snapshot("hello")


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ({"__type__": "update", "visible": False}, "before"),
        ({"__type__": "update", "value": "after"}, "after"),
        ({"__type__": "update", "value": None}, None),
        ("after", "after"),
    ],
)
def test_update_changes_a_value_only_if_it_has_one(output: Any, value: Any) -> None:
    page = PageBuilder()
    box, chatbot, other = (
        page.component("textbox"),
        page.component("chatbot"),
        page.component("markdown", value="before"),
    )
    user = page.listener("user", [box], [chatbot, other], (box, "submit"))
    page.listener("bot", [chatbot, other], [chatbot], after=user, streams=True)
    session = page.session()
    finish(session, expect_step(session), {"user": [said("hi"), output]})
    assert expect_step(session).arguments == (said("hi"), value)


def test_outputs_beside_buttons_and_states_are_told_apart() -> None:
    page = PageBuilder()
    button, state, box = page.component("button"), page.component("state"), page.component("textbox")
    html, chatbot = page.component("html"), page.component("chatbot")
    user = page.listener("user", [button, state, box, html], [button, html, state, chatbot, box], (box, "submit"))
    page.listener("bot", [html, chatbot], [state, button, chatbot], after=user, streams=True)
    session = page.session()
    first = expect_step(session)
    assert first.arguments == ("hi", None)
    finish(session, first, {"user": ["<b>", said("hi"), ""]})
    second = expect_step(session)
    assert second.arguments == ("<b>", said("hi"))
    finish(session, second, {"bot": said("hi", "bare")})
    assert session.final_snapshot() == Snapshot("bare")


@pytest.mark.parametrize(("condition", "runs"), [("success", True), ("failure", False), ("", True)])
def test_branch_after_success_runs_by_its_condition(condition: str, runs: bool) -> None:
    assert ("/bot" in run(branch(condition).session(), user=["", said("hi")])) is runs


@pytest.mark.parametrize(
    ("version", "condition", "runs"),
    [
        ("5.0", "success", False),
        ("5.0", "failure", True),
        ("5.0", "", True),
        ("6.0", "failure", True),
        ("6.0", "", False),
    ],
)
def test_branch_after_failure_runs_by_its_condition(version: str, condition: str, runs: bool) -> None:
    assert ("/bot" in run(branch(condition, version).session(), user=FAILURE)) is runs


def branch(condition: str, version: str = "6.0.0") -> PageBuilder:
    return chain(PageBuilder(version), **({f"trigger_only_on_{condition}": True} if condition else {}))


def test_change_of_state_starts_its_listener() -> None:
    page = PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    page.listener("user", [box], [state], (box, "submit"))
    page.listener("bot", [state, chatbot], [chatbot], (state, "change"), streams=True)
    session = page.session()
    assert run(session, bot=said("hi", "changed")) == ["/user", "/bot"]
    assert session.final_snapshot() == Snapshot("changed")


@pytest.mark.parametrize(("text", "steps"), [("new", ["/user", "/bot"]), ("same", ["/user"])])
def test_change_of_component_starts_its_listener_only_if_it_differs(text: str, steps: list[str]) -> None:
    page = PageBuilder()
    box, chatbot, note = page.component("textbox"), page.component("chatbot"), page.component("textbox", value="same")
    page.listener("user", [box], [note, chatbot], (box, "submit"))
    page.listener("bot", [note, chatbot], [chatbot], (note, "change"), streams=True)
    assert run(page.session(), user=[text, said("hi")]) == steps


def test_step_of_javascript_alone_is_passed_over() -> None:
    page = PageBuilder()
    box, chatbot = page.component("textbox"), page.component("chatbot")
    user = page.listener("user", [box, chatbot], [box, chatbot], (box, "submit"))
    script = page.listener(False, [], [], after=user, backend_fn=False)
    page.listener("bot", [chatbot], [chatbot], after=script, streams=True)
    session = page.session()
    assert run(session, user=["", said("hi")], bot=said("hi", "yes")) == ["/user", "/bot"]
    assert session.final_snapshot() == Snapshot("yes")


def test_load_listener_runs_once_in_a_session() -> None:
    page = PageBuilder()
    box, chatbot, token = page.component("textbox"), page.component("chatbot"), page.component("state")
    page.listener("start", [], [token], (None, "load"))
    page.listener("chat", [box, token], [chatbot], (box, "submit"))
    session = page.session()
    assert run(session, chat=said("hi", "a")) == ["/start", "/chat"]
    ask(session, "again")
    assert run(session, chat=said("hi", "a", "again", "b")) == ["/chat"]


def test_listener_of_set_option_runs_before_the_question() -> None:
    page = PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    slider = page.component("slider", value=1)
    page.listener("set_level", [slider], [state], (slider, "change"))
    page.listener("chat", [box, state], [chatbot], (box, "submit"))
    recipe = page.recipe()
    (option,) = recipe.options
    for options, steps in (({option.name: 5}, ["/set_level", "/chat"]), ({}, ["/chat"])):
        session = PageSession(recipe)
        session.ask(Chat(None, (), "hi"), options)
        assert run(session) == steps


def test_listener_of_uploaded_file_gets_the_file() -> None:
    page = PageBuilder()
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    upload = page.component("file")
    page.listener("read_file", [upload], [state], (upload, "upload"))
    page.listener("chat", [box, state], [chatbot], (box, "submit"))
    file = File("a.txt", data=b"text")
    session = PageSession(page.recipe())
    session.ask(Chat(None, (), "hi", (file,)), {})
    step = expect_step(session)
    assert (step.listener.name, step.arguments, step.has_files) == ("/read_file", (file,), True)


@pytest.mark.parametrize(("version", "sent"), [("5.0", ("hi",)), ("6.0", ("",))])
def test_siblings_of_one_event_get_values_of_their_version(version: str, sent: tuple[str]) -> None:
    """Before Gradio 6 all get those of the event's time, so that one that clears the box doesn't clear the question."""
    page = PageBuilder(version)
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    page.listener("keep", [box], [box, state], (box, "submit"))
    page.listener("chat", [box, state], [chatbot], (box, "submit"), streams=True)
    session = page.session()
    finish(session, expect_step(session), {"keep": ""})
    assert expect_step(session).arguments == sent


def test_steps_after_the_reply_run_apart_and_hidden_ones_are_left_out() -> None:
    page = chain()
    note, shown = page.component("markdown"), page.component("markdown")
    title = page.listener("title", [1], [note], after=1)
    page.listener(False, [note], [shown], after=title)
    page.listener("count", [1], [note], after=1)
    session = page.session()
    assert run(session, bot=said("hi", "a"), user=["", said("hi")]) == ["/user", "/bot"]
    assert run_after(session, title=FAILURE) == ["/title", "/count"]


@pytest.mark.parametrize("moment", ["load", "input", "submit"])
def test_preparation_that_its_author_hid_is_left_out_with_what_follows_it_and_named(moment: str) -> None:
    page = PageBuilder()
    box, state, other, chatbot = (page.component(type_) for type_ in ("textbox", "state", "state", "chatbot"))
    chat = page.listener("chat", [box, state, other], [chatbot], (box, "submit"), streams=True)
    hidden = page.listener(False, [], [state], (None if moment == "load" else box, moment))
    page.listener("then", [], [other], after=hidden)
    assert page.recipe().preparation.hidden[0].id == hidden
    assert run(page.session(), chat=said("hi", "a")) == ["/chat"]
    assert [step.name for step in outline(page.recipe()) if step.when is Moment.NEVER] == ["function 1"]
    page.config["dependencies"][hidden]["api_name"] = "start"
    assert page.recipe().preparation.hidden == ()
    assert run(page.session(), chat=said("hi", "a"), start=["a"], then=["a"])[-1] == "/chat"
    assert chat == 0


def test_step_that_raises_keeps_what_it_had_written() -> None:
    session = chain().session()
    finish(session, expect_step(session), {"user": ["", said("hi")]})
    step = expect_step(session)
    assert session.read(step, said("hi", "so far")) == Snapshot("so far")
    session.fail(step)
    assert session.next_step() is None
    assert session.final_snapshot() == Snapshot("so far")


def test_values_stay_across_questions_of_a_session() -> None:
    session = chain().session()
    run(session, user=["", said("hi")], bot=said("hi", "a"))
    ask(session, "again")
    first = expect_step(session)
    assert first.arguments == ("again", said("hi", "a"))
    finish(session, first, {"user": ["", said("hi", "a", "again")]})
    finish(session, expect_step(session), {"bot": said("hi", "a", "again", "b")})
    assert session.final_snapshot() == Snapshot("b")


def test_published_greeting_is_sent_before_the_question_and_is_no_reply() -> None:
    page = PageBuilder()
    box = page.component("textbox")
    greeting = [{"role": "assistant", "content": "Welcome!"}]
    chatbot = page.component("chatbot", value=greeting)
    page.listener("chat", [box, chatbot], [chatbot], (box, "submit"), streams=True)
    session = page.session()
    step = expect_step(session)
    assert step.arguments == ("hi", greeting)
    assert session.read(step, greeting) == Snapshot()
    assert session.read(step, [*greeting, *said("hi", "a")]) == Snapshot("a")


@pytest.mark.parametrize(("version", "empty"), [("4.44", [["hi", ""]]), ("6.0", None)])
def test_open_turn_is_the_question_where_there_is_no_box(version: str, empty: Any) -> None:
    page = PageBuilder(version)
    chatbot = page.component("chatbot")
    page.listener("bot", [chatbot], [chatbot], streams=True)
    expected = empty or [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert expect_step(page.session()).arguments == (expected,)


@pytest.mark.parametrize(
    ("has_state", "question"), [(False, "c"), (True, "User: a\nAssistant: b\nUser: c\nAssistant:")]
)
def test_given_turns_are_in_the_question_too_if_a_state_may_hold_them(has_state: bool, question: str) -> None:
    page = PageBuilder("4.44")
    box, chatbot, state = page.component("textbox"), page.component("chatbot"), page.component("state")
    states = [state] if has_state else []
    page.listener("chat", [box, chatbot, *states], [chatbot, *states], (box, "submit"))
    session = PageSession(page.recipe())
    session.ask(Chat(None, (("a", "b"),), "c"), {})
    assert expect_step(session).arguments == (question, [["a", "b"]])


def test_chatbot_option_selects_one_of_several() -> None:
    page = PageBuilder()
    box, left, right = page.component("textbox"), page.component("chatbot"), page.component("chatbot")
    page.listener("chat", [box], [left, right], (box, "submit"), streams=True)
    recipe = page.recipe()
    assert [option.name for option in recipe.options] == ["chatbot"]
    for options, text in (({}, "one"), ({"chatbot": "2"}, "two"), ({"chatbot": "1"}, "one")):
        session = PageSession(recipe)
        session.ask(Chat(None, (), "hi"), options)
        run(session, chat=[said("hi", "one"), said("hi", "two")])
        assert session.final_snapshot() == Snapshot(text)


def test_file_that_the_space_names_is_never_a_plain_one() -> None:
    page = PageBuilder()
    box, picture = page.component("textbox"), page.component("image", value=FILE)
    chatbot = page.component("chatbot", value=[{"role": "assistant", "content": {**FILE, "alt_text": None}}])
    user = page.listener("user", [box, chatbot, picture], [box, chatbot, picture], (box, "submit"))
    page.listener("bot", [chatbot, picture], [chatbot, picture], after=user, streams=True)
    session, shown = page.session(), [*said("hi"), {"role": "assistant", "content": [{"type": "file", "file": FILE}]}]
    for question in ("again", "third"):
        for name, output in (("user", [{"text": FILE}, shown, FILE]), ("bot", [shown, {"value": FILE, **UPDATE}])):
            step = expect_step(session)
            assert not names_a_file(step.arguments)
            assert "/etc/passwd" in repr(step.arguments)
            finish(session, step, {name: output})
        assert session.next_step() is None
        ask(session, question)


def test_file_whose_component_a_listener_of_the_same_event_empties_is_uploaded() -> None:
    page = PageBuilder("4.44")
    box, picture, chatbot = page.component("textbox"), page.component("image"), page.component("chatbot")
    switch = page.component("state")
    page.listener("clear", [box], [picture, switch], (box, "submit"))
    page.listener("chat", [box, picture, switch], [chatbot], (box, "submit"), streams=True)
    session = PageSession(page.recipe())
    session.ask(Chat(None, (), "hi", (File("cat.png"),)), {})
    finish(session, expect_step(session), {"clear": None})
    step = expect_step(session)
    assert (step.listener.name, step.has_files) == ("/chat", True)
    assert step.arguments[1] is not None


def test_file_that_the_caller_passes_is_a_plain_one() -> None:
    page = PageBuilder()
    box, picture, chatbot = page.component("textbox"), page.component("image", value=FILE), page.component("chatbot")
    page.listener("chat", [box, picture], [chatbot], (box, "submit"))
    session = PageSession(page.recipe())
    session.ask(Chat(None, (), "hi"), {session.recipe.options[0].name: FILE})
    assert names_a_file(expect_step(session).arguments)


def test_names_a_file_agrees_with_gradio_client() -> None:
    from gradio_client.utils import is_file_obj_with_meta  # type: ignore[import-untyped] # it ships no py.typed

    assert is_file_obj_with_meta(FILE)
    assert names_a_file([{"a": FILE}])
    assert not names_a_file({"path": "a", "meta": {}})


TYPES = st.sampled_from(["textbox", "textbox", "chatbot", "chatbot", "state", "button", "slider", "markdown"])
IDS = st.integers(0, 5)
EVENTS = st.tuples(IDS, st.sampled_from(["submit", "click", "change", "change", "input", "upload"]))
LISTENER = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["chat", "bot", "user", "retry"]),
        "inputs": st.lists(IDS, max_size=3, unique=True),
        "outputs": st.lists(IDS, max_size=3, unique=True),
        "events": st.lists(EVENTS | st.just((None, "load")), max_size=2),
        "after": st.none() | st.integers(0, 6),
        "streams": st.booleans(),
        "backend_fn": st.booleans() | st.just(True),
        "condition": st.sampled_from(["", "", "success", "failure"]),
    }
)


@given(
    st.sampled_from(["4.44", "6.0"]), st.lists(TYPES, min_size=6, max_size=6), st.lists(LISTENER, max_size=7), st.data()
)
def test_steps_of_any_page_end_and_run_once(
    version: str, types: list[str], listeners: list[dict[str, Any]], data: st.DataObject
) -> None:
    page = PageBuilder(version)
    for type_ in types:
        page.component(type_)
    for number, one in enumerate(listeners):
        condition = {f"trigger_only_on_{one['condition']}": True} if one["condition"] else {}
        page.listener(
            f"{one['name']}_{number}",
            one["inputs"],
            one["outputs"],
            *one["events"],
            after=one["after"],
            streams=one["streams"],
            backend_fn=one["backend_fn"],
            **condition,
        )
    try:
        session = page.session()
    except EndpointNotFound:
        return
    for _ in range(2):
        ran: list[str] = []
        while (step := session.next_step() or session.next_step_after()) is not None:
            ran.append(step.listener.name)
            assert len(ran) <= len(listeners)
            fails = data.draw(st.booleans())
            values = [data.draw(st.sampled_from(["", "a", None, [], [["hi", "a"]]])) for _ in step.listener.returned]
            session.fail(step) if fails else session.succeed(step, values[0] if len(values) == 1 else values)
        assert len({*ran}) == len(ran)
        ask(session, "again")


FOLLOWER = st.tuples(st.integers(0, 6), st.sampled_from(["", "success"]), st.sampled_from([True, True, False]))


@given(st.lists(FOLLOWER, max_size=8))
def test_steps_of_any_tree_are_all_run_if_all_succeed(followers: list[tuple[int, str, bool]]) -> None:
    page = chain()
    for number, (after, condition, runs_on_server) in enumerate(followers):
        more = {"trigger_only_on_success": True} if condition else {}
        page.listener(f"bot_{number}", [1], [1], after=min(after, number + 1), backend_fn=runs_on_server, **more)
    session = page.session()
    expected = [step.name for step in session.recipe.steps if step.runs_on_server]
    assert len(expected) == 2 + sum(runs for _, _, runs in followers)
    assert sorted(run(session)) == sorted(expected)


def test_load_that_changes_a_state_starts_no_step_of_the_reply() -> None:
    page = PageBuilder()
    box, pending, chatbot = page.component("textbox"), page.component("state"), page.component("chatbot")
    page.listener("open", [], [pending], (None, "load"))
    page.listener("send", [box], [box, pending], (box, "submit"))
    page.listener("answer", [pending, chatbot], [chatbot], (pending, "change"))
    session = page.session()
    for question in ("one", "two"):
        session.ask(Chat(None, (), question), {})
        steps = []
        while (step := session.next_step()) is not None:
            steps.append(step.listener.name)
            session.succeed(step, [])
        assert steps[-2:] == ["/send", "/answer"]
        assert steps.count("/answer") == 1


def test_outline_load_that_changes_a_state_lists_the_steps_where_they_run() -> None:
    page = PageBuilder()
    box, pending, chatbot = page.component("textbox"), page.component("state"), page.component("chatbot")
    page.listener("open", [], [pending], (None, "load"))
    page.listener("send", [box], [box, pending], (box, "submit"))
    page.listener("answer", [pending, chatbot], [chatbot], (pending, "change"))
    steps = [(step.when, step.name) for step in outline(page.recipe())]
    assert steps == [(Moment.OPENED, "/open"), (Moment.SENT, "/send"), (Moment.SENT, "/answer")]

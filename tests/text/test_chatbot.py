import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio.text.chatbot import (
    HistoryFormat,
    Snapshot,
    encode,
    history_format,
    latest_question,
    latest_reply,
    parse_content,
    unwrap_update,
)

TURNS = [("a", "b"), ("c", "")]


@pytest.mark.parametrize(
    ("version", "type_", "form"),
    [
        ("4.32.1", None, "pairs"),
        ("4.44.1", "tuples", "pairs"),
        ("5.50.0", "tuples", "pairs"),
        ("5.50.0", "messages", "messages"),
        ("6.31.0", None, "parts"),
        ("10.0", "messages", "parts"),
    ],
)
def test_history_format_follows_gradio_version_and_chatbot_type(
    version: str, type_: str | None, form: HistoryFormat
) -> None:
    assert history_format(version, type_) == form


def test_history_format_pairs_encodes_turns() -> None:
    assert encode(TURNS, "pairs") == [["a", "b"], ["c", ""]]
    assert encode([("a", ""), ("c", "d")], "pairs", "e") == [["a", None], ["c", "d"], ["e", ""]]
    assert encode([("", "b")], "pairs") == [[None, "b"]]


def test_history_format_messages_encodes_turns() -> None:
    assert encode(TURNS, "messages") == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert encode([], "messages", "c") == [{"role": "user", "content": "c"}]


def test_history_format_parts_encodes_turns() -> None:
    assert encode(TURNS, "parts")[1] == {"role": "assistant", "content": [{"type": "text", "text": "b"}]}


@pytest.mark.parametrize("form", ["pairs", "messages", "parts"])
def test_history_format_encoded_turns_read_back(form: HistoryFormat) -> None:
    assert latest_reply(encode([("a", "b"), ("c", "d")], form)) == Snapshot("d")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], ""),
        ((), ""),
        ([["a", None]], ""),
        ([("a", "b")], "b"),
        ([[{"text": "a"}, {"text": "b"}]], "b"),
        ([["old", "turn"], ["a", "b"], [None, "c"], [None, {"file": {"path": "x"}}]], "b\n\nc\n\n[x](x)"),
        ([[None, "hello"], ["a", "b"]], "b"),
        ([{"role": "user", "content": "a"}], ""),
        ([{"role": "assistant", "content": "old"}, {"role": "user", "content": "a"}], ""),
        ([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}], "a\n\nb"),
        ([{"role": "assistant", "content": [{"text": "a"}, {"file": "x"}, {"text": "b"}]}], "ab"),
        ([{"role": "assistant", "content": []}], ""),
        ([{"role": "assistant", "content": [{"type": "text", "content": "a"}]}], "a"),
        ([{"role": "assistant", "content": {"file": "x"}}, {"role": "assistant", "content": "a"}], "a"),
        (
            [["a", {"text": "b", "files": ["x/y.txt", {"path": "z.png"}, 3]}]],
            "b\n\n[y.txt](x/y.txt)\n\n![z.png](z.png)",
        ),
        ([["a", {"text": "", "files": ["x"]}]], "[x](x)"),
        ([["a", ("x.png", "alt")]], "![alt](x.png)"),
        ([["a", ["x.png"]]], "![x.png](x.png)"),
        ([["a", "b"], ["", "c"]], "c"),
        ([{"role": "assistant", "content": [{"type": "audio", "data": "…"}, {"text": "b"}]}], "[audio]\n\nb"),
        ([{"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "x.png"}}]}], "![x.png](x.png)"),
        ([{"role": "assistant", "content": [{"text": "a"}, {"type": "suggestion", "content": [{"label": 1}]}]}], "a"),
        ([{"role": "assistant", "content": "a"}, {"role": "system", "content": "b"}], "a"),
    ],
)
def test_chatbot_value_gives_newest_answer(value: object, text: str) -> None:
    assert latest_reply(value) == Snapshot(text)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        3,
        {"a": 1},
        ["text"],
        [3],
        [["a"]],
        [["a", 3]],
        [[None, [3]]],
        [{"role": "assistant", "content": 3}],
    ],
)
def test_chatbot_malformed_value_gives_none(value: object) -> None:
    assert latest_reply(value) is None


def tool(content: object, **metadata: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, "metadata": metadata}


THOUGHTS = [{"role": "assistant", "content": "hm", "metadata": {"title": "🧠 Thinking"}}]


@pytest.mark.parametrize(
    ("value", "snapshot"),
    [
        ([*THOUGHTS], Snapshot("", "hm")),
        ([*THOUGHTS, {"role": "assistant", "content": "a", "metadata": {"title": None}}], Snapshot("a", "hm")),
        ([*THOUGHTS, *THOUGHTS, {"role": "assistant", "content": "a", "metadata": None}], Snapshot("a", "hm\n\nhm")),
        ([{"role": "assistant", "content": [{"type": "tool", "content": "hm"}]}], Snapshot("", "hm")),
        (
            [{"role": "assistant", "content": [{"type": "tool", "content": "hm"}, {"type": "text", "content": "a"}]}],
            Snapshot("a", "hm"),
        ),
        ([["q", "<think>\nhm\n</think>\n\na"]], Snapshot("a", "hm")),
        ([["q", " <thinking>hm</thinking>a"]], Snapshot("a", "hm")),
        ([["q", "<think>hm"]], Snapshot("", "hm")),
        ([["q", "about `<think>` and `</think>`"]], Snapshot("about `<think>` and `</think>`")),
        ([["q", "a<think>hm</think>b<think>hm</think>"]], Snapshot("a\n\nb", "hm\n\nhm")),
        ([tool("hm", title="🛠️ Used tool Weather")], Snapshot("", "🛠️ Used tool Weather\n\nhm")),
        ([tool("", title="🛠️ Used tool Weather")], Snapshot("", "🛠️ Used tool Weather")),
        ([tool("hm", title="Thought for 3.2 seconds")], Snapshot("", "hm")),
        ([tool("hm", parent_id=1), tool("a", title="")], Snapshot("a", "hm")),
        ([tool([{"file": {"path": "x"}}], title="Read")], Snapshot("", "Read\n\n[x](x)")),
        (
            [{"role": "assistant", "content": [{"type": "tool", "content": "hm", "options": {"title": "Search"}}]}],
            Snapshot("", "Search\n\nhm"),
        ),
    ],
)
def test_chatbot_thinking_is_separated_from_answer(value: object, snapshot: Snapshot) -> None:
    assert latest_reply(value) == snapshot


def test_thinking_partial_tag_never_retracts_text() -> None:
    text = "<think>hm <b> hm</think>a < b"
    snapshots = [latest_reply([["q", text[:length]]]) for length in range(len(text) + 1)]
    grown = [(snapshot.answer, snapshot.thinking) for snapshot in snapshots if snapshot]
    assert grown[-1] == ("a < b", "hm <b> hm")
    for (answer, thinking), (later_answer, later_thinking) in itertools.pairwise(grown):
        assert later_answer.startswith(answer)
        assert later_thinking.startswith(thinking)


@pytest.mark.parametrize("text", ["<", "<thin", " "])
def test_thinking_unfinished_opening_tag_becomes_text_at_end(text: str) -> None:
    assert latest_reply([["q", text]]) == Snapshot("")
    assert latest_reply([["q", text]], whole=True) == Snapshot(text)


def test_thinking_unfinished_closing_tag_stays_thinking_at_end() -> None:
    assert latest_reply([["q", "<think>hm</th"]]) == Snapshot("", "hm")
    assert latest_reply([["q", "<think>hm</th"]], whole=True) == Snapshot("", "hm</th")


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ({"__type__": "update", "value": "a"}, "a"),
        ({"value": [1]}, [1]),
        ({"items": [1]}, [1]),
        ({"__type__": "update", "interactive": True}, None),
        ({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "a"}),
        ("a", "a"),
        (None, None),
    ],
)
def test_chatbot_update_value_is_extracted(output: object, value: object) -> None:
    assert unwrap_update(output) == value


def test_chatbot_single_message_is_read() -> None:
    assert parse_content({"role": "assistant", "content": "a"}) == Snapshot("a")
    assert parse_content({"role": "assistant"}) is None


TOOL: dict[str, Any] = {"role": "assistant", "content": "hm", "metadata": {"title": "T"}}
ROLES = ("user", "assistant")
CODE = "1. a\n   - b\n2. c"


def dicts(*texts: str) -> list[Any]:
    """Messages that alternate, as Gradio 6 publishes them."""
    return [
        {"role": ROLES[number % 2], "metadata": None, "content": [{"type": "text", "text": text}], "options": None}
        for number, text in enumerate(texts)
    ]


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def with_file(path: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "file", "file": {"path": path}}, {"type": "text", "text": "u1"}]}


@pytest.mark.parametrize(
    ("sent", "value", "text"),
    [
        pytest.param([["u1", "a1"]], [["u1", "a1"], ["u2", "a2"]], "a2", id="pairs, a new one"),
        pytest.param([["u1", "a1"]], [["u1", "a1"], [None, "a2"]], "a2", id="pairs, no question"),
        pytest.param([["u1", "a1"]], [("u1", "a1"), ("u2", None)], "", id="pairs, no answer yet"),
        pytest.param([["u1", "a1"], ["u2", ""]], [["u1", "a1"], ["u2", "a"]], "a", id="pairs, an open turn"),
        pytest.param([["u1", "a1"], ["u2", ""]], [["u1", "a1"], ["u2", None]], "", id="pairs, an open turn unchanged"),
        pytest.param([["u1", "a1"]], [["u1", "a1"]], "", id="pairs, unchanged"),
        pytest.param(dicts("u1", "a1"), dicts("u1", "a1", "u2", "a2"), "a2", id="dicts, a new turn"),
        pytest.param(dicts("u1", "a1"), [*dicts("u1", "a1"), answer("a2")], "a2", id="dicts, no question"),
        pytest.param(dicts("u1", "a1"), dicts("u1", "a1"), "", id="dicts, unchanged"),
        pytest.param(dicts("u1", "a1", "u2"), dicts("u1", "a1", "u2"), "", id="dicts, an open turn unchanged"),
        pytest.param(dicts("u1", "a1", "u2"), dicts("u1", "a1", "u2", "a"), "a", id="dicts, an open turn"),
        pytest.param([["u1", "a1"]], [*dicts("u1", "a1"), answer("a2")], "a2", id="pairs sent, dicts published"),
        pytest.param(dicts("u1", "a1"), [["u1", "a1"], [None, "a2"]], "a2", id="dicts sent, pairs published"),
        pytest.param(dicts("u1", "a1"), [["u1", "a1"]], "", id="dicts sent, pairs published, unchanged"),
        pytest.param(dicts("u1", f" {CODE}\n"), [*dicts("u1", CODE), answer("a2")], "a2", id="indents changed"),
        pytest.param(dicts("u1", CODE), dicts("u1", CODE.replace("   ", "")), "", id="indents changed, no answer yet"),
        pytest.param([answer("hello")], [answer("hello")], "", id="a greeting"),
        pytest.param([answer("hello")], [answer("hello"), answer("a1")], "a1", id="a greeting, no question"),
        pytest.param([[None, "hello"]], [[None, "hello"], ["u1", "a1"]], "a1", id="a greeting in a pair"),
        pytest.param([], [answer("hello")], "hello", id="nothing sent"),
        pytest.param(dicts("u1", "a1"), [], "", id="nothing published"),
        pytest.param(dicts("u1", "a1"), dicts("u2", "a2"), "a2", id="the present turn alone"),
        pytest.param(dicts("u1", "a1", "u2", "a2"), dicts("u2", "a2", "u3", "a3"), "a3", id="earlier turns left out"),
        pytest.param(dicts("u1", "a1", "u2", "a2"), dicts("u2", "a2"), "", id="earlier turns left out, no answer yet"),
        pytest.param(dicts("u1", "a1", "u2", "a2"), [answer("a2")], "", id="the earlier answer alone"),
        pytest.param(dicts("u1", "a1"), dicts("u1!", "a1!", "u2", "a2"), "a2", id="earlier turns edited"),
        pytest.param(dicts("u1", "a1"), [*dicts("u1!", "a1!"), answer("a2")], "a1!\n\na2", id="edited, no question"),
        pytest.param(dicts("u1", "a1"), dicts("u1!", "a1"), "", id="earlier turns edited, no answer yet"),
        pytest.param([with_file("tmp/1/x")], [with_file("tmp/2/x"), answer("a1")], "a1", id="a file stored elsewhere"),
        pytest.param(
            [with_file("tmp/1/x"), answer("a1")],
            [with_file("tmp/2/x"), answer("a1"), answer("a2")],
            "a2",
            id="a file stored elsewhere, no question",
        ),
        pytest.param(dicts("u1", "a1"), [*dicts("u1", "a1"), answer("a1")], "a1", id="the same answer, no question"),
        pytest.param(dicts("u1", "<think>hm</think>a1"), [*dicts("u1"), TOOL, answer("a1")], "", id="thinking split"),
        pytest.param([*dicts("u1"), TOOL], [*dicts("u1"), TOOL, answer("a2")], "a2", id="a tool's message"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_chatbot_messages_that_were_sent_are_not_the_reply(
    sent: list[Any], value: list[Any], text: str, whole: bool
) -> None:
    assert latest_reply(value, sent=sent, whole=whole) == Snapshot(text)


@pytest.mark.parametrize("form", ["pairs", "messages", "parts"])
def test_chatbot_of_the_present_turn_that_equals_the_sent_one_is_the_reply_at_the_end(form: HistoryFormat) -> None:
    value = encode([("u1", "a1")], form)
    assert latest_reply(value, sent=value, query="u1") == Snapshot()
    assert latest_reply(value, sent=value, query=" u1\n", whole=True) == Snapshot("a1")
    assert latest_reply(value, sent=value, query="u2", whole=True) == Snapshot()
    assert latest_reply([*value, *encode([("", "a2")], form)], sent=value, query="u1", whole=True) == Snapshot("a2")
    edited = [*encode([("u0", "a0")], form), *value]
    assert latest_reply(value, sent=edited, query="u1") == Snapshot()
    assert latest_reply(value, sent=edited, query="u1", whole=True) == Snapshot("a1")


def test_chatbot_same_answer_to_another_question_is_the_reply() -> None:
    assert latest_reply(dicts("u2", "a1"), sent=dicts("u1", "a1"), query="u2") == Snapshot("a1")
    assert latest_reply(dicts("u1", "a1", "u2", "a1"), sent=dicts("u1", "a1"), query="u2") == Snapshot("a1")


def test_chatbot_malformed_value_gives_none_whatever_was_sent() -> None:
    assert latest_reply([["a", 3]], sent=dicts("u1", "a1")) is None
    assert latest_reply([3], sent=dicts("u1", "a1")) is None
    assert latest_reply(dicts("u1", "a1"), sent=[3, None, ["a"], [3, 4]]) == Snapshot("a1")


PAIRS = st.lists(st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(["a1", "a2", "a\n b"])), max_size=4)
FORMS = st.sampled_from(["pairs", "messages", "parts"])


@given(PAIRS, FORMS, FORMS, st.booleans())
def test_chatbot_new_turn_is_the_reply_in_any_format(
    turns: list[tuple[str, str]], sent_form: HistoryFormat, form: HistoryFormat, whole: bool
) -> None:
    sent = encode(turns, sent_form)
    for reply in ("", "a", "a1"):
        value = encode([*turns, ("u1", reply)], form)
        assert latest_reply(value, sent=sent, query="u1", whole=whole) == Snapshot(reply)
    without_question = encode([*turns, ("", "a1")], form)
    if turns:
        assert latest_reply(without_question, sent=sent, query="u3", whole=whole) == Snapshot("a1")
        assert latest_reply(encode(turns, form), sent=sent, query="u3", whole=whole) == Snapshot()


@pytest.mark.parametrize(
    ("value", "question"),
    [
        ([], None),
        ([["a", "b"], [None, "c"]], "a"),
        ([["a", "b"], [("x.png",), "c"]], None),
        (dicts("a", "b", "c"), "c"),
        ([answer("a")], None),
        ([with_file("x")], "u1"),
        ([{"role": "user", "content": {"path": "x"}}], None),
        ([{"role": "user", "content": None}, answer("a")], None),
    ],
)
def test_chatbot_latest_question_is_read(value: list[Any], question: str | None) -> None:
    assert latest_question(value) == question


KEYS = [
    "role",
    "content",
    "text",
    "type",
    "metadata",
    "options",
    "title",
    "parent_id",
    "files",
    "file",
    "path",
    "component",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["user", "assistant", "tool", "a", "<think>", "`", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(JSON, st.lists(JSON, max_size=4), st.sampled_from(["", "a"]), st.booleans())
def test_fuzz_chatbot_value_gives_snapshot_or_none(value: object, sent: list[object], query: str, whole: bool) -> None:
    assert isinstance(latest_reply(value, sent=sent, query=query, whole=whole), Snapshot | None)
    if isinstance(value, list):
        assert isinstance(latest_question(value), str | None)
        assert isinstance(latest_reply([*sent, *value], sent=sent, query=query, whole=whole), Snapshot | None)

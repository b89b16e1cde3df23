import itertools

import pytest

from qwen_gradio.text.chatbot import (
    HistoryFormat,
    Snapshot,
    encode,
    history_format,
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
    assert encode(TURNS, "pairs") == [["a", "b"], ["c", None]]


def test_history_format_messages_encodes_turns() -> None:
    assert encode(TURNS, "messages") == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


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
        ([["q", "about <think> and </think>"]], Snapshot("about <think> and </think>")),
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

import pytest

from qwen_gradio.chatbot import Dialect, dialect_of, encode, latest

TURNS = [("a", "b"), ("c", "")]


@pytest.mark.parametrize(
    ("version", "kind", "dialect"),
    [
        ("4.32.1", None, "pairs"),
        ("4.44.1", "tuples", "pairs"),
        ("5.50.0", "tuples", "pairs"),
        ("5.50.0", "messages", "messages"),
        ("6.31.0", None, "parts"),
        ("10.0", "messages", "parts"),
    ],
)
def test_the_dialect_is_the_servers(version: str, kind: str | None, dialect: Dialect) -> None:
    assert dialect_of(version, kind) == dialect


def test_turns_as_pairs() -> None:
    assert encode(TURNS, "pairs") == [["a", "b"], ["c", None]]


def test_turns_as_messages() -> None:
    assert encode(TURNS, "messages") == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_turns_as_parts() -> None:
    assert encode(TURNS, "parts")[1] == {"role": "assistant", "content": [{"type": "text", "text": "b"}]}


@pytest.mark.parametrize("dialect", ["pairs", "messages", "parts"])
def test_what_is_written_is_read(dialect: Dialect) -> None:
    assert latest(encode([("a", "b"), ("c", "d")], dialect)) == "d"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], ""),
        ((), ""),
        ([["a", None]], ""),
        ([("a", "b")], "b"),
        ([[{"text": "a"}, {"text": "b"}]], "b"),
        ([{"role": "user", "content": "a"}], ""),
        ([{"role": "assistant", "content": "old"}, {"role": "user", "content": "a"}], ""),
        ([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}], "a\n\nb"),
        ([{"role": "assistant", "content": [{"text": "a"}, {"file": "x"}, {"text": "b"}]}], "ab"),
        ([{"role": "assistant", "content": []}], ""),
    ],
)
def test_the_newest_answer_is_read(value: object, text: str) -> None:
    assert latest(value) == text


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
def test_what_is_no_chatbots_value_is_not_read(value: object) -> None:
    assert latest(value) is None

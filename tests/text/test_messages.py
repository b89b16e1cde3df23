from typing import Any

import pytest

from qwen_gradio import InvalidMessages, format_prompt
from qwen_gradio.text.messages import Chat, parse_messages


def message(role: str, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


def user(content: object) -> dict[str, object]:
    return message("user", content)


def assistant(content: object) -> dict[str, object]:
    return message("assistant", content)


def system(content: object) -> dict[str, object]:
    return message("system", content)


def test_messages_prompt_string_is_the_query() -> None:
    assert parse_messages("hi") == Chat(None, (), "hi")


def test_messages_list_gives_history_and_query() -> None:
    assert parse_messages([user("a"), assistant("b"), user("c")]) == Chat(None, (("a", "b"),), "c")


def test_messages_system_and_developer_are_joined() -> None:
    messages = [system("one"), user("a"), assistant("b"), message("developer", "two"), user("c")]
    assert parse_messages(messages, "zero").system == "zero\none\ntwo"


def test_messages_empty_system_is_not_none() -> None:
    assert parse_messages("hi", "").system == ""
    assert parse_messages("hi").system is None


def test_messages_same_role_in_a_row_are_joined() -> None:
    messages = [user("a"), user("b"), assistant("c"), assistant("d"), user("e"), user("f")]
    assert parse_messages(messages) == Chat(None, (("a\n\nb", "c\n\nd"),), "e\n\nf")


def test_messages_leading_assistant_is_kept_in_history() -> None:
    assert parse_messages([assistant("Welcome"), user("hi")]) == Chat(None, (("", "Welcome"),), "hi")


def test_messages_text_parts_are_joined() -> None:
    assert parse_messages([user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]).query == "ab"


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([], "got no question", id="none"),
        pytest.param("", "got no question", id="empty"),
        pytest.param(" \n", "got no question", id="blank"),
        pytest.param([system("a")], "got no question", id="system only"),
        pytest.param(None, "expected a prompt or a list", id="None"),
        pytest.param(b"hi", "expected messages like", id="bytes"),
        pytest.param(["hi"], "expected messages like", id="strings"),
        pytest.param([{"content": "a"}], "expected a role of system", id="no role"),
        pytest.param([{"role": "tool", "content": "a"}], "got 'tool'", id="unknown role"),
        pytest.param([user(None)], "expected text as content", id="no content"),
        pytest.param([user(3)], "got 3", id="a number"),
        pytest.param([user([{"type": "image_url", "image_url": "x"}])], "image_url", id="an image"),
        pytest.param([user("a"), assistant("b")], "expected the last message to be the user's", id="answer last"),
        pytest.param("\ud800", "lone surrogate", id="no UTF-8"),
    ],
)
def test_messages_invalid_raises_invalid_messages(messages: Any, expected: str) -> None:
    with pytest.raises(InvalidMessages, match=expected) as caught:
        parse_messages(messages)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([user("hi")], "hi"),
        ([assistant("lone")], "lone"),
        ([user("a"), assistant("b"), user("c")], "User: a\nAssistant: b\nUser: c\nAssistant:"),
        ([user("a"), assistant("  "), assistant(None), user("c")], "User: a\nUser: c\nAssistant:"),
        ([user([{"type": "text", "text": "a"}]), user("b")], "User: a\nUser: b\nAssistant:"),
        ([{"role": "developer", "content": "d"}, user("b")], "Developer: d\nUser: b\nAssistant:"),
        ([], ""),
        ([user(" "), user("")], ""),
    ],
)
def test_format_prompt_matches_g4f(messages: list[dict[str, object]], prompt: str) -> None:
    assert format_prompt(messages) == prompt

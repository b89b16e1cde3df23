import contextlib
import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import InvalidMessages, format_prompt
from qwen_gradio.text.messages import Chat, as_messages, parse_messages, split_system


class Role(str, enum.Enum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class StrRole(str):
    """As `enum.StrEnum`, or the str enum of another library, whose `str()` is its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"StrRole.{self.upper()}"


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
        pytest.param(5, "expected a prompt or a list", id="an int"),
        pytest.param(b"hi", "expected a prompt or a list", id="bytes"),
        pytest.param(b"", "expected a prompt or a list", id="no bytes"),
        pytest.param({"role": "user", "content": "a"}, "expected a prompt or a list", id="a mapping"),
        pytest.param((user(text) for text in "ab"), "expected a prompt or a list.*generator", id="a generator"),
        pytest.param([user("a"), 3], "expected messages like .*, got 3", id="ints"),
        pytest.param([[("role", "user")]], "expected messages like", id="pairs"),
        pytest.param([message(["user"], "a")], "expected a role of .*; got ", id="a list as a role"),  # type: ignore[arg-type] # that is the point
        pytest.param([message(3, "a")], "expected a role of .*; got 3", id="a number as a role"),  # type: ignore[arg-type] # the same
        pytest.param([user(b"a")], "expected text as content", id="bytes as content"),
        pytest.param([user({"type": "text", "text": "a"})], "expected text as content", id="a part as content"),
        pytest.param([user([None])], "expected text as content", id="None as a part"),
        pytest.param([user([{"type": "text"}])], "expected text as content", id="a part without text"),
        pytest.param([user([[["a"]]])], "expected text as content", id="nested parts"),
        pytest.param([user(10**5000)], "expected text as content.*; got <int>", id="a number without a repr"),
        pytest.param([system(None), user("a")], "expected text as content", id="no content of the system"),
        pytest.param([user("a"), assistant(None)], "expected the last message to be the user's", id="no answer last"),
        pytest.param(["hi"], "expected messages like", id="strings"),
        pytest.param([{"content": "a"}], "expected a role of system", id="no role"),
        pytest.param([{"role": "tool", "content": "a"}], "got 'tool'", id="unknown role"),
        pytest.param([user(None)], "expected text as content", id="no content"),
        pytest.param([user(3)], "got 3", id="a number"),
        pytest.param([user([{"type": "image_url", "image_url": "x"}])], "image_url", id="an image"),
        pytest.param([user("a"), assistant("b")], "expected the last message to be the user's", id="answer last"),
        pytest.param("a\ud800", "content, .* lone surrogate at character 1", id="no UTF-8"),
        pytest.param([user([{"type": "text", "text": "\udc00"}])], "lone surrogate at character 0", id="a part"),
    ],
)
def test_messages_invalid_raises_invalid_messages(messages: Any, expected: str) -> None:
    with pytest.raises(InvalidMessages, match=expected) as caught:
        parse_messages(messages)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("system", "got"),
    [(5, "5"), (b"a", "b'a'"), (["a"], ""), pytest.param("a\ud800", "a lone surrogate at character 1", id="no UTF-8")],
)
def test_messages_invalid_system_raises_invalid_messages(system: Any, got: str) -> None:
    with pytest.raises(InvalidMessages, match=f"expected text as the system message; got {got}"):
        parse_messages("hi", system)


@pytest.mark.parametrize("role", [Role, StrRole])
def test_messages_str_enum_role_is_its_value(role: Any) -> None:
    messages = [message(role(name), name) for name in ("system", "user", "assistant", "user")]
    assert parse_messages(messages) == Chat("system", (("user", "assistant"),), "user")
    assert format_prompt(messages) == "System: system\nUser: user\nAssistant: assistant\nUser: user\nAssistant:"
    assert split_system(messages) == ("system", "User: user\nAssistant: assistant\nUser: user\nAssistant:")


def test_messages_str_enum_text_is_its_value() -> None:
    chat = parse_messages([user([Role.USER])], Role.SYSTEM)
    assert (chat.query, type(chat.query), type(chat.system)) == ("user", str, str)
    assert type(parse_messages(Role.USER).query) is str


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]}


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ([user("a"), CALL, user("b")], (("a", ""),)),
        ([user("a"), {"role": "assistant", "tool_calls": []}, user("b")], (("a", ""),)),
        ([user("a"), CALL, assistant("c"), user("b")], (("a", "c"),)),
        ([CALL, user("b")], ()),
    ],
)
def test_messages_assistant_without_content_is_empty(messages: Any, turns: tuple[tuple[str, str], ...]) -> None:
    assert parse_messages(messages) == Chat(None, turns, "b")


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


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (None, "expected a prompt or a list"),
        (b"hi", "expected a prompt or a list"),
        ([3], "expected messages like"),
        ([user("a"), {"content": "b"}], "expected text as a role; got None"),
        ([user("a"), message(["user"], "b")], "expected text as a role"),  # type: ignore[arg-type] # that is the point
        ([user(3)], "expected text as content"),
        ([user("\ud800")], "lone surrogate"),
    ],
)
@pytest.mark.parametrize("function", [format_prompt, split_system])
def test_prompt_malformed_messages_raise_invalid_messages(function: Any, messages: Any, expected: str) -> None:
    with pytest.raises(InvalidMessages, match=expected):
        function(messages)


def test_split_system_joins_system_messages_and_formats_others() -> None:
    messages = [system("one"), user("a"), system([{"type": "text", "text": "two"}]), assistant("b"), user("c")]
    assert split_system(messages) == ("one\ntwo", "User: a\nAssistant: b\nUser: c\nAssistant:")
    assert split_system([user("a")]) == ("", "a")
    assert split_system("a") == ("", "a")  # type: ignore[arg-type] # a prompt, too


ROLES = st.sampled_from([*Role, *map(StrRole, ["user", "assistant"]), "system", "user", "tool"])
TEXTS = st.text(st.characters(), max_size=4)
LEAVES = st.none() | st.booleans() | st.just(10**400) | st.floats() | st.binary(max_size=2) | ROLES | TEXTS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.sampled_from(["type", "text", "role", "content"]), inner)
        | st.fixed_dictionaries({"type": st.just("text"), "text": inner})
        | st.fixed_dictionaries({"role": ROLES | inner, "content": inner})
    ),
    max_leaves=8,
)


@given(ANYTHING | st.lists(st.fixed_dictionaries({"role": ROLES, "content": LEAVES}), max_size=5), ANYTHING)
def test_messages_anything_gives_utf8_text_or_invalid_messages(messages: Any, system: Any) -> None:
    with contextlib.suppress(InvalidMessages):
        chat = parse_messages(messages, system)
        assert {type(text) for turn in chat.turns for text in turn} <= {str}
        assert "".join([chat.query, chat.system or "", *map("".join, chat.turns)]).encode()
    for function in (as_messages, format_prompt, split_system):
        with contextlib.suppress(InvalidMessages):
            function(messages)

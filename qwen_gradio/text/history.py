"""A Chatbot's value as messages in one form, and the comparison of messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias, TypeGuard

from .components import file_name

Message: TypeAlias = tuple[str, object]
"""The role and the content of a message; the content of a role dict is the dict itself."""


def is_pair(item: object) -> TypeGuard[Sequence[object]]:
    """Return True for a question and an answer, as early Gradio has them."""
    return isinstance(item, list | tuple) and len(item) == 2


def split_messages(value: Iterable[object]) -> Iterator[Message]:
    """Yield the messages in a Chatbot's value; a pair may lack one."""
    for item in value:
        if isinstance(item, dict):
            yield str(item.get("role")), item
        elif is_pair(item):
            question, answer = item
            if question is not None:
                yield "user", _pair_content(question)
            if answer is not None and answer != "":
                yield "assistant", _pair_content(answer)


def _pair_content(content: object) -> object:
    """Return a message of a pair; a sequence of a path and an alternative text is a file there."""
    if isinstance(content, list | tuple) and 1 <= len(content) <= 2 and isinstance(content[0], str):
        return {"file": {"path": content[0]}, "alt_text": content[-1] if len(content) == 2 else None}
    return content


def last_question_index(value: Sequence[object]) -> int:
    """Return the index of the last item with a question; -1 if there is none."""
    for index in range(len(value) - 1, -1, -1):
        item = value[index]
        if item.get("role") == "user" if isinstance(item, dict) else is_pair(item) and item[0] is not None:
            return index
    return -1


def latest_turn(value: Sequence[object]) -> list[Message]:
    """Return the messages from the last question on; an answer may span several pairs."""
    index = max(0, last_question_index(value))
    return list(split_messages(value[index:]))


def answer_index(messages: Sequence[Message]) -> int:
    """Return the index of the first message after the last question; 0 if there is no question."""
    return next((index + 1 for index in range(len(messages) - 1, -1, -1) if messages[index][0] == "user"), 0)


def count_questions(messages: Iterable[Message]) -> int:
    """Return the number of questions among messages."""
    return sum(role == "user" for role, _ in messages)


def unchanged_items(value: Sequence[object], sent: Sequence[object]) -> int:
    """Return the number of items at the start of a value that are the same as in the sent one."""
    for index, (item, other) in enumerate(zip(value, sent, strict=False)):
        if item != other and not _is_same_item(item, other):
            return index
    return min(len(value), len(sent))


def _is_same_item(item: object, other: object) -> bool:
    if isinstance(item, dict) and isinstance(other, dict):
        return _is_same(item.get("role"), other.get("role"), item.get("content"), other.get("content"))
    if not is_pair(item) or not is_pair(other):
        return False
    return all(_is_same("", "", one or "", another or "") for one, another in zip(item, other, strict=True))


def unchanged_messages(messages: Iterable[Message], others: Iterable[Message]) -> int:
    """Return the number of messages at the start that are the same in both."""
    pairs = zip(messages, others, strict=False)
    same = takewhile(
        lambda pair: _is_same(pair[0][0], pair[1][0], *map(inner_content, (pair[0][1], pair[1][1]))), pairs
    )
    return sum(1 for _ in same)


def _is_same(role: object, other_role: object, content: object, other_content: object) -> bool:
    """Compare two messages without white space: a Chatbot changes indents (see `snapshots.appended_text`)."""
    if role != other_role:
        return False
    return content == other_content or squeeze(_flat_text(content)) == squeeze(_flat_text(other_content))


def inner_content(content: object) -> object:
    """Return the content of a mapping, in "text" or "content"; other content unchanged."""
    if not isinstance(content, dict):
        return content
    return content["text"] if "text" in content else content.get("content", content)


def squeeze(text: str) -> str:
    """Remove all white space from a text."""
    return "".join(text.split())


def _flat_text(content: object) -> str:
    """Return all text in a content, and the names of its files."""
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        return "".join(map(_flat_text, content))
    if is_component(content):
        return f"[{file_name(content)}]"
    if isinstance(content, dict):
        return _flat_text(inner_content(content)) + _flat_text(attached_files(content))
    return ""


def squeezed_question(value: Sequence[object]) -> str:
    """Return the last question in a Chatbot's value, without white space; `""` if there is none."""
    return next((squeeze(_flat_text(content)) for role, content in latest_turn(value) if role == "user"), "")


def is_component(part: object) -> TypeGuard[Mapping[str, Any]]:
    """Return True for a part other than text: a file or a component."""
    return isinstance(part, dict) and "text" not in part and "content" not in part


def attached_files(message: Mapping[str, Any]) -> Sequence[object]:
    """Return the files beside a text, as a MultimodalTextbox and modelscope_studio have them."""
    files = message.get("files")
    return files if isinstance(files, list | tuple) else ()

"""A Chatbot component's value <-> turns; the latest reply in it, split into answer and thinking. Pure.

Gradio has three history formats, and each server accepts only its own: pairs (4.x; the default of 5.x), role dicts
with string content (5.x, `type="messages"`), role dicts with a list of parts (6.x). The components of
modelscope_studio return two more: pairs of dicts with "text", and parts with "content".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

from .components import as_markdown
from .messages import Turn

HistoryFormat: TypeAlias = Literal["pairs", "messages", "parts"]

_THINKING_TAGS = ("<think>", "<thinking>")  # models write these, and their closing tags, around their thinking
_OPENING_TAG = re.compile(rf"\s*({'|'.join(_THINKING_TAGS)})\s*")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A reply at one moment: the answer and the thinking so far."""

    answer: str = ""
    thinking: str = ""


def history_format(version: str, chatbot_type: object) -> HistoryFormat:
    """Return the history format of a server, by its Gradio version and its Chatbot's `type`."""
    if int(version.split(".")[0]) >= 6:
        return "parts"
    return "messages" if chatbot_type == "messages" else "pairs"


def encode(turns: Sequence[Turn], form: HistoryFormat) -> list[Any]:
    """Encode turns as a Chatbot's value; an empty text is None in a pair, and is omitted from the other formats."""
    if form == "pairs":
        return [[user or None, answer or None] for user, answer in turns]
    messages = [message for user, answer in turns for message in (("user", user), ("assistant", answer))]
    return [{"role": role, "content": _content(text, form)} for role, text in messages if text]


def _content(text: str, form: HistoryFormat) -> object:
    return [{"type": "text", "text": text}] if form == "parts" else text


def unwrap_update(output: object) -> object:
    """Return the value in a component's update; any other output unchanged; None for an update without a value."""
    if isinstance(output, dict):
        for name in ("value", "items"):
            if name in output:
                return output[name]
        return None if output.get("__type__") == "update" else output
    return output


def latest_reply(value: object, *, whole: bool = False) -> Snapshot | None:
    """Read the latest reply in a Chatbot's value.

    Its thinking is text in `<think>` at the start of a message, messages with a `metadata.title` (by which Gradio's
    guide marks thoughts and tool use), and parts of type "tool".

    Args:
        value: the Chatbot's value.
        whole: True for the last value, where a `<` at the end is text, not the start of a tag.

    Returns:
        The reply; an empty Snapshot if the latest turn has none yet; None if the value has an unknown form.
    """
    if not isinstance(value, list | tuple):
        return None
    if not value:
        return Snapshot()
    last = value[-1]
    if isinstance(last, dict):
        return _join([parse_content(message, whole=whole) for message in _latest_messages(value)], "\n\n")
    if _is_pair(last):
        return _join([parse_content(answer, whole=whole) for answer in _latest_answers(value)], "\n\n")
    return None


def _is_pair(item: object) -> TypeGuard[Sequence[object]]:
    return isinstance(item, list | tuple) and len(item) == 2


def _latest_answers(value: Sequence[object]) -> list[object]:
    """Return the answers since the last pair with a question; an answer may span several pairs."""
    answers: list[object] = []
    for pair in reversed(value):
        if not _is_pair(pair):
            break
        answers.insert(0, pair[1])
        if pair[0] is not None:
            break
    return answers


def _latest_messages(value: Sequence[object]) -> list[Mapping[str, Any]]:
    """Return the assistant's messages since the last message of another role."""
    messages: list[Mapping[str, Any]] = []
    for message in reversed(value):
        if not isinstance(message, dict) or message.get("role") != "assistant":
            break
        messages.insert(0, message)
    return messages


def latest_question(value: Sequence[object]) -> str | None:
    """Read the latest question in a Chatbot's value; None if there is none, or if it has an unknown form."""
    for item in reversed(value):
        if isinstance(item, dict) and item.get("role") == "user":
            return _question(item.get("content"))
        if _is_pair(item) and item[0] is not None:
            return _question(item[0])
    return None


def _question(content: object) -> str | None:
    """Read the text of a question, without its files."""
    if isinstance(content, list | tuple):
        content = [part for part in content if not _is_component(part)]
    snapshot = None if _is_component(content) else parse_content(content, whole=True)
    return snapshot.answer if snapshot else None


def parse_content(content: object, *, whole: bool = False) -> Snapshot | None:
    """Parse the content of one message; see `latest_reply`.

    Args:
        content: a text, None, a part, a list of parts, or a role dict.
        whole: True for the last value.

    Returns:
        Its text; None if it has an unknown form.
    """
    if content is None:
        return Snapshot()
    if isinstance(content, str):
        return _split_thinking(content, whole=whole)
    if isinstance(content, dict):
        return _parse_mapping(content, whole=whole)
    if isinstance(content, list | tuple):
        parsed = [parse_content(part, whole=whole) for part in content]
        has_component = any(_is_component(part) and one for part, one in zip(content, parsed, strict=True))
        return _join(parsed, "\n\n" if has_component else "")
    return None


def _is_component(part: object) -> bool:
    """Return True for a part other than text: a file or a component."""
    return isinstance(part, dict) and "text" not in part and "content" not in part


def _parse_mapping(message: Mapping[str, Any], *, whole: bool) -> Snapshot | None:
    if _is_component(message):
        markdown = as_markdown(message)
        return None if markdown is None else Snapshot(markdown)
    snapshot = parse_content(message["text"] if "text" in message else message["content"], whole=whole)
    metadata = message.get("metadata")
    is_thought = message.get("type") == "tool" or (isinstance(metadata, dict) and metadata.get("title"))
    if snapshot is not None and is_thought:
        return Snapshot("", snapshot.thinking + snapshot.answer)
    return snapshot


def _split_thinking(text: str, *, whole: bool) -> Snapshot:
    opening = _OPENING_TAG.match(text)
    if opening is None:
        return Snapshot("" if not whole and _is_partial_tag(text) else text)
    closing_tag = opening[1].replace("<", "</")
    thinking, closing, answer = text[opening.end() :].partition(closing_tag)
    if not closing and not whole:
        thinking = _without_partial_tag(thinking, closing_tag)
    return Snapshot(answer.lstrip(), thinking.rstrip())


def _is_partial_tag(text: str) -> bool:
    """Return True if the text is shorter than 40 characters, and may be the start of an opening tag."""
    return len(text) < 40 and any(tag.startswith(text.lstrip()) for tag in _THINKING_TAGS)


def _without_partial_tag(thinking: str, closing_tag: str) -> str:
    before, mark, tail = thinking.rpartition("<")
    return before if mark and closing_tag.startswith(mark + tail) else thinking


def _join(snapshots: Sequence[Snapshot | None], separator: str) -> Snapshot | None:
    """Join the readable snapshots, thoughts as paragraphs; None if all are unreadable."""
    if len(snapshots) == 1:
        return snapshots[0]
    known = [snapshot for snapshot in snapshots if snapshot is not None]
    if snapshots and not known:
        return None
    answers = filter(None, (snapshot.answer for snapshot in known))
    thoughts = filter(None, (snapshot.thinking for snapshot in known))
    return Snapshot(separator.join(answers), "\n\n".join(thoughts))

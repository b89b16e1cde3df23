"""A Chatbot component's value <-> the turns of a conversation, and what the newest of them says. Pure.

Gradio has had three forms of it, and a server takes only its own: pairs (4.x, and 5.x by default), role dicts with
string content (5.x, `type="messages"`), and role dicts whose content is a list of parts (6.x). The components of
modelscope_studio have forms of their own: pairs of dicts with "text", and parts with "content".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

from .messages import Turn

HistoryFormat: TypeAlias = Literal["pairs", "messages", "parts"]

_TAGS = ("<think>", "<thinking>")  # how models mark what they think before they answer
_OPENED = re.compile(rf"\s*({'|'.join(_TAGS)})\s*")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A reply as a Space shows it at one moment: the answer, and apart from it what was thought on the way there."""

    answer: str = ""
    thinking: str = ""


def history_format(version: str, chatbot_type: object) -> HistoryFormat:
    """Tell the form that a server wants, from its Gradio version and its Chatbot's `type`."""
    if int(version.split(".")[0]) >= 6:
        return "parts"
    return "messages" if chatbot_type == "messages" else "pairs"


def encode(turns: Sequence[Turn], dialect: HistoryFormat) -> list[Any]:
    """Write the turns as a Chatbot's value; what one side left unsaid is None in a pair, and no message at all."""
    if dialect == "pairs":
        return [[user or None, answer or None] for user, answer in turns]
    said = [item for user, answer in turns for item in (("user", user), ("assistant", answer)) if item[1]]
    return [{"role": role, "content": _content(text, dialect)} for role, text in said]


def _content(text: str, dialect: HistoryFormat) -> object:
    return [{"type": "text", "text": text}] if dialect == "parts" else text


def unwrap_update(shown: object) -> object:
    """Give what a component shows, where a server may send an update to it; None if that brings no value."""
    if isinstance(shown, dict):
        for name in ("value", "items"):
            if name in shown:
                return shown[name]
        return None if shown.get("__type__") == "update" else shown
    return shown


def latest_reply(value: object, *, whole: bool = False) -> Snapshot | None:
    """Read the newest answer in a Chatbot's value.

    Thinking is what stands in `<think>` at the start of a text, in messages with a title (`metadata.title`, as Gradio's
    own guide writes thoughts and uses of tools), and in parts of type "tool".

    Args:
        value: the Chatbot's value.
        whole: nothing more will come, so a `<` at the end is no tag that is only half there yet.

    Returns:
        what it shows, an empty Snapshot if the newest turn has no answer yet, or None if the value can't be read.
    """
    if not isinstance(value, list | tuple):
        return None
    if not value:
        return Snapshot()
    last = value[-1]
    if isinstance(last, dict):
        return _joined([parse_content(message, whole=whole) for message in _newest_messages(value)], "\n\n")
    if _is_pair(last):
        return _joined([parse_content(answer, whole=whole) for answer in _newest_answers(value)], "\n\n")
    return None


def _is_pair(item: object) -> TypeGuard[Sequence[object]]:
    return isinstance(item, list | tuple) and len(item) == 2


def _newest_answers(value: Sequence[object]) -> list[object]:
    """The second halves of the pairs from the last one on that has a question: an answer may go on in pairs without."""
    answers: list[object] = []
    for pair in reversed(value):
        if not _is_pair(pair):
            break
        answers.insert(0, pair[1])
        if pair[0] is not None:
            break
    return answers


def latest_question(value: Sequence[object]) -> str | None:
    """Read the newest question in a Chatbot's value; None if there is none that can be read."""
    for item in reversed(value):
        said = item.get("content") if isinstance(item, dict) else item[0] if _is_pair(item) else None
        is_the_users = isinstance(item, dict) and item.get("role") == "user"
        if is_the_users or (_is_pair(item) and said is not None):
            snapshot = parse_content(said, whole=True)
            return snapshot.answer if snapshot else None
    return None


def _newest_messages(value: Sequence[object]) -> list[Mapping[str, Any]]:
    """The assistant's messages after the last one that isn't the assistant's."""
    messages: list[Mapping[str, Any]] = []
    for message in reversed(value):
        if not isinstance(message, dict) or message.get("role") != "assistant":
            break
        messages.insert(0, message)
    return messages


def parse_content(said: object, *, whole: bool = False) -> Snapshot | None:
    """Read one message: a text, None, a part, a list of parts, or a role dict; None if it can't be read."""
    if said is None:
        return Snapshot()
    if isinstance(said, str):
        return _split_thinking(said, whole=whole)
    if isinstance(said, dict):
        return _of_mapping(said, whole=whole)
    if isinstance(said, list | tuple):
        return _joined([parse_content(part, whole=whole) for part in said], "")
    return None


def _of_mapping(said: Mapping[str, Any], *, whole: bool) -> Snapshot | None:
    if "text" not in said and "content" not in said:
        return None
    snapshot = parse_content(said["text"] if "text" in said else said["content"], whole=whole)
    metadata = said.get("metadata")
    is_thought = said.get("type") == "tool" or (isinstance(metadata, dict) and metadata.get("title"))
    if snapshot is not None and is_thought:
        return Snapshot("", snapshot.thinking + snapshot.answer)
    return snapshot


def _split_thinking(text: str, *, whole: bool) -> Snapshot:
    opened = _OPENED.match(text)
    if opened is None:
        is_half_a_tag = not whole and len(text) < 40 and any(tag.startswith(text.lstrip()) for tag in _TAGS)
        return Snapshot("" if is_half_a_tag else text)
    closing = opened[1].replace("<", "</")
    thinking, closed, answer = text[opened.end() :].partition(closing)
    if not closed and not whole:
        before, mark, tail = thinking.rpartition("<")
        thinking = before if mark and closing.startswith(mark + tail) else thinking
    return Snapshot(answer.lstrip(), thinking.rstrip())


def _joined(snapshots: Sequence[Snapshot | None], between: str) -> Snapshot | None:
    if len(snapshots) == 1:
        return snapshots[0]
    known = [snapshot for snapshot in snapshots if snapshot is not None]
    if snapshots and not known:
        return None
    answers = filter(None, (snapshot.answer for snapshot in known))
    return Snapshot(between.join(answers), "\n\n".join(filter(None, (snapshot.thinking for snapshot in known))))

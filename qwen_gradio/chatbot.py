"""A Chatbot component's value <-> the turns of a conversation. Pure.

Gradio has had three forms of it, and a server takes only its own: pairs (4.x, and 5.x by default), role dicts with
string content (5.x, `type="messages"`), and role dicts whose content is a list of parts (6.x).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from .messages import Turn

Dialect: TypeAlias = Literal["pairs", "messages", "parts"]


def dialect_of(version: str, chatbot_type: object) -> Dialect:
    """Tell the form that a server wants, from its Gradio version and its Chatbot's `type`."""
    if int(version.split(".")[0]) >= 6:
        return "parts"
    return "messages" if chatbot_type == "messages" else "pairs"


def encode(turns: Sequence[Turn], dialect: Dialect) -> list[Any]:
    """Write the turns as a Chatbot's value; what one side left unsaid is None in a pair, and no message at all."""
    if dialect == "pairs":
        return [[user or None, answer or None] for user, answer in turns]
    said = [item for user, answer in turns for item in (("user", user), ("assistant", answer)) if item[1]]
    return [{"role": role, "content": _content(text, dialect)} for role, text in said]


def _content(text: str, dialect: Dialect) -> object:
    return [{"type": "text", "text": text}] if dialect == "parts" else text


def latest(value: object) -> str | None:
    """Read the newest answer in a Chatbot's value.

    Returns:
        its text, `""` if the newest turn has no answer yet, or None if the value can't be read.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    if not value:
        return ""
    newest = value[-1]
    if isinstance(newest, Mapping):
        return _latest_message(value)
    if isinstance(newest, Sequence) and not isinstance(newest, str) and len(newest) == 2:
        return _text(newest[1])
    return None


def _latest_message(value: Sequence[object]) -> str | None:
    """The assistant's messages after the last one that isn't the assistant's, a blank line between them."""
    texts: list[str] = []
    for message in reversed(value):
        if not isinstance(message, Mapping) or message.get("role") != "assistant":
            break
        text = _text(message.get("content"))
        if text is None:
            return None
        texts.insert(0, text)
    return "\n\n".join(texts)


def _text(content: object) -> str | None:
    """Text in any of its forms: a string, None, a part with "text", or a list of those."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _text(content["text"]) if "text" in content else None
    if isinstance(content, Sequence):
        texts = [text for text in map(_text, content) if text is not None]
        return "".join(texts) if texts or not content else None
    return None

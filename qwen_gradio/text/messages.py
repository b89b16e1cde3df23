"""A prompt, or OpenAI-style messages, -> a Chat; a Chat -> one prompt in g4f's form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import InvalidMessages

Message: TypeAlias = Mapping[str, Any]
"""`{"role": "system" | "developer" | "user" | "assistant", "content": str | list of {"type": "text", "text": str}}`"""

Turn: TypeAlias = tuple[str, str]
"""The user's text and the assistant's; `""` for a missing one."""

ROLES = ("system", "developer", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation that ends with a question.

    Attributes:
        system: the system message; None for the Space's own.
        turns: the earlier turns, oldest first.
        query: the question.
    """

    system: str | None
    turns: tuple[Turn, ...]
    query: str


def parse_messages(messages: str | Sequence[Message], system: str | None = None) -> Chat:
    """Parses a prompt, or messages in the form of OpenAI's clients.

    System messages are joined by newlines, after `system`; "developer" is another name for "system". Successive
    messages of one role are joined by a blank line.

    Raises:
        InvalidMessages: no question, an unknown role, content that isn't text, or an answer at the end.
    """
    parsed = [(_role(message), content_text(message.get("content"))) for message in _listed(as_messages(messages))]
    systems = [text for role, text in parsed if role in ("system", "developer")]
    if system is not None:
        systems.insert(0, system)
    dialogue = [(role, text) for role, text in parsed if role in ("user", "assistant")]
    if dialogue and dialogue[-1][0] == "assistant":
        raise InvalidMessages("expected the last message to be the user's, got the assistant's")
    *turns, (query, _) = [*_turns(dialogue)] or [("", "")]
    if not query.strip():
        raise InvalidMessages("expected a prompt, or messages that end with the user's question; got no question")
    return Chat("\n".join(systems) if systems else None, tuple(turns), query)


def as_messages(messages: str | Sequence[Message]) -> Sequence[Message]:
    """Returns a prompt as a user's message, and messages unchanged."""
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else messages


def format_prompt(messages: Sequence[Message]) -> str:
    """Formats messages as one prompt, as g4f's `format_prompt` does.

    A single message is returned verbatim. Several become lines `Role: content`, without blank ones, and `Assistant:`
    at the end for the model to continue.

    Raises:
        InvalidMessages: content that isn't text.
    """
    if len(messages) == 1:
        return content_text(messages[0].get("content"), none="")
    parsed = [(str(message.get("role")), content_text(message.get("content"), none="")) for message in messages]
    lines = [f"{role.capitalize()}: {text}" for role, text in parsed if text.strip()]
    return "\n".join([*lines, "Assistant:"]) if lines else ""


def as_prompt(chat: Chat, *, system: bool = False, turns: bool = True) -> str:
    """Formats the question as one prompt, with the parts that a Space has no input for; see `format_prompt`.

    Args:
        chat: the conversation.
        system: True to include the system message, unless it is empty.
        turns: True to include the earlier turns.
    """
    parts = [("system", chat.system)] if system and chat.system else []
    if turns:
        parts += [part for user, answer in chat.turns for part in (("user", user), ("assistant", answer))]
    return format_prompt([{"role": role, "content": text} for role, text in [*parts, ("user", chat.query)]])


def content_text(content: object, *, none: str | None = None) -> str:
    """Returns a message's content as text.

    Args:
        content: a string, or a list of strings and text parts.
        none: the text for None; without it, None is invalid.

    Raises:
        InvalidMessages: the content isn't text.
    """
    if content is None and none is not None:
        return none
    if isinstance(content, list | tuple):
        return "".join(map(_part_text, content))
    return _text(content)


def _part_text(part: object) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text":
        return _text(part.get("text"))
    return _text(part)


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise InvalidMessages(f"expected text as content, a string or text parts; got {content!r:.80}")
    try:
        content.encode()
    except UnicodeEncodeError as exc:
        raise InvalidMessages(f"expected text that can be sent as UTF-8; got a lone surrogate: {exc}") from exc
    return content


def _listed(messages: object) -> Iterable[Message]:
    if not isinstance(messages, Sequence):
        raise InvalidMessages(f"expected a prompt or a list of messages, got {messages!r:.80}")
    for message in messages:
        if not isinstance(message, Mapping):
            raise InvalidMessages(f"expected messages like {{'role': 'user', 'content': '…'}}, got {message!r:.80}")
    return messages


def _role(message: Message) -> str:
    role = message.get("role")
    if role not in ROLES:
        raise InvalidMessages(f"expected a role of {', '.join(ROLES)}; got {role!r:.80}")
    return str(role)


def _turns(dialogue: Iterable[tuple[str, str]]) -> Iterator[Turn]:
    """Pairs questions with answers; a user's message after an answer begins a new turn."""
    questions: list[str] = []
    answers: list[str] = []
    for role, text in dialogue:
        if role == "user" and answers:
            yield "\n\n".join(questions), "\n\n".join(answers)
            questions, answers = [], []
        (questions if role == "user" else answers).append(text)
    if questions or answers:
        yield "\n\n".join(questions), "\n\n".join(answers)

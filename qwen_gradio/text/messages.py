"""What the user wrote, made plain: a prompt or OpenAI-style messages -> a Chat, or one prompt in g4f's form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import InvalidMessages

Message: TypeAlias = Mapping[str, Any]
"""`{"role": "system" | "developer" | "user" | "assistant", "content": str | list of {"type": "text", "text": str}}`"""

Turn: TypeAlias = tuple[str, str]
"""What the user said and what the assistant answered; `""` where one of them said nothing."""

ROLES = ("system", "developer", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation up to the question that is being asked.

    Attributes:
        system: the system message; None leaves the Space its own.
        turns: the turns before, oldest first.
        query: the question.
    """

    system: str | None
    turns: tuple[Turn, ...]
    query: str


def parse_messages(messages: str | Sequence[Message], system: str | None = None) -> Chat:
    """Understand a prompt, or messages as OpenAI's clients take them.

    System messages, wherever they stand, are joined by newlines after `system`; "developer" is another name for
    "system". Messages of one role in a row are one message, a blank line between them.

    Raises:
        InvalidMessages: no question, an unknown role, content that isn't text, or an answer at the end.
    """
    said = [(_role(message), content_text(message.get("content"))) for message in _listed(as_messages(messages))]
    systems = [text for role, text in said if role in ("system", "developer")]
    if system is not None:
        systems.insert(0, system)
    dialogue = [(role, text) for role, text in said if role in ("user", "assistant")]
    if dialogue and dialogue[-1][0] == "assistant":
        raise InvalidMessages("expected the last message to be the user's, got the assistant's")
    *turns, (query, _) = [*_turns(dialogue)] or [("", "")]
    if not query.strip():
        raise InvalidMessages("expected a prompt, or messages that end with the user's question; got nothing to ask")
    return Chat("\n".join(systems) if systems else None, tuple(turns), query)


def as_messages(messages: str | Sequence[Message]) -> Sequence[Message]:
    """Give messages for a prompt, which is the user's; messages are given as they are."""
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else messages


def format_prompt(messages: Sequence[Message]) -> str:
    """Write messages as one prompt, as g4f's `format_prompt` does.

    A single message is given verbatim; several become `Role: content` lines, blank ones dropped, with
    `Assistant:` at the end for the model to go on from.

    Raises:
        InvalidMessages: content that isn't text.
    """
    if len(messages) == 1:
        return content_text(messages[0].get("content"), none="")
    said = [(str(message.get("role")), content_text(message.get("content"), none="")) for message in messages]
    lines = [f"{role.capitalize()}: {text}" for role, text in said if text.strip()]
    return "\n".join([*lines, "Assistant:"]) if lines else ""


def as_prompt(chat: Chat, *, system: bool = False, turns: bool = True) -> str:
    """Write the question as one prompt, together with what a Space has no place of its own for; see `format_prompt`.

    Args:
        chat: the conversation.
        system: whether the system message goes into it, unless it is blank.
        turns: whether the turns before do.
    """
    said = [("system", chat.system)] if system and chat.system else []
    if turns:
        said += [message for user, answer in chat.turns for message in (("user", user), ("assistant", answer))]
    return format_prompt([{"role": role, "content": text} for role, text in [*said, ("user", chat.query)]])


def content_text(content: object, *, none: str | None = None) -> str:
    """Give a message's content as text: a string, or a list of text parts.

    Args:
        content: what the message holds.
        none: what None stands for; None is refused if this isn't given.

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


def _turns(said: Iterable[tuple[str, str]]) -> Iterable[Turn]:
    """Pair what the two said; a user's message after an answer begins a new turn."""
    users: list[str] = []
    answers: list[str] = []
    for role, text in said:
        if role == "user" and answers:
            yield "\n\n".join(users), "\n\n".join(answers)
            users, answers = [], []
        (users if role == "user" else answers).append(text)
    if users or answers:
        yield "\n\n".join(users), "\n\n".join(answers)

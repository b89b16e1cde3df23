"""A prompt or OpenAI-style messages -> a Chat -> one prompt in g4f's form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import InvalidMessages, short_repr
from .files import FILE_PARTS, File, as_files, as_part, part_file

Message: TypeAlias = Mapping[str, Any]
"""`{"role": "system" | "developer" | "user" | "assistant", "content": str | list of parts}`

A part is `{"type": "text", "text": str}`, or one with a file, in the user's question alone: "image_url", "file" or
"input_audio", in OpenAI's form.
"""

Turn: TypeAlias = tuple[str, str]
"""The user's text and the assistant's; `""` where there is none."""

ROLES = ("system", "developer", "user", "assistant")
_CONTENT = "content, a string or text parts"


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation that ends with a question.

    Attributes:
        system: the system message; None keeps the Space's own.
        turns: the earlier turns, oldest first.
        query: the question; `""` if files alone are sent.
        files: the question's files.
    """

    system: str | None
    turns: tuple[Turn, ...]
    query: str
    files: tuple[File, ...] = ()


def parse_messages(messages: str | Sequence[Message], system: str | None = None, files: Sequence[Any] = ()) -> Chat:
    """Parse a prompt, or messages in the form of OpenAI's clients.

    System messages are joined by newlines, after `system`; "developer" is another name for "system". Successive
    messages of one role are joined by a blank line. An assistant's message without content, as in a tool call, is
    empty.

    Args:
        messages: a prompt or OpenAI-style messages.
        system: a system message before those among the messages; None for no other.
        files: paths and URLs of files of the question, before those among the messages.

    Raises:
        InvalidMessages: no question, an unknown role, content that can't be sent, files that aren't the question's, or
            an assistant's message at the end.
        InvalidOption: one of `files` can't be read.
    """
    parsed = [_parse_message(message) for message in as_messages(messages)]
    systems = [] if system is None else [_text(system, "the system message")]
    systems += [text for role, text, _ in parsed if role in ("system", "developer")]
    dialogue = [(role, text) for role, text, _ in parsed if role in ("user", "assistant")]
    if dialogue and dialogue[-1][0] == "assistant":
        raise InvalidMessages("expected the last message to be the user's, got the assistant's")
    *turns, (query, _) = [*_turns(dialogue)] or [("", "")]
    question_files = (*as_files(files), *_question_files(parsed))
    if not query.strip() and not question_files:
        raise InvalidMessages("expected a prompt, or messages that end with the user's question; got no question")
    system = "\n".join(systems) if systems else None
    return Chat(system, tuple(turn for turn in turns if any(turn)), query, question_files)


def _question_files(parsed: Sequence[tuple[str, str, list[File]]]) -> list[File]:
    """Return the files of the user's messages after the last answer.

    Raises:
        InvalidMessages: other messages have files.
    """
    answers = [number for number, (role, *_) in enumerate(parsed) if role == "assistant"]
    question = parsed[answers[-1] + 1 if answers else 0 :]
    files = [file for role, _, files in question if role == "user" for file in files]
    if len(files) < sum(len(files) for *_, files in parsed):
        raise InvalidMessages("only the question can have files, the user's messages after the last answer")
    return files


def as_messages(messages: str | Sequence[Message]) -> Sequence[Message]:
    """Return messages: a prompt becomes one user message, messages stay unchanged.

    Raises:
        InvalidMessages: the argument is neither a prompt nor a sequence of mappings.
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not _is_list(messages):
        raise InvalidMessages(f"expected a prompt or a list of messages, got {short_repr(messages)}")
    for message in messages:
        if not isinstance(message, Mapping):
            raise InvalidMessages(
                f"expected messages like {{'role': 'user', 'content': '…'}}, got {short_repr(message)}"
            )
    return messages


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview)


def format_prompt(messages: Sequence[Message]) -> str:
    """Format messages as one prompt, as g4f's `format_prompt` does.

    A single message is returned verbatim. Several become lines `Role: content`, blank messages left out, and a last
    line `Assistant:` for the model to continue.

    Raises:
        InvalidMessages: a role or content that isn't text.
    """
    messages = as_messages(messages)
    texts = [content_text(message.get("content"), none="") for message in messages]
    if len(messages) == 1:
        return texts[0]
    roles = [_text(message.get("role"), "a role") for message in messages]
    lines = [f"{role.capitalize()}: {text}" for role, text in zip(roles, texts, strict=True) if text.strip()]
    return "\n".join([*lines, "Assistant:"]) if lines else ""


def format_markdown(messages: Sequence[Message]) -> str:
    """Format messages as Markdown: the role of each in bold, and below it the text, with the names of its files.

    Raises:
        InvalidMessages: a role or content that can't be sent.
    """
    parsed = [_parse_message(message) for message in name_files(messages)]
    return "\n\n".join(f"**{role.capitalize()}**\n\n{text}" for role, text, _ in parsed)


def split_system(messages: Sequence[Message]) -> tuple[str, str]:
    """Split messages into the system message and one prompt by `format_prompt`, as g4f's provider does.

    Raises:
        InvalidMessages: a role or content that isn't text.
    """
    messages = as_messages(messages)
    systems = [message for message in messages if _is_system(message)]
    others = [message for message in messages if not _is_system(message)]
    system = "\n".join(content_text(message.get("content"), none="") for message in systems)
    return system, format_prompt(others)


def _is_system(message: Message) -> bool:
    role = message.get("role")
    return isinstance(role, str) and role == "system"


def as_prompt(chat: Chat, *, system: bool = False, turns: bool = True) -> str:
    """Format the question, and the parts of the chat that the Space has no input for, as one prompt by `format_prompt`.

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
    """Return a message's content as text.

    Args:
        content: a string, or a list of strings and text parts.
        none: the text to return for a content of None; None makes such content invalid.

    Raises:
        InvalidMessages: the content is not text.
    """
    if content is None and none is not None:
        return none
    if isinstance(content, list | tuple):
        return "".join(map(_part_text, content))
    return _text(content, _CONTENT)


def _split_content(content: object) -> tuple[object, list[File]]:
    """Split a message's content into its text parts and its files."""
    if not isinstance(content, list | tuple):
        return content, []
    files = [part for part in content if _has_file(part)]
    return [part for part in content if not _has_file(part)], [part_file(part) for part in files]


def _has_file(part: object) -> bool:
    type_ = part.get("type") if isinstance(part, Mapping) else None
    return isinstance(type_, str) and type_ in FILE_PARTS


def name_files(messages: Sequence[Message], files: Sequence[Any] = ()) -> list[Message]:
    """Replace the files of a question by their names in brackets, for the turns of a later question.

    Args:
        messages: the question's messages.
        files: paths and URLs of its other files.
    """
    named: list[Message] = []
    for number, message in enumerate(messages):
        content, found = _split_content(message.get("content"))
        found = [*(as_files(files) if number == len(messages) - 1 else ()), *found]
        names = "\n".join(f"[{file.name or file.url}]" for file in found)
        text = content_text(content, none="") if found else ""
        named.append({**message, "content": f"{names}\n{text}".strip()} if found else message)
    return named


def with_files(messages: Sequence[Message], files: Sequence[File]) -> Sequence[Message]:
    """Add files to the last message as OpenAI's content parts, for a provider.

    Raises:
        InvalidOption: a file can't be read, or can't be sent in that form.
    """
    if not files:
        return messages
    *others, last = messages
    content = last.get("content")
    parts = content if isinstance(content, list | tuple) else [{"type": "text", "text": content}]
    return [*others, {**last, "content": [*parts, *map(as_part, files)]}]


def _part_text(part: object) -> str:
    if isinstance(part, Mapping):
        type_ = part.get("type")
        if isinstance(type_, str) and type_ == "text":
            return _text(part.get("text"), _CONTENT)
    return _text(part, _CONTENT)


def _text(value: object, name: str) -> str:
    """Return a text as a plain str: a subclass, such as a str enum, may have its own `__str__`."""
    if not isinstance(value, str):
        raise InvalidMessages(f"expected text as {name}; got {short_repr(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise InvalidMessages(f"expected text as {name}; got a lone surrogate at character {exc.start}") from exc
    return str.__str__(value)


def _parse_message(message: Message) -> tuple[str, str, list[File]]:
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidMessages(f"expected a role of {', '.join(ROLES)}; got {short_repr(role)}")
    content, files = _split_content(message.get("content"))
    return str.__str__(role), content_text(content, none="" if role == "assistant" else None), files


def _turns(dialogue: Iterable[tuple[str, str]]) -> Iterator[Turn]:
    """Pair questions with answers; a user's message after an answer begins a new turn."""
    questions: list[str] = []
    answers: list[str] = []
    for role, text in dialogue:
        if role == "user" and answers:
            yield _paragraphs(questions), _paragraphs(answers)
            questions, answers = [], []
        (questions if role == "user" else answers).append(text)
    if questions or answers:
        yield _paragraphs(questions), _paragraphs(answers)


def _paragraphs(texts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, texts))

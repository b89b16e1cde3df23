"""The commands of a chat, which begin with a slash."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qwen_gradio

from ..text.columns import format_columns
from .chat_session import Chat, Outcome
from .options import parse_option
from .render import echo, is_terminal
from .terminal import copy, note


class Leave(Exception):
    """Raised by `/bye`."""


@dataclass(frozen=True)
class Command:
    """A command of a chat.

    Attributes:
        usage: its name and argument.
        summary: what it does.
        run: does it, given the chat and the argument, `""` if there is none.
    """

    usage: str
    summary: str
    run: Callable[[Chat, str], Awaitable[Outcome | None]]


def is_command(text: str) -> bool:
    """Return True if an input is a command: it begins with a slash."""
    return text.startswith("/")


async def run_command(chat: Chat, text: str) -> Outcome | None:
    """Run a command; return what came of the question that it asks again, None if it asks none.

    Raises:
        Leave: it ends the chat.
        UsageError: there is no such command, or its argument is invalid.
    """
    name, _, argument = text.partition(" ")
    command = COMMANDS.get(name.strip())
    if command is None:
        raise qwen_gradio.UsageError(
            f"unknown command {name.strip()}; /help lists them. A question may begin with a slash after a space"
        )
    return await command.run(chat, argument.strip())


async def _system(chat: Chat, argument: str) -> None:
    if argument:
        chat.conversation.system = "" if argument == '""' else argument
        return
    system = chat.conversation.system
    _show("The Space's own." if system is None else system or '"" (an empty one)')


async def _space(chat: Chat, argument: str) -> None:
    if argument:
        await chat.move(argument)
    _show(chat.saved.space)


async def _options(chat: Chat, argument: str) -> None:
    if not argument:
        _show(_describe_options(chat))
        return
    try:
        words = shlex.split(argument)
    except ValueError as exc:
        raise qwen_gradio.UsageError(f"expected NAME=VALUE, got {argument!r}: {exc}") from exc
    chat.change_options({} if words == ["reset"] else {**chat.saved.options, **dict(map(parse_option, words))})


def _describe_options(chat: Chat) -> str:
    """List the options with their values; those that were set have a star."""
    options, chosen = chat.recipe.options if chat.recipe else (), chat.saved.options
    rows = [
        (f"{one.name}{'*' * (one.name in chosen)}", json.dumps(chosen.get(one.name, one.default), ensure_ascii=False))
        for one in options
    ]
    return format_columns(rows) if rows else "This Space has no options."


async def _retry(chat: Chat, _: str) -> Outcome:
    return await chat.retry()


async def _undo(chat: Chat, _: str) -> None:
    note(f"Taken back: {chat.undo()}")


async def _clear(chat: Chat, _: str) -> None:
    chat.begin([], system=chat.conversation.system)
    note("A new conversation.")


async def _save(chat: Chat, argument: str) -> None:
    path = _path(argument, "/save")
    system = chat.conversation.system
    systems = [] if system is None else [{"role": "system", "content": system}]
    lines = [json.dumps(message, ensure_ascii=False) + "\n" for message in (*systems, *chat.messages)]
    try:
        with path.open("w" if path in chat.files else "x", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
    except FileExistsError:
        raise qwen_gradio.UsageError(f"{path} exists, and is not of this chat; choose another name") from None
    except (OSError, ValueError) as exc:  # no path
        raise qwen_gradio.UsageError(f"{path} can't be written: {exc}") from exc
    chat.files.add(path)
    note(f"{len(chat.messages)} messages in {path}")


async def _load(chat: Chat, argument: str) -> None:
    path = _path(argument, "/load")
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # a message may have other separators of lines
    except (OSError, ValueError) as exc:  # no UTF-8, or no path
        raise qwen_gradio.UsageError(f"{path} can't be read: {exc}") from exc
    messages = [_parse_message(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    has_system = bool(messages) and messages[0]["role"] == "system"
    chat.begin(messages[has_system:], system=messages[0]["content"] if has_system else None)
    chat.files.add(path)
    chat.save()
    note(f"{len(chat.messages)} messages from {path}")


async def _copy(chat: Chat, _: str) -> None:
    answers = [message["content"] for message in chat.messages if message.get("role") == "assistant"]
    if not answers:
        raise qwen_gradio.UsageError("there is no answer to copy")
    copy(answers[-1])
    note("Copied.")


async def _help(_chat: Chat, _: str) -> None:
    _show(format_columns([(command.usage, command.summary) for command in COMMANDS.values()]))
    _show('\nSeveral lines: """ before and after them, or Alt-Enter. Ctrl-C stops a reply, Ctrl-D leaves.')


async def _bye(_chat: Chat, _: str) -> None:
    raise Leave


def _show(text: str) -> None:
    """Print what a command shows; where stdout is no terminal, it has the replies alone."""
    echo(text, err=not is_terminal(sys.stdout))


def _path(argument: str, command: str) -> Path:
    if not argument:
        raise qwen_gradio.UsageError(f"expected {command} FILE")
    try:
        return Path(argument).expanduser()
    except RuntimeError as exc:  # no such user
        raise qwen_gradio.UsageError(f"{argument} can't be found: {exc}") from exc


def _parse_message(path: Path, number: int, line: str) -> Mapping[str, Any]:
    """Parse a line of a file of messages.

    Raises:
        UsageError: it is no message of text.
    """
    try:
        message = json.loads(line)
        if isinstance(message["role"], str) and isinstance(message["content"], str):
            return {"role": message["role"], "content": message["content"]}
    except (ValueError, TypeError, KeyError):
        pass
    raise qwen_gradio.UsageError(f'{path}, line {number}: expected {{"role": "user", "content": "…"}}')


COMMANDS = {
    command.usage.partition(" ")[0]: command
    for command in (
        Command("/system [TEXT]", 'Show the system message, or change it; "" is an empty one.', _system),
        Command("/space [SPACE]", "Show the Space, or go on with another.", _space),
        Command("/options [NAME=VALUE]", "Show the Space's options, or change them; reset goes back.", _options),
        Command("/retry", "Ask the latest question again.", _retry),
        Command("/undo", "Take the latest question and answer back.", _undo),
        Command("/clear", "Begin a new conversation.", _clear),
        Command("/save FILE", "Save the messages as JSON Lines.", _save),
        Command("/load FILE", "Go on with messages that were saved.", _load),
        Command("/copy", "Copy the latest answer to the clipboard.", _copy),
        Command("/help", "Show this.", _help),
        Command("/bye", "Leave, as Ctrl-D does.", _bye),
    )
}

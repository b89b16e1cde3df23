"""`qwen-gradio chat`: a conversation, line by line."""

from __future__ import annotations

import enum
import functools
import itertools
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

import qwen_gradio

from ..space import catalogue
from . import loop
from .exit_codes import ExitCode
from .log import Log, SavedConversation, user_log
from .options import SPACE_ENV, complete_space, in_command_words, make_client, parse_option, space_options
from .render import Renderer, TextRenderer, echo, is_terminal, print_error
from .terminal import LineReader, Reader, TerminalReader, is_dumb, note, replace_unencodable

if TYPE_CHECKING:  # at runtime they are imported when they are needed, as `--help` isn't slower for them
    from .chat_session import Chat, Outcome

RECALLED = 1000  # questions of earlier chats that the arrow keys recall
SHARED = ("proxy", "timeout")  # options for other Spaces, too; the others are for the first alone


class Screen(enum.Enum):
    """Where a chat is shown."""

    MARKDOWN = enum.auto()  # a terminal on which text can be drawn anew
    PLAIN = enum.auto()  # another terminal
    PIPE = enum.auto()  # none


@click.command()
@click.argument("space", required=False, shell_complete=complete_space)
@click.option("--space", "-m", "also_space", metavar="SPACE", shell_complete=complete_space, help="SPACE, as in `ask`.")
@space_options
@click.option("--system", metavar="TEXT", help="The system message; the Space's own by default.")
@click.option("--option", "-o", "options", multiple=True, metavar="NAME=VALUE", help="A parameter; see `inspect`.")
@click.option("--thinking", is_flag=True, help="Show the model's thinking.")
@click.option("--continue", "-c", "continues", is_flag=True, help="Go on with the latest conversation.")
@click.option("--save", "name", metavar="NAME", help="Keep it as NAME, or go on with the conversation of that name.")
@click.option("--no-log", is_flag=True, envvar="QWEN_GRADIO_NO_LOG", show_envvar=True, help="Keep no log of it.")
def chat(
    space: str | None,
    also_space: str | None,
    system: str | None,
    options: tuple[str, ...],
    thinking: bool,
    continues: bool,
    name: str | None,
    no_log: bool,
    **network: Any,
) -> None:
    """Chat with SPACE, by default Qwen2-72B-Instruct or that of the conversation; /help lists the commands.

    On a terminal, answers are drawn as Markdown. From a pipe, each line is a question.
    """
    from .chat_session import Chat

    if space and also_space:
        raise qwen_gradio.UsageError("expected one Space: SPACE, or --space SPACE")
    space = space or also_space
    saved = _find(continues=continues, name=name, no_log=no_log)
    is_kept = space is None and (continues or bool(saved.messages))  # the Space is that of the conversation
    if space not in (None, saved.space):
        saved = replace(saved, space=str(space), options={})
    saved = replace(saved, options={**saved.options, **dict(map(parse_option, options))})
    saved = saved if system is None else replace(saved, system=system)
    replace_unencodable()
    screen, log = _find_screen(), None if no_log else user_log()

    async def run() -> bool:
        chat = Chat(
            functools.partial(_connect, saved.space, network),
            saved,
            log=log,
            make_renderer=_renderer_maker(screen, thinking=thinking),
        )
        try:
            return await _converse(chat, _make_reader(screen, log), screen)
        finally:
            await chat.aclose()

    try:
        all_answered = loop.run(run)
    except (qwen_gradio.SpaceError, qwen_gradio.TransportError) as exc:
        if not is_kept:
            raise
        to_go_on = f"--save {shlex.quote(name)}" if name is not None else "-c"
        print_error(f"{in_command_words(str(exc))}. To go on with another Space: qwen-gradio chat {to_go_on} SPACE")
        sys.exit(ExitCode.SPACE_FAILED)
    if not all_answered:
        sys.exit(ExitCode.SPACE_FAILED)


def _find(*, continues: bool, name: str | None, no_log: bool) -> SavedConversation:
    """Find the conversation to go on with, or make one.

    Raises:
        UsageError: there is none to go on with, or the options contradict each other.
    """
    if name is not None and (no_log or continues):
        raise qwen_gradio.UsageError(f"--save can't be used with {'--no-log' if no_log else '--continue'}")
    new = SavedConversation(os.environ.get(SPACE_ENV) or catalogue.DEFAULT, name=name)
    if name is None and not continues:
        return new
    log = user_log()
    found = log.find(name)
    if found is None and continues:
        raise qwen_gradio.UsageError(f"there is no conversation in {log.path} to go on with")
    return found or new


def _connect(first: str, network: dict[str, Any], space: str) -> qwen_gradio.AsyncQwenClient:
    """Make the client of a Space. The token and the login are sent to the first one alone."""
    return make_client(space, **{name: value for name, value in network.items() if space == first or name in SHARED})


def _find_screen() -> Screen:
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        return Screen.PIPE
    return Screen.PLAIN if is_dumb() else Screen.MARKDOWN


def _renderer_maker(screen: Screen, *, thinking: bool) -> Callable[[], Renderer]:
    """Return the function that makes the renderer of a reply."""
    if screen is Screen.PIPE:
        separators = itertools.chain([""], itertools.repeat("\n"))
        return functools.partial(PipeRenderer, thinking=thinking, separators=separators)
    if screen is Screen.PLAIN:
        return functools.partial(TextRenderer, thinking=thinking)
    from rich.console import Console

    from .markdown import MarkdownRenderer

    return functools.partial(MarkdownRenderer, Console(), thinking=thinking)


class PipeRenderer(TextRenderer):
    """A renderer that prints an answer once it is over, with a separator before it.

    Args:
        thinking: True to print the thinking to stderr.
        separators: gives the separator, once there is an answer.
    """

    def __init__(self, *, thinking: bool, separators: Iterator[str]) -> None:
        super().__init__(thinking=thinking, streaming=False)
        self._separators = separators
        self._separator: str | None = None

    def render(self, event: qwen_gradio.Event) -> None:
        if isinstance(event, qwen_gradio.Fragment) and event.kind == "answer":
            separator = self._separator = next(self._separators) if self._separator is None else self._separator
            if event.start:
                event = replace(event, start=event.start + len(separator))
            else:
                event = replace(event, text=separator + event.text)
        super().render(event)


def _make_reader(screen: Screen, log: Log | None) -> Reader:
    from .chat_commands import COMMANDS

    if screen is not Screen.MARKDOWN:
        return LineReader(is_prompted=screen is Screen.PLAIN)
    return TerminalReader([turn.prompt for turn in log.turns(RECALLED)] if log else [], [*COMMANDS])


async def _converse(chat: Chat, reader: Reader, screen: Screen) -> bool:
    """Read and answer until the input ends; return False if an answer to a pipe failed.

    Raises:
        QwenGradioError: the Space can't be reached.
        KeyboardInterrupt: Ctrl-C was pressed, and there is no terminal.
    """
    from .chat_commands import Leave
    from .chat_session import Outcome

    await chat.open()
    all_answered = True
    if screen is not Screen.PIPE:
        _greet(chat)
    while True:
        try:
            outcome = await _respond(chat, await reader.read())
        except (EOFError, Leave):  # noqa: PERF203 - once per question
            break
        except KeyboardInterrupt:
            if screen is Screen.PIPE:
                raise
            note("\nCtrl-D or /bye leaves.")
        else:
            all_answered = all_answered and outcome is not Outcome.FAILED
            if screen is not Screen.PIPE:
                echo()
            elif outcome is Outcome.STOPPED:
                raise KeyboardInterrupt
    return all_answered or screen is not Screen.PIPE


def _greet(chat: Chat) -> None:
    turns = len(chat.messages) // 2
    note(f"{chat.saved.space}" + (f", after {turns} turns" if turns else ""))
    note("/help lists the commands, Ctrl-D leaves.")


async def _respond(chat: Chat, text: str) -> Outcome:
    """Run a command, or ask a question; print an error."""
    from .chat_commands import is_command, run_command
    from .chat_session import Outcome

    try:
        if is_command(text):
            return await run_command(chat, text) or Outcome.COMPLETE
        return await chat.ask(text) if text.strip() else Outcome.COMPLETE
    except qwen_gradio.QwenGradioError as exc:
        print_error(in_command_words(str(exc)))
        return Outcome.FAILED

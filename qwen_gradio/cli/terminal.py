"""The terminal of a chat: its keys, the lines typed there, and the clipboard."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import qwen_gradio

from .render import echo, is_terminal, send_to_clipboard

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

PROMPT, CONTINUATION = ">>> ", "... "
QUOTES = '"""'  # begins and ends an input of several lines


class Reader(Protocol):
    """A reader of inputs, each a question or a command."""

    async def read(self) -> str:
        """Return the next input.

        Raises:
            EOFError: there is no other.
            KeyboardInterrupt: Ctrl-C was pressed.
        """


class LineReader(Reader):
    """A reader of lines from stdin, as they are.

    Args:
        is_prompted: True to print a prompt before each.
    """

    def __init__(self, *, is_prompted: bool) -> None:
        self._is_prompted = is_prompted
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    async def read(self) -> str:
        """Return the next line, or several between `QUOTES`."""
        text = self._read_line(PROMPT)
        while _is_open(text):
            text += self._read_line(CONTINUATION)
        return _unquote(text.rstrip("\n"))

    def _read_line(self, prompt: str) -> str:
        if self._is_prompted:
            echo(prompt, nl=False)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else Ctrl-C waits for the line
        try:
            line = sys.stdin.readline() if sys.stdin else ""  # it may be closed
        finally:
            signal.signal(signal.SIGINT, before)
        if not line:
            raise EOFError
        return line


class TerminalReader(Reader):
    """A reader with line editing, recall and completion.

    Args:
        history: inputs to recall, oldest first.
        completions: what Tab completes.

    Raises:
        UsageError: prompt_toolkit is not installed.
    """

    def __init__(self, history: Sequence[str], completions: Sequence[str]) -> None:
        try:
            from prompt_toolkit import PromptSession
        except ImportError:
            raise qwen_gradio.UsageError("a chat needs prompt_toolkit: pip install 'qwen_gradio[cli]'") from None
        from prompt_toolkit.application import get_app
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.shortcuts import CompleteStyle

        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=Condition(lambda: _is_open(get_app().current_buffer.text)),
            prompt_continuation=CONTINUATION,
            history=InMemoryHistory(history),
            enable_history_search=True,
            completer=WordCompleter([*completions], sentence=True),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=_key_bindings(),
        )

    async def read(self) -> str:
        """Return the next input, which may have several lines."""
        return _unquote(await self._session.prompt_async())


def _key_bindings() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    def insert_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    bindings.add("escape", "enter")(insert_line)
    return bindings


def _is_open(text: str) -> bool:
    """Whether a text begins with quotes that it doesn't end with."""
    text = text.strip()
    return text.startswith(QUOTES) and not (text.endswith(QUOTES) and len(text) >= 2 * len(QUOTES))


def _unquote(text: str) -> str:
    stripped = text.strip()
    return stripped.removeprefix(QUOTES).removesuffix(QUOTES).strip("\n") if stripped.startswith(QUOTES) else text


def is_dumb() -> bool:
    """Return True if the terminal can't draw anew, nor show styles."""
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown")


def note(text: str) -> None:
    """Print a note to the user, on stderr."""
    echo(text, err=True, dim=not is_dumb())


def replace_unencodable() -> None:
    """Let characters that the encoding of stdout or stderr lacks be printed as question marks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Keep the terminal from showing keys that are pressed, amid what is drawn; they are read later."""
    try:
        import termios  # Windows has none, and shows no keys
    except ImportError:
        yield
        return
    if not is_terminal(sys.stdin):
        yield
        return
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO  # the local modes
    termios.tcsetattr(stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(stdin, termios.TCSANOW, before)


def copy(text: str) -> None:
    """Copy a text to the clipboard: this machine's, or that of the terminal.

    Raises:
        UsageError: there is no terminal.
    """
    if not is_terminal(sys.stdout):
        raise qwen_gradio.UsageError("/copy needs a terminal")
    import pyperclip

    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException:  # no program for it, as on a server
        send_to_clipboard(text)

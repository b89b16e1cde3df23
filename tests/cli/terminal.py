"""Runs the command on a terminal, as a person would: keys are sent, and the screen is looked at."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping

import pyte

from ..conftest import eventually
from .command import COMMAND
from .drawn import HISTORY, lines_of

ENTER, CTRL_C, CTRL_D, UP, TAB, ALT_ENTER = "\r", "\x03", "\x04", "\x1b[A", "\t", "\x1b\r"
FOR_TESTS = {
    "TERM": "xterm-256color",
    "PYTHONUTF8": "0",
    "LC_ALL": "C.UTF-8",
    "PROMPT_TOOLKIT_NO_CPR": "1",  # the terminal here doesn't tell where its cursor is
}


class Terminal:
    """A terminal with the command on it.

    Attributes:
        raw: all that was written to it.
    """

    def __init__(self, process: subprocess.Popen[bytes], parent: int, size: tuple[int, int], encoding: str) -> None:
        self.raw = b""
        self._process, self._parent, self._encoding = process, parent, encoding
        self._screen = pyte.HistoryScreen(*size, history=HISTORY, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        if encoding != "utf-8":
            self._stream.select_other_charset("@")
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # how a terminal ends
            while data := os.read(self._parent, 65536):
                with self._lock:
                    self.raw += data
                    self._stream.feed(data)

    @property
    def lines(self) -> list[str]:
        """All lines, those that have left the screen included, without blanks at their ends."""
        with self._lock:
            return lines_of(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def unwrapped(self) -> str:
        """The text without blanks and line breaks, as lines are wrapped at either."""
        return _without_blanks(self.text)

    def send(self, keys: str) -> None:
        os.write(self._parent, keys.encode(self._encoding))

    def count(self, text: str) -> int:
        """How often it shows a text: one with line breaks as it is, another wherever its lines are wrapped."""
        if "\n" in text:
            return self.text.count(text)
        return self.unwrapped.count(_without_blanks(text))

    def shows(self, text: str, times: int = 1) -> bool:
        """Whether it shows a text, soon."""
        return eventually(lambda: self.count(text) >= times)

    def is_ready(self, after: str = "") -> bool:
        """Whether it shows a text, and then a prompt that waits, soon."""
        return eventually(lambda: self.count(after) > 0 and self.text.endswith("\n>>>"))

    def wait(self) -> int:
        """Wait until the command has ended, and all of its output is read; return its exit code."""
        code = self._process.wait(60)
        self._thread.join(60)
        return code

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)


@contextlib.contextmanager
def on_terminal(
    *arguments: str,
    columns: int = 100,
    rows: int = 24,
    encoding: str = "utf-8",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """Run the command on a terminal; it is killed at the end, unless it has ended."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**inherited, **FOR_TESTS, **(environment or {})},
        preexec_fn=_take_terminal,
    )
    os.close(child)
    terminal = Terminal(process, parent, (columns, rows), encoding)
    try:
        yield terminal
    except BaseException:
        sys.stdout.write(terminal.text)  # pytest shows it
        raise
    finally:
        process.kill()
        terminal.wait()
        os.close(parent)


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _take_terminal() -> None:
    """Make standard input the terminal that sends Ctrl-C."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

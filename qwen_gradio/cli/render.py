"""The only module that prints: text, tables, a reply's events, progress. Terminals get no control characters."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import enum
import errno
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

import qwen_gradio

from ..text.snapshots import appended_text

if TYPE_CHECKING:  # at runtime it is imported only for a terminal
    from rich.progress import Progress, Task
    from rich.status import Status

WIDTH_FOR_BAR = 60  # columns
MIN_RESULTS_FOR_RATE = 10  # before which the rate and the time left say little

# C0 except tab and newline, DEL, C1; and Unicode's bidirectional controls, which reorder the text on a terminal.
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def send_to_clipboard(text: str) -> None:
    """Ask the terminal to copy a text, as OSC 52 says, which works over SSH, too."""
    click.echo(f"\x1b]52;c;{base64.b64encode(text.encode(errors='replace')).decode()}\a", nl=False, color=True)


def echo(text: str = "", *, err: bool = False, nl: bool = True, dim: bool = False) -> None:
    """Print a text, which may be a Space's.

    Args:
        text: the text; characters that the stream's encoding lacks are printed as question marks; a terminal gets no
            control characters.
        err: True to print to stderr, False to stdout.
        nl: True to end the line.
        dim: True to print dimmed, on a terminal.

    Raises:
        OSError: the stream is closed or full.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed before this process started
        if err:
            return
        raise OSError(errno.EBADF, "stdout is closed")
    text = text.encode(encoding_of(stream), errors="replace").decode(encoding_of(stream))
    if stream.isatty():
        text = CONTROL_CHARACTERS.sub("", text)
        text = click.style(text, dim=True) if dim else text
    click.echo(text, err=err, nl=nl, color=True)


def print_error(error: object) -> None:
    """Print an error as one line on stderr."""
    echo(f"qwen-gradio: {' '.join(str(error).split())}", err=True)


def echo_json(fields: Mapping[str, Any]) -> None:
    """Print fields as a line of JSON; what stdout's encoding lacks is escaped."""
    echo(json.dumps(fields, ensure_ascii=not _is_unicode(sys.stdout)))


def _is_unicode(stream: IO[str] | None) -> bool:
    return stream is not None and encoding_of(stream).lower().replace("-", "") == "utf8"


def encoding_of(stream: IO[str]) -> str:
    """Return a stream's encoding; UTF-8 if it has none."""
    return getattr(stream, "encoding", None) or "utf-8"


def drop_output() -> None:
    """Let what is left of the output go nowhere, after stdout has failed: Python would fail at exit again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def ask_back(question: str) -> bool:
    """Ask a yes-or-no question on the terminal, where no is the default."""
    return click.confirm(question, default=False, err=True)


def format_queue(queued: qwen_gradio.Queued) -> str:
    """Format the position, size and estimate of a queue, as far as the Space publishes them."""
    size = "" if queued.size is None else f" of {queued.size}"
    eta = "" if queued.eta is None else f", about {queued.eta:.0f} s"
    return f"In the queue: {queued.position or '?'}{size}{eta}"


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr, if that is a terminal; yield the function that advances it."""
    if not is_terminal(sys.stderr):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Asking", total=total)
        yield lambda: progress.advance(task)


class QuestionsProgress:
    """The progress of many questions, on stderr if that is a terminal: a bar, the rate, the time left, the failures.

    Args:
        total: the number of questions.
        done: the number of those that have a result already.
    """

    def __init__(self, *, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._progress = _question_columns() if is_terminal(sys.stderr) else None
        self._task: Any = None

    def __enter__(self) -> QuestionsProgress:
        if self._progress:
            self._progress.start()
            self._task = self._progress.add_task(
                "asking", total=self._total, completed=self._done, done=self._done, failed=0
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def advance(self, *, failed: int) -> None:
        """Count one more result.

        Args:
            failed: the number of failures so far.
        """
        if self._progress:
            self._progress.update(self._task, advance=1, failed=failed, description="asking")

    def pause(self, seconds: float) -> None:
        """Show that the quota is used up for some seconds."""
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
        if self._progress:
            self._progress.update(self._task, description=f"quota used up until {until}")
        else:
            echo(f"qwen-gradio: the quota is used up; the next question is asked at {until}", err=True)


def _question_columns() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{60 * task.speed:.0f}/min" if task.speed and _is_settled(task) else "")

    class TimeLeft(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if _is_settled(task) else Text("")

    console = Console(stderr=True)
    bar = [BarColumn()] if console.width >= WIDTH_FOR_BAR else []  # the numbers say more
    return Progress(
        TextColumn("{task.description}"),
        *bar,
        MofNCompleteColumn(),
        Rate(),
        TimeLeft(),
        TextColumn("{task.fields[failed]} failed"),
        console=console,
        speed_estimate_period=300,
    )


def _is_settled(task: Task) -> bool:
    """Return True once the rate of the results says something of the next ones."""
    return bool(task.completed - task.fields["done"] >= MIN_RESULTS_FOR_RATE)


def is_terminal(stream: IO[str] | None) -> bool:
    """Return True if a stream is open, and a terminal."""
    return stream is not None and stream.isatty()


class Renderer(contextlib.AbstractContextManager[object], Protocol):
    """A printer of the events of one reply. On exit it ends the last line."""

    def render(self, event: qwen_gradio.Event) -> None:
        """Print one event."""

    def refresh(self) -> None:
        """Draw what is new since the last call; nothing, if each event is printed as it comes."""
        return


class JsonRenderer(Renderer):
    """A renderer that prints each event as a line of JSON."""

    def __exit__(self, type_: object, exc: BaseException | None, traceback: object) -> None:
        """Print an error that ends the reply as an event of its own."""
        if isinstance(exc, qwen_gradio.QwenGradioError):
            retry_after = getattr(exc, "retry_after", None)
            fields = {"space": exc.space, "retryable": exc.retryable, "partial": exc.partial}
            fields |= {} if retry_after is None else {"retry_after": retry_after}
            echo_json({"event": "error", "type": type(exc).__name__, "message": str(exc), **fields})

    def render(self, event: qwen_gradio.Event) -> None:
        echo_json({"event": type(event).__name__.lower(), **dataclasses.asdict(event)})


class _State(enum.Enum):
    WAITING = enum.auto()  # until the first fragment to print; a terminal shows a status line
    THINKING = enum.auto()  # printing the thinking
    ANSWERING = enum.auto()  # printing the answer
    CLOSED = enum.auto()


class TextRenderer(Renderer):
    """A renderer that prints the answer to stdout. Until the first fragment it shows a status line on stderr.

    Args:
        thinking: True to print the thinking to stderr; False to show "Thinking…" in the status line.
        streaming: True to print the answer as it comes; False to print it once it is over, with nothing taken back.
    """

    def __init__(self, *, thinking: bool, streaming: bool = True) -> None:
        self._prints_thinking = thinking
        self._streams = streaming
        self._state = _State.WAITING
        self._answer = ""
        self._status = _status_line()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state.name}>"

    def __enter__(self) -> TextRenderer:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enter(_State.CLOSED)
        if not self._streams:
            echo(self._answer, nl=False)
        if self._answer and not self._answer.endswith("\n"):
            echo()

    def render(self, event: qwen_gradio.Event) -> None:
        if isinstance(event, qwen_gradio.Queued):
            self._update_status(format_queue(event))
        elif isinstance(event, qwen_gradio.Started):
            self._update_status("Waiting for the first words…")
        elif isinstance(event, qwen_gradio.Fragment) and event.kind == "answer":
            self._print_answer(event)
        elif isinstance(event, qwen_gradio.Fragment) and self._prints_thinking:
            self._enter(_State.THINKING)
            echo(event.text, err=True, nl=False, dim=True)
        elif isinstance(event, qwen_gradio.Fragment):
            self._update_status("Thinking…")

    def _enter(self, state: _State) -> None:
        if state is self._state:
            return
        if self._state is _State.WAITING and self._status:
            self._status.stop()
        elif self._state is _State.THINKING:
            echo(err=True)
        self._state = state

    def _update_status(self, text: str) -> None:
        if self._state is _State.WAITING and self._status:
            self._status.update(_status_text(text))

    def _print_answer(self, fragment: qwen_gradio.Fragment) -> None:
        """Print the new text, or the complete answer again if the fragment replaces words."""
        before, self._answer = self._answer, self._answer[: fragment.start] + fragment.text
        if not self._streams:
            self._update_status(f"{len(self._answer):,} characters…")
            return
        self._enter(_State.ANSWERING)
        added = appended_text(before, self._answer)
        echo(f"\n{self._answer}" if added is None else added, nl=False)


def _status_line(text: str = "Connecting…") -> Status | None:
    """Create a status line for stderr; return None if that is not a terminal."""
    if not is_terminal(sys.stderr):
        return None
    from rich.console import Console

    spinner = "dots" if _is_unicode(sys.stderr) else "line"
    return Console(stderr=True).status(_status_text(text), spinner=spinner)


def _status_text(text: str) -> str:
    """Return a text that stderr can show; `sys.stderr` may be rich's, which has no encoding."""
    return text if _is_unicode(sys.__stderr__) else text.replace("…", "...")


def status(text: str) -> contextlib.AbstractContextManager[object]:
    """Show a text on stderr while something is done, if that is a terminal."""
    return _status_line(text) or contextlib.nullcontext()

"""The only module that prints: text, tables, a reply's events, progress. Terminals get no control characters."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import click

import qwen_gradio

from ..text.snapshots import appended_text

if TYPE_CHECKING:  # at runtime it is imported only for a terminal
    from rich.status import Status

# C0 except tab and newline, DEL, C1; and Unicode's bidirectional controls, which reorder the text on a terminal.
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def echo(text: str = "", *, err: bool = False, nl: bool = True, dim: bool = False) -> None:
    """Print a text, which may be a Space's.

    Args:
        text: the text; lone surrogates are printed as question marks; a terminal gets no control characters.
        err: True to print to stderr, False to stdout.
        nl: True to end the line.
        dim: True to print dimmed, on a terminal.
    """
    text = text.encode(errors="replace").decode()
    if (sys.stderr if err else sys.stdout).isatty():
        text = CONTROL_CHARACTERS.sub("", text)
        text = click.style(text, dim=True) if dim else text
    click.echo(text, err=err, nl=nl, color=True)


def format_queue(queued: qwen_gradio.Queued) -> str:
    """Format the position, size and estimate of a queue, as far as the Space publishes them."""
    size = "" if queued.size is None else f" of {queued.size}"
    eta = "" if queued.eta is None else f", about {queued.eta:.0f} s"
    return f"In the queue: {queued.position or '?'}{size}{eta}"


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr, if that is a terminal; yield the function that advances it."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Asking", total=total)
        yield lambda: progress.advance(task)


class Renderer(contextlib.AbstractContextManager[object], Protocol):
    """A printer of the events of one reply. On exit it ends the last line."""

    def render(self, event: qwen_gradio.Event) -> None:
        """Print one event."""


class JsonRenderer(Renderer):
    """A renderer that prints each event as a line of JSON."""

    def __exit__(self, *_: object) -> None:
        """Do nothing: each event has ended its line."""

    def render(self, event: qwen_gradio.Event) -> None:
        fields = {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}
        echo(json.dumps(fields, ensure_ascii=False))


class _State(enum.Enum):
    WAITING = enum.auto()  # until the first fragment to print; a terminal shows a status line
    THINKING = enum.auto()  # printing the thinking
    ANSWERING = enum.auto()  # printing the answer
    CLOSED = enum.auto()


class TextRenderer(Renderer):
    """A renderer that prints the answer to stdout. Until the first fragment it shows a status line on stderr.

    Args:
        thinking: True to print the thinking to stderr; False to show "Thinking…" in the status line.
    """

    def __init__(self, *, thinking: bool) -> None:
        self._prints_thinking = thinking
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
        if self._answer and not self._answer.endswith("\n"):
            echo()

    def render(self, event: qwen_gradio.Event) -> None:
        if isinstance(event, qwen_gradio.Queued):
            self._update_status(format_queue(event))
        elif isinstance(event, qwen_gradio.Started):
            self._update_status("Waiting for the first words…")
        elif isinstance(event, qwen_gradio.Fragment) and event.kind == "answer":
            self._enter(_State.ANSWERING)
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
            self._status.update(text)

    def _print_answer(self, fragment: qwen_gradio.Fragment) -> None:
        """Print the new text, or the complete answer again if the fragment replaces words."""
        before, self._answer = self._answer, self._answer[: fragment.start] + fragment.text
        added = appended_text(before, self._answer)
        echo(f"\n{self._answer}" if added is None else added, nl=False)


def _status_line() -> Status | None:
    """Create a status line for stderr; return None if that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    return Console(stderr=True).status("Connecting…")

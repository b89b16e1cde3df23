"""What a terminal shows of what is drawn by rich."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyte
from rich.console import Console

HISTORY = 10_000  # lines


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def __init__(self, encoding: str) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding=encoding, errors="replace", newline="\n")

    def isatty(self) -> bool:
        return True


def draw(
    drawing: Callable[[Console], object], *, columns: int, rows: int = 24, encoding: str = "utf-8", color: bool = True
) -> str:
    """Give all that a drawing writes to a terminal."""
    stream = Terminal(encoding)
    console = Console(
        file=stream, width=columns, height=rows, color_system="truecolor" if color else None, legacy_windows=False
    )
    drawing(console)
    stream.flush()
    return stream.written.getvalue().decode(encoding)


def shown(written: str, *, columns: int, rows: int = 24) -> list[str]:
    """Give the lines that a terminal shows in the end, those that have left its screen included."""
    screen = pyte.HistoryScreen(columns, rows, history=HISTORY, ratio=0.5)
    screen.set_mode(pyte.modes.LNM)  # as a terminal's driver does, a new line begins at the left
    pyte.Stream(screen).feed(written)
    return lines_of(screen)


def lines_of(screen: pyte.HistoryScreen) -> list[str]:
    """Give a screen's lines, those that have left it included, without blanks at their ends."""
    history = ["".join(line[column].data for column in range(screen.columns)) for line in screen.history.top]
    lines = [line.rstrip() for line in (*history, *screen.display)]
    while lines and not lines[-1]:
        lines.pop()
    return lines

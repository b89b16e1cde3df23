"""Draws Markdown on a terminal as it streams: finished blocks for good, the open one live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import rich.markdown
from markdown_it.token import Token
from rich.console import Group
from rich.live import Live
from rich.padding import Padding
from rich.segment import Segment, SegmentLines
from rich.spinner import Spinner
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

import qwen_gradio

from .blocks import PARSER, Block, split_blocks
from .render import CONTROL_CHARACTERS, Renderer, format_queue

if TYPE_CHECKING:
    from rich.console import Console

Line = list[Segment]
CODE_THEME = "ansi_dark"  # the terminal's own colours, on its own background
MARGIN = 3  # rows of the screen below the open block: the status line, and the cursor's
TAB = "    "  # a tab while its line is live; for good it is printed as it is
DIM = Style(dim=True)
# What rich draws that an encoding other than UTF-8 may lack.
TO_ASCII = str.maketrans({"•": "*", "▌": "|", "─": "-"})


class _Markdown(rich.markdown.Markdown):
    """rich's Markdown, but with HTML, lines and the URLs of links and images as they are written."""

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme=CODE_THEME, hyperlinks=False)
        self.parsed = PARSER.parse(text)
        for token in self.parsed:
            token.children = token.children and [_as_page_shows(child) for child in token.children]


def _as_page_shows(token: Token) -> Token:
    """Replace an image, whose URL rich leaves out, by its name and URL; keep lines apart, as Gradio's page does."""
    if token.type == "image":
        return Token("text", "", 0, content=f"{token.content or 'image'} ({token.attrs['src']})")
    return Token("hardbreak", "br", 0) if token.type == "softbreak" else token


class GrowingMarkdown:
    """A growing Markdown text as lines, of which each is finished once, as soon as it won't change.

    Args:
        console: the terminal that they are for.
        style: the style of all of it.
    """

    def __init__(self, console: Console, style: Style | None = None) -> None:
        self._console = console
        self._style = style
        self._begin()

    def _begin(self) -> None:
        self._before = ""  # the text before the document's block, or the item, that the open block belongs to
        self._finished: list[Block] = []  # the blocks of that which are finished
        self._is_joined = True  # whether no blank line stands before it
        self._written: list[str] = []  # the lines of the open block that are finished

    def update(self, text: str) -> tuple[list[Line], list[Line]]:
        """Return the lines that are finished by the text so far, and the latest of the others that fit the screen.

        If words in finished lines are replaced, no other line is finished before `finish`.
        """
        blocks = self._split(text)
        if not blocks or self._is_replaced(text, blocks):
            return [], self._fitting(self._lines(blocks[-1])) if blocks else []
        finished = [line for block in blocks[len(self._finished) : -1] for line in self._finish_block(block)]
        self._advance(text, blocks)
        stable, others = self._split_open(blocks[-1])
        return finished + stable, others

    def finish(self, text: str) -> list[Line]:
        """Return the other lines of the complete text; all of its lines, if words in finished ones are replaced."""
        blocks = self._split(text)
        if self._is_replaced(text, blocks):
            self._begin()
            self._is_joined = False
            blocks = self._split(text)
        lines = [line for block in blocks[len(self._finished) :] for line in self._finish_block(block)]
        self._finished = blocks
        return lines

    def _split(self, text: str) -> list[Block]:
        blocks = split_blocks(text[len(self._before) :])
        return [replace(block, is_joined=self._is_joined) for block in blocks[:1]] + blocks[1:]

    def _is_replaced(self, text: str, blocks: Sequence[Block]) -> bool:
        return not text.startswith(self._before) or list(blocks[: len(self._finished)]) != self._finished

    def _advance(self, text: str, blocks: Sequence[Block]) -> None:
        """Go on to the last block, which is open."""
        line = blocks[-1].line
        belonging = [block for block in blocks if block.line == line]
        start = len(self._before)
        for _ in range(line):
            start = text.index("\n", start) + 1
        self._before = text[:start]
        self._is_joined = belonging[0].is_joined
        self._finished = [replace(block, line=0) for block in belonging[:-1]]

    def _split_open(self, block: Block) -> tuple[list[Line], list[Line]]:
        """Split the lines of the open block: those that won't change or don't fit the screen, and the others."""
        lines, finished = self._lines(block), list[Line]()
        stable = len(lines) - (1 if block.is_code else self._room)
        if stable > len(self._written) and self._continues(lines):
            finished = self._after_written(block, lines[:stable])
            self._written = [_text(line) for line in lines[:stable]]
        return finished, self._fitting(self._after_written(block, lines))

    def _finish_block(self, block: Block) -> list[Line]:
        lines = self._lines(block)
        if not self._continues(lines):  # as a table's columns get wider with a later row
            self._written = []
        finished = self._after_written(block, lines)
        self._written = []
        return finished

    def _continues(self, lines: Sequence[Line]) -> bool:
        return [_text(line) for line in lines[: len(self._written)]] == self._written

    def _after_written(self, block: Block, lines: Sequence[Line]) -> list[Line]:
        """Return the lines after the finished ones, with a blank one before the block's first."""
        gap: list[Line] = [] if block.is_joined or self._written else [[]]
        return [*gap, *lines[len(self._written) :]]

    @property
    def _room(self) -> int:
        return max(1, self._console.height - MARGIN)

    def _fitting(self, lines: Sequence[Line]) -> list[Line]:
        width = self._console.width
        untabbed = ([one._replace(text=one.text.replace("\t", TAB)) for one in line] for line in lines[-self._room :])
        return [Segment.adjust_line_length(line, width, pad=False) for line in untabbed]

    def _lines(self, block: Block) -> list[Line]:
        lines = self._code_lines(block) if block.is_code else self._markdown_lines(block)
        if not self._console.encoding.startswith("utf"):
            lines = [[one._replace(text=one.text.translate(TO_ASCII)) for one in line] for line in lines]
        return [list(Segment.apply_style(line, self._style)) for line in lines]

    def _code_lines(self, block: Block) -> list[Line]:
        """Highlight code; its lines are as long as they are, so that they are copied as they are."""
        syntax = Syntax("", block.language or "text", theme=CODE_THEME, tab_size=0)
        text = syntax.highlight(block.text.removesuffix("\n"))
        text.rstrip()
        return [list(line.render(self._console)) for line in text.split("\n", allow_blank=True)]

    def _markdown_lines(self, block: Block) -> list[Line]:
        options = self._console.options.update(width=self._console.width)
        renderable = Padding(_Markdown(block.text), (0, 0, 0, block.indent))
        lines = [_rstrip(line) for line in self._console.render_lines(renderable, options, pad=False)]
        filled = [number for number, line in enumerate(lines) if line]
        return lines[filled[0] : filled[-1] + 1] if filled else []


def _text(line: Line) -> str:
    return "".join(segment.text for segment in line)


def _rstrip(line: Line) -> Line:
    """Leave out the spaces with which rich fills a line."""
    line = list(line)
    while line and not line[-1].text.strip():
        line.pop()
    return [*line[:-1], line[-1]._replace(text=line[-1].text.rstrip())] if line else line


class MarkdownRenderer(Renderer):
    """A renderer that draws the answer as Markdown, and a status line below it. `refresh` draws what is new.

    Args:
        console: the terminal.
        thinking: True to draw the thinking, too.
    """

    def __init__(self, console: Console, *, thinking: bool) -> None:
        self._console = console
        self._shown = Group()  # what is live
        self._live = Live(
            self, console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._kinds = ("thinking", "answer") if thinking else ("answer",)
        self._texts = dict.fromkeys(self._kinds, "")
        self._printed: dict[str, str] = {}  # of each kind's text, what was followed by the other kind
        self._markdown: dict[str, GrowingMarkdown] = {}
        for kind in self._kinds:
            self._begin_anew(kind)
        self._drawn: str | None = None  # the kind of the text that is drawn
        self._status = "Connecting"
        self._spinner = Spinner("dots" if console.encoding.startswith("utf") else "line")
        self._started = time.monotonic()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._drawn or 'waiting'}>"

    def __enter__(self) -> MarkdownRenderer:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._drawn is not None:
                self._finish(self._drawn)
        finally:  # else the cursor stays hidden
            self._shown = Group()
            self._live.stop()

    def render(self, event: qwen_gradio.Event) -> None:
        if isinstance(event, qwen_gradio.Queued):
            self._status = format_queue(event)
        elif isinstance(event, qwen_gradio.Started):
            self._status = "Waiting for the first words"
        elif isinstance(event, qwen_gradio.Fragment):
            self._status = "" if event.kind == "answer" else "Thinking"
            self._add(event)

    def _add(self, fragment: qwen_gradio.Fragment) -> None:
        if fragment.kind not in self._kinds:
            return
        if self._drawn is not None and self._drawn != fragment.kind:
            self._finish(self._drawn)
            self._begin_anew(self._drawn)
            self._console.print()
        self._drawn = fragment.kind
        self._texts[fragment.kind] = self._texts[fragment.kind][: fragment.start] + fragment.text

    def _begin_anew(self, kind: str) -> None:
        """Let what comes of that kind's text begin after what is printed of it."""
        self._printed[kind] = self._texts[kind].rstrip()
        self._markdown[kind] = GrowingMarkdown(self._console, DIM if kind == "thinking" else None)

    def refresh(self) -> None:
        """Draw what is new, and the status line."""
        finished, others = list[Line](), list[Line]()
        if self._drawn is not None:
            finished, others = self._markdown[self._drawn].update(self._visible(self._drawn))
        self._shown = Group(SegmentLines(others, new_lines=True), self._status_line())
        if finished:
            self._print(finished)
        else:
            self._live.refresh()

    def __rich__(self) -> Group:
        """Return what is live, for rich: as it is asked each time, lines that are finished move in one drawing."""
        return self._shown

    def _finish(self, kind: str) -> None:
        self._shown = Group()
        self._print(self._markdown[kind].finish(self._visible(kind)))

    def _print(self, lines: Sequence[Line]) -> None:
        """Print lines for good, above what is live."""
        if lines:
            self._console.print(SegmentLines(lines, new_lines=True), end="", soft_wrap=True)

    def _visible(self, kind: str) -> str:
        return CONTROL_CHARACTERS.sub("", self._texts[kind].removeprefix(self._printed[kind]))

    def _status_line(self) -> Text:
        seconds = time.monotonic() - self._started
        frame = self._spinner.render(self._console.get_time())
        status = " ".join(filter(None, [self._status, f"{seconds:.0f} s"]))
        return Text.assemble(str(frame), " ", (status, "dim"), no_wrap=True, overflow="crop")

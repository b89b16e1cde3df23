"""Splits Markdown into blocks, so that those before the last are finished while the text grows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

ITEM_INDENT = 3  # columns that rich indents an item's text by

# Without HTML and definitions of links, which rich leaves out: they stay as they were written.
PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")


@dataclass(frozen=True)
class Block:
    """A part of a Markdown text: a block of the document, or of an item of a list.

    Attributes:
        line: the number of the line where the document's block, or the item, begins.
        text: its Markdown; of a code block, its code.
        language: the language of a code block, which may be `""`; None for other blocks.
        indent: columns that it is indented by.
        is_joined: True if no blank line stands before it.
    """

    line: int
    text: str
    language: str | None = None
    indent: int = 0
    is_joined: bool = False

    @property
    def is_code(self) -> bool:
        """True if it is code."""
        return self.language is not None


def split_blocks(text: str) -> list[Block]:
    """Split a Markdown text. Code in an item of a list is a block of its own, so that it isn't indented.

    Only the last block changes while the text grows.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    return [block for tokens in _nodes(PARSER.parse(text), level=0) for block in _split_node(tokens, lines)]


def _nodes(tokens: Sequence[Token], level: int) -> Iterator[list[Token]]:
    """Group tokens by the node of that level that they belong to."""
    node: list[Token] = []
    for token in tokens:
        node.append(token)
        if token.level == level and token.nesting <= 0:
            yield node
            node = []


def _split_node(tokens: Sequence[Token], lines: Sequence[str]) -> Iterator[Block]:
    node = tokens[0]
    start, end = node.map or (0, 0)
    if node.type in ("fence", "code_block"):
        yield _code_block(node, start)
    elif node.type in ("bullet_list_open", "ordered_list_open"):
        for number, item in enumerate(_nodes(tokens[1:-1], level=1)):
            yield from _split_item(item, lines, is_first=number == 0)
    else:
        yield Block(start, "".join(lines[start:end]))


def _split_item(tokens: Sequence[Token], lines: Sequence[str], *, is_first: bool) -> Iterator[Block]:
    """Split an item of a list at its code."""
    item = tokens[0]
    start, end = item.map or (0, 0)
    marker, at = f"{item.info}{item.markup} &nbsp;", start  # of an item that begins with code
    for code in (token for token in tokens if token.type == "fence" and token.level == item.level + 1):
        code_start, code_end = code.map or (end, end)
        yield from _item_text(lines[at:code_start] or [marker] * (at == start), start, at, is_first=is_first)
        yield _code_block(code, start, is_joined=True)
        at = code_end
    yield from _item_text(lines[at:end], start, at, is_first=is_first)


def _item_text(lines: Sequence[str], start: int, at: int, *, is_first: bool) -> Iterator[Block]:
    """Yield the block of an item's lines: the first has its marker, others are indented as their first line is."""
    text = "".join(lines)
    if at == start:
        yield Block(start, text, is_joined=not is_first)
    elif text.strip():
        yield Block(start, textwrap.dedent(text), indent=ITEM_INDENT, is_joined=True)


def _code_block(token: Token, line: int, *, is_joined: bool = False) -> Block:
    return Block(line, token.content, language=(token.info.split() or [""])[0], is_joined=is_joined)

"""Markdown in blocks: which there are, and which of them change while the text grows."""

from __future__ import annotations

import pytest

from qwen_gradio.cli.blocks import Block, split_blocks


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", []),
        ("one\n\ntwo", [Block(0, "one\n"), Block(2, "two\n")]),
        ("- a\n- b", [Block(0, "- a\n"), Block(1, "- b\n", is_joined=True)]),
        ("3. a\n\n4. b\n   - c", [Block(0, "3. a\n\n"), Block(2, "4. b\n   - c\n", is_joined=True)]),
        ("```sh\nls\n```\nso", [Block(0, "ls\n", language="sh"), Block(3, "so\n")]),
        ("```\nopen", [Block(0, "open", language="")]),
        ("    code\n", [Block(0, "code\n", language="")]),
    ],
)
def test_split_blocks_separates_items_and_code(text: str, blocks: list[Block]) -> None:
    assert split_blocks(text) == blocks


def test_split_blocks_code_in_an_item_is_not_indented() -> None:
    assert split_blocks("1. Run:\n   ```sh\n   ls\n   \tx\n   ```\n   then\n2. ```py\n   1\n   ```") == [
        Block(0, "1. Run:\n"),
        Block(0, "ls\n\tx\n", language="sh", is_joined=True),
        Block(0, "then\n", indent=3, is_joined=True),
        Block(6, "2. &nbsp;", is_joined=True),
        Block(6, "1\n", language="py", is_joined=True),
    ]


def test_split_blocks_definition_of_a_link_is_text() -> None:
    assert split_blocks("see [a][1]\n\n[1]: http://x") == [Block(0, "see [a][1]\n"), Block(2, "[1]: http://x\n")]


def test_split_blocks_lines_are_counted_as_the_parser_counts_them() -> None:
    assert split_blocks("a\u2028b\n\nc") == [Block(0, "a\u2028b\n"), Block(2, "c\n")]

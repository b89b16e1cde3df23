"""Draws the picture of a chat that the README shows: `python -m tests.cli.picture` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

from rich.console import Console

from qwen_gradio import Fragment
from qwen_gradio.cli.markdown import MarkdownRenderer
from qwen_gradio.cli.terminal import PROMPT

from .drawn import Terminal

PICTURE = Path(__file__).with_name("chat.svg")
COLUMNS = 76
QUESTION = "How do I reverse a list in Python?"
ANSWER = """\
There are **two** ways, and they differ in what they leave behind:

1. `list.reverse()` reverses the list *itself*:
   ```python
   numbers = [1, 2, 3]
   numbers.reverse()  # now it is [3, 2, 1]
   ```
2. `reversed()` leaves it as it is, and takes its items from the end:
   ```python
   for number in reversed(numbers):
       print(number)
   ```

| | changes the list | copies it |
|---|---|---|
| `numbers.reverse()` | yes | no |
| `numbers[::-1]` | no | yes |
"""


def draw_picture() -> str:
    """Give the SVG of a chat: how this answer, which is written here, is drawn."""
    console = Console(
        file=Terminal("utf-8"), record=True, width=COLUMNS, height=50, color_system="truecolor", legacy_windows=False
    )
    console.print(f"{PROMPT}{QUESTION}", highlight=False)
    with MarkdownRenderer(console, thinking=False) as renderer:
        renderer.render(Fragment(ANSWER, 0))
    console.print(f"\n{PROMPT}", highlight=False)
    svg = console.export_svg(title="qwen-gradio chat", unique_id="chat")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # which would fetch a font from another host


if __name__ == "__main__":
    PICTURE.write_text(draw_picture())

"""Markdown that is drawn as it streams: on the screen stands in the end what stands there if it comes at once."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from qwen_gradio import Event, Finished, Fragment, Queued, Started
from qwen_gradio.cli.markdown import GrowingMarkdown, MarkdownRenderer

from .drawn import draw, shown
from .picture import PICTURE, draw_picture

PARTS = [
    "# A title\n\n",
    "Some **bold** words, `code` and a List<String>, and so on until the line is full, and then some more.\n\n",
    "漢字かな交じり文は二倍の幅で、狭い端末でも正しく折り返されます。한국어도 마찬가지입니다. 😀😀😀\n\n",
    "- one\n- two\n  - inner\n\n- three\n\n",
    "9. nine\n10. ten\n    ```sh\n    echo 10\n    ```\n    after\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| a longer cell | 漢字 |\n\n",
    "> quoted\n> twice\n\n",
    "```python\ndef f(argument_one, argument_two, argument_three):\n\treturn '''\n" + "text\n" * 12 + "'''\n```\n\n",
    "".join(f"{n}. item\n" for n in range(1, 40)) + "\n",
    "word " * 200 + "\n\n",
    "---\n",
    "A\nB\n===\n\n",
]


def stream(text: str, cuts: Iterable[int], *, refresh: bool = True) -> Callable[[Console], None]:
    """A drawing of an answer that comes in the pieces that it is cut into."""

    def drawing(console: Console) -> None:
        with MarkdownRenderer(console, thinking=False) as renderer:
            start = 0
            for end in (*sorted(cuts), len(text)):
                renderer.render(Fragment(text[start:end], start))
                start = end
                if refresh:
                    renderer.refresh()

    return drawing


def draw_events(*events: Event, columns: int = 100, thinking: bool = False, encoding: str = "utf-8") -> str:
    def drawing(console: Console) -> None:
        with MarkdownRenderer(console, thinking=thinking) as renderer:
            for event in events:
                renderer.render(event)
                renderer.refresh()

    return draw(drawing, columns=columns, encoding=encoding)


def show(text: str, *, columns: int = 100) -> list[str]:
    return shown(draw(stream(text, []), columns=columns), columns=columns)


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4), st.randoms(), st.sampled_from([20, 40, 100]))
def test_markdown_in_pieces_shows_what_it_shows_at_once(parts: list[str], rng: random.Random, columns: int) -> None:
    text = "".join(parts)
    cuts = rng.sample(range(len(text)), min(len(text) - 1, 15))
    at_once = shown(draw(stream(text, [], refresh=False), columns=columns, rows=12), columns=columns, rows=12)
    assert shown(draw(stream(text, cuts), columns=columns, rows=12), columns=columns, rows=12) == at_once


@pytest.mark.parametrize("columns", [20, 40, 100])
def test_markdown_reply_longer_than_the_screen_loses_no_line(columns: int) -> None:
    text = "".join(f"Line {number} of it.\n\n" for number in range(100))
    drawn = draw(stream(text, range(0, len(text), 7)), columns=columns, rows=10)
    lines = [line for line in shown(drawn, columns=columns, rows=10) if line]
    assert lines == [f"Line {number} of it." for number in range(100)]


def test_markdown_finished_lines_are_written_once() -> None:
    """What is finished isn't drawn again, so that it can't flicker."""
    text = "First.\n\n" + "word " * 50
    drawn = draw(stream(text, range(6, len(text), 10)), columns=40)
    final = draw(stream(text, []), columns=40)
    assert drawn.count("First.") - final.count("First.") <= 1  # once live, and then for good


CODE = 'if x:\n\tprint("' + "long " * 30 + '")\n\n    # 漢字'


def test_markdown_code_is_written_as_it_is() -> None:
    """Tabs, blanks and long lines: what is selected on the terminal can be run."""
    text = f"So:\n\n```python\n{CODE}\n```\n"
    at_once, in_pieces = (
        re.sub("\x1b\\[[0-9;?]*[A-Za-z]|\r", "", draw(drawing, columns=40, color=False))
        for drawing in (stream(text, [], refresh=False), stream(text, range(0, len(text), 9)))
    )
    assert f"\n{CODE}\n" in at_once
    assert all(f"{line}\n" in in_pieces for line in CODE.splitlines())


@pytest.mark.parametrize("columns", [20, 40, 100])
def test_markdown_no_line_but_code_is_wider_than_the_terminal(columns: int) -> None:
    text = "".join(part for part in PARTS if "```" not in part)
    written = draw(stream(text, []), columns=columns, color=False)
    lines = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", written).replace("\r", "\n").splitlines()
    assert max(map(cell_len, lines)) <= columns


def test_markdown_html_images_links_and_lines_are_kept() -> None:
    assert show("A <b>List<String></b>\n![plot](/file=p.png) [site](http://a.b)") == [
        "A <b>List<String></b>",
        "plot (/file=p.png) site (http://a.b)",
    ]


def test_markdown_reference_and_its_definition_are_kept() -> None:
    assert show("see [a][1]\n\n[1]: http://x") == ["see [a][1]", "", "[1]: http://x"]


def test_markdown_code_in_an_item_is_flush_left() -> None:
    assert show("1. Run:\n   ```sh\n   ls\n   ```\n   then") == [" 1 Run:", "ls", "   then"]


def test_markdown_table_that_gets_wider_is_shown_whole() -> None:
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 30 + "| a wide cell | 2 |\n"
    drawn = draw(stream(table, range(0, len(table), 5)), columns=40, rows=10)
    lines = shown(drawn, columns=40, rows=10)
    assert lines[-31:] == show(table, columns=40)[-31:]


def test_markdown_words_that_are_replaced_are_shown_anew() -> None:
    events = (Fragment("Wrnog.\n\nNext.", 0), Fragment("Wrong.\n\nNext. More.", 0), Finished("Wrong.\n\nNext. More."))
    assert shown(draw_events(*events), columns=100) == ["Wrnog.", "", "Wrong.", "", "Next. More."]


def test_markdown_last_block_that_is_replaced_is_shown_once() -> None:
    events = (Fragment("Right.\n\nNxet", 0), Fragment("ext.", 9))
    assert shown(draw_events(*events), columns=100) == ["Right.", "", "Next."]


def test_markdown_control_characters_are_removed() -> None:
    drawn = draw_events(Fragment("a\x1b]0;b\x07c\u202e\x9b2J", 0))
    assert "a]0;bc2J" in drawn
    assert not {"\x07", "\u202e", "\x9b"} & {*drawn}


def test_markdown_thinking_is_shown_before_the_answer_if_asked_for() -> None:
    events = (Fragment("Hm, so", 0, "thinking"), Fragment("Yes.", 0), Finished("Yes.", "Hm, so"))
    assert shown(draw_events(*events, thinking=True), columns=100) == ["Hm, so", "", "Yes."]
    assert shown(draw_events(*events), columns=100) == ["Yes."]


def test_markdown_thinking_between_parts_of_the_answer_repeats_neither() -> None:
    events = (
        Fragment("Hm.", 0, "thinking"),
        Fragment("Yes.\n\n", 0),
        Fragment("\n\nOr?", 3, "thinking"),
        Fragment("No", 6),
        Fragment("w.", 8),
        Finished("Yes.\n\nNow.", "Hm.\n\nOr?"),
    )
    assert shown(draw_events(*events, thinking=True), columns=100) == ["Hm.", "", "Yes.", "", "Or?", "", "Now."]
    assert shown(draw_events(*events), columns=100) == ["Yes.", "", "Now."]


def test_markdown_drawing_that_fails_shows_the_cursor_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    def drawing(console: Console) -> None:
        renderer = MarkdownRenderer(console, thinking=False)
        renderer.render(Fragment("x", 0))
        with pytest.raises(RecursionError), renderer:
            pass

    monkeypatch.setattr(GrowingMarkdown, "finish", fail)
    written = draw(drawing, columns=40)
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_markdown_status_line_is_shown_until_the_end() -> None:
    drawn = draw_events(Queued(2, 7, 12), Started(), Fragment("x", 0, "thinking"), Fragment("Yes.", 0), columns=60)
    for status in ("In the queue: 2 of 7, about 12 s 0 s", "Waiting for the first words 0 s", "Thinking 0 s"):
        assert status in drawn
    assert shown(drawn, columns=60) == ["Yes."]


def test_markdown_status_line_is_cut_on_a_narrow_terminal() -> None:
    assert shown(draw_events(Queued(12, 70, 1200), Fragment("Yes.", 0), columns=20), columns=20) == ["Yes."]


def test_markdown_latin_1_has_question_marks_for_what_it_lacks() -> None:
    drawn = draw_events(Fragment("- é 漢\n\n> q", 0), encoding="latin-1")
    assert shown(drawn, columns=100) == [" * é ?", "", "| q"]


def test_markdown_without_color_has_no_color() -> None:
    written = draw(stream("`x`\n\n```python\ndef f(): 1\n```", []), columns=40, color=False)
    assert not re.search("\x1b\\[[0-9;]*3[0-9]", written)


def test_markdown_no_words_leave_the_screen_as_it_was() -> None:
    assert shown(draw_events(Started()), columns=100) == []


def test_markdown_picture_of_a_chat_is_what_is_drawn() -> None:
    assert PICTURE.read_text() == draw_picture(), "python -m tests.cli.picture draws it anew"
    assert not re.search(r"url\((?!#)|@import|href", draw_picture()), "it fetches nothing"

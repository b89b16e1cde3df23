"""Thinking between tags in a text that grows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio.text.thinking import DEFAULT_TAGS, ThinkingTags, parse_tags

FENCE = "```\n<think>\n```\n"


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("a", "a", ""),
        ("<think>hm</think>a", "a", "hm"),
        (" \n<think>\nhm\n</think>\n\na", "a", "hm"),
        ("  a", "  a", ""),
        ("<think>\n\n</think>\n\na", "a", ""),
        ("a<think>hm</think>b", "a\n\nb", "hm"),
        ("a\n<think>hm</think> b", "a\n\nb", "hm"),
        ("a\n\n\n<think>hm</think>\nb", "a\n\n\nb", "hm"),
        ("a<think>b</think> <thinking>c</thinking>d", "a\n\nd", "b\n\nc"),
        ("<think>a", "", "a"),
        ("a<think>b<think>c</thinking></think>d", "a\n\nd", "b<think>c</thinking>"),
        ("</think>a", "</think>a", ""),
        ("`<think>` a", "`<think>` a", ""),
        ("``a`<think>`` b", "``a`<think>`` b", ""),
        ("`a` <think>b</think>", "`a` ", "b"),
        ("an odd ` here\n<think>a</think>", "an odd ` here\n", "a"),
        (r"\`<think>a</think>", r"\`", "a"),
        (r"\<think>a</think>", r"\<think>a</think>", ""),
        (FENCE, FENCE, ""),
        (FENCE + "<think>a</think>", FENCE, "a"),
        ("~~~~ <think>\n~~~\n```\n<think>\n~~~~~\n<think>a</think>", "~~~~ <think>\n~~~\n```\n<think>\n~~~~~\n", "a"),
        ("> - a\n>   ```\n>   <think>\n", "> - a\n>   ```\n>   <think>\n", ""),
        ("```<think>```\n<think>a</think>", "```<think>```\n", "a"),
        ("<think>```</think>a<think>b</think>", "a", "```\n\nb"),
        ("<think>a</think>" + FENCE + "<think>b</think>", FENCE, "a\n\nb"),
        ("", "", ""),
    ],
)
def test_thinking_is_every_block_outside_code(text: str, answer: str, thinking: str) -> None:
    assert DEFAULT_TAGS.split(text, whole=True) == (answer, thinking)


@pytest.mark.parametrize("end", ["<", "<thin", "<think", "<thinking"])
def test_thinking_start_of_an_opening_tag_is_withheld_while_text_grows(end: str) -> None:
    for before in ("", "a\n", "a<think>b</think>c "):
        assert DEFAULT_TAGS.split(before + end, whole=False) == DEFAULT_TAGS.split(before, whole=False)
        assert DEFAULT_TAGS.split(before + end, whole=True)[0].endswith(end)


@pytest.mark.parametrize("end", ["<", "</thin", "</think"])
def test_thinking_start_of_a_closing_tag_is_withheld_while_text_grows(end: str) -> None:
    assert DEFAULT_TAGS.split(f"a<think>b{end}", whole=False) == ("a", "b")
    assert DEFAULT_TAGS.split(f"a<think>b{end}", whole=True) == ("a", f"b{end}")


@pytest.mark.parametrize(
    "published", [None, [], "text", [["<think>"]], [["", ""]], [[1, 2]], [["<think>", "</think>"]]]
)
def test_thinking_tags_not_published_are_the_defaults(published: object) -> None:
    assert parse_tags(published) is DEFAULT_TAGS


def test_thinking_published_tags_are_added_to_the_defaults() -> None:
    tags = parse_tags([["[r]", "[/r]"], ["<reason>", "</reason>"], ["<think>", "?"]])
    text = "[r]a[/r]b<reason>c</reason>d<think>e</think>f"
    assert tags.split(text, whole=True) == ("b\n\nd\n\nf", "a\n\nc\n\ne")
    assert tags.split("a[", whole=False) == ("a", "")
    assert tags.split("[r]a[/", whole=False) == ("", "a")
    assert DEFAULT_TAGS.split("[r]a[/r]b", whole=True) == ("[r]a[/r]b", "")


TAGS = parse_tags([["[r]", "[/r]"]])
WORDS = st.sampled_from(["a", "b c", " ", "\n", "\n\n", "<", "< b", "</", "[", "<b>", "th", "  - d\n"])
BLOCK = st.sampled_from([("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[r]", "[/r]")])
CODE = ["`", "``", "```", "\n```\n", "~~~\n", "\\", "`<think>`"]
PIECES = st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "[r]", "[/r]"])


def without_blanks(*texts: str) -> str:
    return "".join("".join(texts).split())


@given(st.lists(st.tuples(st.lists(WORDS).map("".join), BLOCK, st.lists(WORDS).map("".join))), st.lists(WORDS))
def test_thinking_of_a_whole_text_is_what_is_in_blocks(
    blocks: list[tuple[str, tuple[str, str], str]], rest: list[str]
) -> None:
    outside = [before for before, _, _ in blocks]
    inside = [thought for _, _, thought in blocks]
    text = "".join(f"{before}{opening}{thought}{closing}" for before, (opening, closing), thought in blocks)
    answer, thinking = TAGS.split(text + "".join(rest), whole=True)
    assert without_blanks(answer) == without_blanks(*outside, *rest)
    assert without_blanks(thinking) == without_blanks(*inside)


@given(
    st.lists(WORDS | PIECES | st.sampled_from(CODE), max_size=12).map("".join), st.sampled_from([TAGS, DEFAULT_TAGS])
)
def test_thinking_of_a_growing_text_only_grows(text: str, tags: ThinkingTags) -> None:
    snapshots = [tags.split(text[:length], whole=False) for length in range(len(text) + 1)]
    for (answer, thinking), (later_answer, later_thinking) in itertools.pairwise(
        [*snapshots, tags.split(text, whole=True)]
    ):
        assert later_answer.startswith(answer)
        assert later_thinking.startswith(thinking)

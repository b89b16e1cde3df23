"""Files and components as Markdown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio.text.components import MAX_ROWS, MAX_URL, as_markdown

FILE = {
    "path": "/srv/gradio/1/a b.txt",
    "url": "http://x/file=/srv/gradio/1/a b.txt",
    "meta": {"_type": "gradio.FileData"},
}
FILE_URL = "http://x/file=/srv/gradio/1/a%20b.txt"
DATA = "data:image/svg+xml,%3Csvg/%3E"
IMAGE = {"path": "/srv/1/cat", "url": "http://x/file=/srv/1/cat", "mime_type": "image/png", "orig_name": "cat"}


@pytest.mark.parametrize(
    ("content", "markdown"),
    [
        (FILE, "[a b.txt](http://x/file=/srv/gradio/1/a%20b.txt)"),
        ({"file": FILE, "alt_text": None}, "[a b.txt](http://x/file=/srv/gradio/1/a%20b.txt)"),
        ({"type": "file", "file": IMAGE, "alt_text": "my [cat]"}, r"![my \[cat\]](http://x/file=/srv/1/cat)"),
        ({"path": "pictures/cat.JPG"}, "![cat.JPG](pictures/cat.JPG)"),
        ({"path": r"C:\pictures\cat.txt"}, "[cat.txt](C:%5Cpictures%5Ccat.txt)"),
        ({"url": "http://[x"}, "[file](http://%5Bx)"),
        ({"component": "image", "value": IMAGE}, "![cat](http://x/file=/srv/1/cat)"),
        (
            {"component": "gallery", "value": [{"image": IMAGE}, {"image": IMAGE}]},
            "![cat](http://x/file=/srv/1/cat)\n\n" * 2,
        ),
        ({"component": "html", "value": "<b>a</b>"}, "<b>a</b>"),
        ({"component": "code", "value": "x = 1"}, "```\nx = 1\n```"),
        ({"component": "number", "value": 2.5}, "2.5"),
        (
            {"component": "dataframe", "value": {"headers": ["n"], "data": [["a|b"], [None]]}},
            "| n |\n| --- |\n| a\\|b |\n| None |",
        ),
        (
            {"component": "dataframe", "value": {"headers": ["n"], "data": [[1]] * (MAX_ROWS + 1)}},
            "| n |\n| --- |\n" + "| 1 |\n" * MAX_ROWS + "\n… and 1 more rows",
        ),
        ({"component": "dataframe", "value": {"headers": [], "data": []}}, "[dataframe]"),
        ({"component": "code", "value": "```\nx\n```"}, "````\n```\nx\n```\n````"),
        ({"component": "json", "value": {"a": ["ö"]}}, '```\n{\n  "a": [\n    "ö"\n  ]\n}\n```'),
        (
            {"component": "label", "value": {"label": "b", "confidences": [{"label": "b", "confidence": 0.9}]}},
            "- b: 90%",
        ),
        ({"component": "label", "value": {"label": "b", "confidences": None}}, "b"),
        (
            {"component": "highlightedtext", "value": [{"token": "a ", "class_or_confidence": None}, {"token": "b"}]},
            "a b",
        ),
        ({"component": "gallery", "value": [{"image": IMAGE, "caption": "c"}]}, "![c](http://x/file=/srv/1/cat)"),
        ({"component": "video", "value": {"video": FILE, "subtitles": None}}, f"[a b.txt]({FILE_URL})"),
        ({"component": "image", "value": {"path": None, "url": DATA, "orig_name": "a.svg"}}, f"![a.svg]({DATA})"),
        ({"url": DATA + "0" * MAX_URL, "orig_name": "a.svg"}, "[a.svg]"),
        ({"url": DATA}, f"[file]({DATA})"),
        ({"type": "audio"}, "[audio]"),
        ({"component": "plot", "value": {"type": "plotly", "plot": "{}"}}, "[plot]"),
        ({"component": "video", "value": None}, "[video]"),
        ({}, None),
        ({"file": "x"}, None),
        ({"component": 5}, None),
    ],
)
def test_component_is_formatted_as_markdown(content: dict[str, Any], markdown: str | None) -> None:
    assert as_markdown(content) == (markdown.strip() if markdown else markdown)


KEYS = st.sampled_from(
    ["file", "path", "url", "component", "value", "alt_text", "mime_type", "headers", "data", "orig_name"]
)
JSON = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["html", "dataframe", "image/png", "http://[", "code"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_fuzz_component_gives_text_or_none(content: dict[str, Any]) -> None:
    assert isinstance(as_markdown(content), str | None)

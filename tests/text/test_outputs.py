"""The values of output components other than a Chatbot, as Gradio 4.44 to 6 publish them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio.text.chatbot import Snapshot
from qwen_gradio.text.outputs import NAMED, parse_contents, parse_output
from qwen_gradio.text.thinking import parse_tags

FILE: dict[str, Any] = {
    "path": "/srv/1/a.txt",
    "url": "http://x/file=/srv/1/a.txt",
    "orig_name": "a.txt",
    "mime_type": None,
    "meta": {"_type": "gradio.FileData"},
}
IMAGE = {**FILE, "mime_type": "image/png"}
LINK = "[a.txt](http://x/file=/srv/1/a.txt)"
CONFIDENCES = [{"label": "cat", "confidence": 0.9}, {"label": "dog", "confidence": 0.1}]
TOKENS = [{"token": "I saw a ", "class_or_confidence": None}, {"token": "cat", "class_or_confidence": "animal"}]


@pytest.mark.parametrize(
    ("component_type", "value", "text"),
    [
        ("textbox", "a", "a"),
        ("textbox", None, ""),
        ("textbox", ["a", {"role": "assistant", "content": "b"}], "a\n\nb"),
        ("textbox", "<gradio.components.image.Image object at 0x7f00aa>", "[image]"),
        ("textbox", "(<gradio.components.plot.Plot object at 0x7f00aa>, 'a')", "([plot], 'a')"),
        ("json", ["a", "<gradio.components.html.HTML object at 0x7f00aa>"], "a\n\n[html]"),
        (
            "json",
            {"role": "assistant", "content": ["a ", "<gradio.components.number.Number object at 0x7f00aa>"]},
            "a [number]",
        ),
        ("markdown", "*a*", "*a*"),
        ("html", "<b>a</b>", "<b>a</b>"),
        ("multimodaltextbox", {"text": "a", "files": [FILE]}, f"a\n\n{LINK}"),
        ("code", "x = '<think>'", "x = '<think>'"),
        ("number", 3, "3"),
        ("slider", 2.5, "2.5"),
        ("checkbox", False, "False"),
        ("radio", "a", "a"),
        ("checkboxgroup", ["a", "b"], "a, b"),
        ("label", {"label": "cat", "confidences": CONFIDENCES}, "- cat: 90%\n- dog: 10%"),
        ("label", {"label": "cat", "confidences": None}, "cat"),
        ("label", {"label": "cat", "confidences": [{"label": "cat", "confidence": 10**400}]}, "- cat"),
        ("highlightedtext", TOKENS, "I saw a cat [animal]"),
        ("image", IMAGE, f"!{LINK}"),
        ("image", "pictures/a.png", "![a.png](pictures/a.png)"),
        ("file", [FILE, FILE], f"{LINK}\n\n{LINK}"),
        ("audio", FILE, LINK),
        ("video", {"video": FILE, "subtitles": None}, LINK),
        ("gallery", [{"image": IMAGE, "caption": "c"}, {"video": FILE, "caption": None}], f"![c]{LINK[7:]}\n\n{LINK}"),
        ("gallery", [], ""),
        ("imageslider", [IMAGE, IMAGE], f"!{LINK}\n\n!{LINK}"),
        ("annotatedimage", {"image": IMAGE, "annotations": []}, f"!{LINK}"),
        ("dataframe", {"headers": ["n"], "data": [[1]], "metadata": None}, "| n |\n| --- |\n| 1 |"),
        ("dataframe", {"headers": [], "data": []}, "[dataframe]"),
        ("plot", {"type": "plotly", "plot": "{}"}, "[plot]"),
        ("json", "a", "a"),
        ("json", {"a": "ö"}, '{\n  "a": "ö"\n}'),
        ("json", [3], "[\n  3\n]"),
        ("json", [], "[]"),
        ("json", True, "true"),
        ("json", {"text": "a", "score": 1}, '{\n  "text": "a",\n  "score": 1\n}'),
        ("json", {"url": "x"}, '{\n  "url": "x"\n}'),
        ("json", {"text": "a", "files": [FILE]}, f"a\n\n{LINK}"),
        ("json", {"role": "assistant", "content": "a"}, "a"),
        ("json", ["a", FILE, {"component": "plot", "value": None}], f"a\n\n{LINK}\n\n[plot]"),
        ("customtext", "a", "a"),
        ("customtext", {"text": "a", "label": "b"}, "a"),
    ],
)
def test_output_of_any_component_is_read(component_type: str, value: object, text: str) -> None:
    assert parse_output(component_type, value) == Snapshot(text)


@pytest.mark.parametrize(
    ("component_type", "value"),
    [("textbox", 3), ("textbox", []), ("textbox", [3]), ("markdown", {}), ("custom", {"a": 1}), ("custom", [[3]])],
)
def test_output_of_unknown_form_gives_none(component_type: str, value: object) -> None:
    assert parse_output(component_type, value) is None


@pytest.mark.parametrize("component_type", ["textbox", "json", "markdown", "html", "custom"])
def test_output_thinking_is_separated_from_answer(component_type: str) -> None:
    tags = parse_tags([["[r]", "[/r]"]])
    assert parse_output(component_type, "[r]hm[/r]a<think>hm</think><", tags=tags) == Snapshot("a", "hm\n\nhm")
    assert parse_output(component_type, "<think>hm</think>a <", whole=True) == Snapshot("a <", "hm")
    thought = [{"role": "assistant", "content": "hm", "metadata": {"title": "🛠️ Tool"}}, "a"]
    if component_type != "custom":
        assert parse_output(component_type, thought) == Snapshot("a", "🛠️ Tool\n\nhm")


def test_output_contents_of_a_chat_interface_are_read() -> None:
    assert parse_contents("a <") == Snapshot("a ")
    assert parse_contents(["a <", {"path": "x"}, "b"]) == Snapshot("a <\n\n[x](x)\n\nb")
    assert parse_contents({"content": "a"}) == Snapshot("a")
    assert parse_contents([]) is None
    assert parse_contents(3) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["text", "content", "files", "path", "url", "label", "confidences", "headers", "data", "token"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.sampled_from([*NAMED, "textbox", "json", "number", "custom"]), JSON, st.booleans())
def test_fuzz_output_gives_snapshot_or_none(component_type: str, value: object, whole: bool) -> None:
    snapshot = parse_output(component_type, value, whole=whole)
    assert isinstance(snapshot, Snapshot | None)
    if component_type in (*NAMED, "json"):
        assert snapshot is not None

"""A Chatbot that shows what it is asked to, after its history, and the components that it may show on their own, too.

The message is JSON: a list of steps, each a list of (role, content) to append; `{"show": name}` stands for a component.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from model import CHATBOT, is_in_pairs  # type: ignore[import-not-found] # beside it

TEXT = Path("shown.txt")
TEXT.write_text("a")
PATH = str(TEXT.resolve())
COMPONENTS: dict[str, Any] = {
    "html": lambda value: gr.HTML(value),
    "label": lambda value: gr.Label(value),
    "json": lambda value: gr.JSON(value),
    "highlightedtext": lambda value: gr.HighlightedText(value),
    "code": lambda value: gr.Code(value),
    "number": lambda value: gr.Number(value),
    "dataframe": lambda value: gr.Dataframe(value, headers=["n", "letter"]),
    "file": lambda value: gr.File(value),
    "video": lambda value: gr.Video(value),
    "plot": lambda value: gr.Plot(value),
}
VALUES = {
    "html": "<b>bold</b>",
    "label": {"cat": 0.9, "dog": 0.1},
    "json": {"a": [1]},
    "highlightedtext": [("I saw a ", None), ("cat", "animal")],
    "code": "x = 1",
    "number": 3,
    "dataframe": [[1, "a"]],
    "file": PATH,
    "video": None,
    "plot": None,
}
TAGS: dict[str, Any] = (
    {"reasoning_tags": [("<reason>", "</reason>")]}
    if "reasoning_tags" in inspect.signature(gr.Chatbot).parameters
    else {}
)


def content(shown: Any) -> Any:
    if shown == {"show": "path"}:
        return (PATH, "alt") if is_in_pairs() else {"path": PATH, "alt_text": "alt"}
    return COMPONENTS[shown["show"]](VALUES[shown["show"]]) if isinstance(shown, dict) else shown


def message(role: str, shown: Any) -> Any:
    if not is_in_pairs():
        return {"role": role, "content": content(shown)}
    return [content(shown), None] if role == "user" else [None, content(shown)]


def respond(script: str, history: list[Any] | None) -> Iterator[list[Any]]:
    for step in json.loads(script):
        yield [*(history or []), *(message(role, shown) for role, shown in step)]


def show() -> list[Any]:
    return list(VALUES.values())


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT, **TAGS)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], chatbot)
    gr.Button().click(show, None, [COMPONENTS[name](None) for name in VALUES])


if __name__ == "__main__":
    demo.launch()

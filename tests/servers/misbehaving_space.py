"""An app whose functions yield what the prompt says, as JSON: {"yields": […], "raises": …, "at": …, "chars": …}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio
from scripted_space import stand_in  # type: ignore[import-not-found] # beside it


def play(prompt: str) -> Iterator[Any]:
    script = json.loads(prompt)
    yields = script.get("yields", [])
    for n, value in enumerate([*yields, None]):
        if n == script.get("at"):
            raise gradio.Error(script["raises"]) if script["raises"] else ValueError("bare")
        if n < len(yields):
            yield value
    if script.get("chars"):
        yield "x" * script["chars"]


def chat(query: str, history: Any) -> Iterator[Any]:
    for value in play(query):
        yield [*history, {"role": "user", "content": "hi"}, value] if isinstance(value, dict) else value


def plain(query: str) -> Iterator[Any]:
    yield from play(query)


def build() -> Any:
    with gradio.Blocks() as page:
        query, chatbot, text = gradio.Textbox(), gradio.Chatbot(), gradio.Textbox()
        query.submit(chat, [query, chatbot], chatbot, api_name="chat")
        query.submit(plain, query, text, api_name="plain")
    return page


if __name__ == "__main__":
    stand_in().serve(build)

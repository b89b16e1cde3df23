"""A text in, a text out, and no Chatbot."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from model import growing  # type: ignore[import-not-found] # beside it


def answer(prompt: str) -> Iterator[str]:
    yield from growing(query=prompt)


demo = gr.Interface(answer, "text", "text")

if __name__ == "__main__":
    demo.launch()

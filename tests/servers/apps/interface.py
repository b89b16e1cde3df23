"""A plain `gr.ChatInterface`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns  # type: ignore[import-not-found] # beside it


def respond(message: str, history: list[Any]) -> Iterator[str]:
    yield from growing(query=message, earlier=turns(history))


demo = gr.ChatInterface(respond, title="Chat", **CHATBOT)

if __name__ == "__main__":
    demo.launch()

"""A `gr.ChatInterface` that takes files too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns  # type: ignore[import-not-found] # beside it


def respond(message: dict[str, Any], history: list[Any]) -> Iterator[str]:
    yield from growing(query=message["text"], earlier=turns(history), files=len(message["files"]))


demo = gr.ChatInterface(respond, multimodal=True, **CHATBOT)

if __name__ == "__main__":
    demo.launch()

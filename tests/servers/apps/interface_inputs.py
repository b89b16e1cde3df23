"""A `gr.ChatInterface` with additional inputs of every usual kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns  # type: ignore[import-not-found] # beside it


def respond(
    message: str,
    history: list[Any],
    system_prompt: str,
    temperature: float,
    max_new_tokens: int,
    model: str,
    use_web_search: bool,
) -> Iterator[str]:
    options = {
        "temperature": temperature,
        "max_new_tokens": max_new_tokens,
        "model": model,
        "use_web_search": use_web_search,
    }
    yield from growing(query=message, earlier=turns(history), system=system_prompt, **options)


demo = gr.ChatInterface(
    respond,
    additional_inputs=[
        gr.Textbox("You are a friendly chatbot.", label="System prompt"),
        gr.Slider(0.1, 2, value=0.7, step=0.1, label="Temperature"),
        gr.Slider(1, 4096, value=512, step=1, label="Max new tokens"),
        gr.Dropdown(["small", "medium", "large"], value="medium", label="Model"),
        gr.Checkbox(False, label="Use web search"),
    ],
    **CHATBOT,
)

if __name__ == "__main__":
    demo.launch()

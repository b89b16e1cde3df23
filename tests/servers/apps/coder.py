"""A Space for a coding model, with its size and its sampling as further parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

DEFAULT_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
SIZES = ["32B", "14B", "7B", "3B", "1.5B", "0.5B"]


def clear_session() -> tuple[str, list[Any]]:
    return "", []


def modify_system_session(system: str | None) -> tuple[str, str, list[Any]]:
    system = system or DEFAULT_SYSTEM
    return system, system, []


def model_chat(
    query: str | None,
    history: list[Any] | None,
    system: str | None,
    radio: str = "32B",
    temperature: float = 0.7,
    top_p: float = 0.8,
    max_length: int = 2048,
) -> Iterator[tuple[Any, ...]]:
    options = {"radio": radio, "temperature": temperature, "top_p": top_p, "max_length": max_length}
    for answer in growing(query=query, earlier=turns(history), system=system, **options):
        yield "", with_answer(history, query, answer), system


with gr.Blocks() as demo:
    radio = gr.Radio(choices=SIZES, label="Qwen2.5-Coder：", value="32B")
    with gr.Row():
        with gr.Column(scale=3):
            system_input = gr.Textbox(value=DEFAULT_SYSTEM, lines=1, label="System")
        with gr.Column(scale=1):
            modify_system = gr.Button("🛠️ Set system prompt and clear history", scale=2)
        system_state = gr.Textbox(value=DEFAULT_SYSTEM, visible=False)
    chatbot = gr.Chatbot(label="Qwen2.5-Coder-32B-instruct", **CHATBOT)
    with gr.Accordion("Parameters", open=False):
        temperature = gr.Slider(0, 2, value=0.7, step=0.1, label="Temperature")
        top_p = gr.Slider(0, 1, value=0.8, step=0.05, label="Top-p")
        max_length = gr.Slider(128, 8192, value=2048, step=1, label="Maximum length")
    textbox = gr.Textbox(lines=1, label="Input")
    with gr.Row():
        clear_history = gr.Button("🧹 Clear history")
        sumbit = gr.Button("🚀 Send")

    asked = [textbox, chatbot, system_state, radio, temperature, top_p, max_length]
    textbox.submit(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    sumbit.click(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
    modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])


if __name__ == "__main__":
    demo.launch()

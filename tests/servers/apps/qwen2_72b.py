"""The Qwen2-72B-Instruct Space, written out as an app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

DEFAULT_SYSTEM = "You are a helpful assistant."


def clear_session() -> tuple[str, list[Any]]:
    return "", []


def modify_system_session(system: str | None) -> tuple[str, str, list[Any]]:
    system = system or DEFAULT_SYSTEM
    return system, system, []


def model_chat(query: str | None, history: list[Any] | None, system: str | None) -> Iterator[tuple[Any, ...]]:
    for answer in growing(query=query, earlier=turns(history), system=system):
        yield "", with_answer(history, query, answer), system


with gr.Blocks() as demo:
    gr.Markdown("<center><font size=8>Qwen2-72B-Instruct👾</center>")
    with gr.Row():
        with gr.Column(scale=3):
            system_input = gr.Textbox(value=DEFAULT_SYSTEM, lines=1, label="System")
        with gr.Column(scale=1):
            modify_system = gr.Button("🛠️ Set system prompt and clear history", scale=2)
        system_state = gr.Textbox(value=DEFAULT_SYSTEM, visible=False)
    chatbot = gr.Chatbot(label="Qwen2-72B-Instruct", **CHATBOT)
    textbox = gr.Textbox(lines=1, label="Input")
    with gr.Row():
        clear_history = gr.Button("🧹 Clear history")
        sumbit = gr.Button("🚀 Send")

    asked = [textbox, chatbot, system_state]
    textbox.submit(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    sumbit.click(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
    modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])


if __name__ == "__main__":
    demo.launch()

"""The Qwen2.5 Space: three groups of models over one chat, their listeners before the chat's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

DEFAULT_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
SIZES = ["72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B"]
MATH_SIZES = ["Math-72B", "Math-7B", "Math-1.5B"]
CODER_SIZES = ["Coder-32B", "Coder-7B", "Coder-1.5B"]


def clear_session() -> tuple[str, list[Any]]:
    return "", []


def modify_system_session(system: str | None) -> tuple[str, str, list[Any]]:
    system = system or DEFAULT_SYSTEM
    return system, system, []


def model_chat(
    query: str | None, history: list[Any] | None, system: str | None, radio: str
) -> Iterator[tuple[Any, ...]]:
    for answer in growing(query=query, earlier=turns(history), system=system, radio=radio):
        yield "", with_answer(history, query, answer), system


def update_other_radios(value: str | None, other1: str | None, other2: str | None) -> tuple[str | None, ...]:
    if not value:
        return other1 or other2, other1, other2
    return value, None, None


def choose_radio(radio: str, system: str | None) -> tuple[Any, ...]:
    system = system or DEFAULT_SYSTEM
    title = gr.Markdown(value=f"<center><font size=8>Qwen2.5-{radio}-instruct👾</center>")
    return title, gr.Chatbot(label=radio.lower()), system, system, ""


with gr.Blocks() as demo:
    with gr.Row():
        radio1 = gr.Radio(choices=SIZES, label="Qwen2.5：", value=SIZES[0])
        radio2 = gr.Radio(choices=MATH_SIZES, label="Qwen2.5-Math：")
        radio3 = gr.Radio(choices=CODER_SIZES, label="Qwen2.5-Coder：")
    radio = gr.Radio(choices=SIZES + MATH_SIZES + CODER_SIZES, value=SIZES[0], label="radio", visible=False)
    radio1.change(update_other_radios, inputs=[radio1, radio2, radio3], outputs=[radio, radio2, radio3])
    radio2.change(update_other_radios, inputs=[radio2, radio1, radio3], outputs=[radio, radio1, radio3])
    radio3.change(update_other_radios, inputs=[radio3, radio1, radio2], outputs=[radio, radio1, radio2])
    mark = gr.Markdown("<center><font size=8>Qwen2.5-72B-instruct👾</center>")
    with gr.Row():
        with gr.Column(scale=3):
            system_input = gr.Textbox(value=DEFAULT_SYSTEM, lines=1, label="System")
        with gr.Column(scale=1):
            modify_system = gr.Button("🛠️ Set system prompt and clear history", scale=2)
        system_state = gr.Textbox(value=DEFAULT_SYSTEM, visible=False)
    chatbot = gr.Chatbot(label="Qwen2.5-72B-instruct", **CHATBOT)
    textbox = gr.Textbox(lines=1, label="Input")
    with gr.Row():
        clear_history = gr.Button("🧹 Clear history")
        sumbit = gr.Button("🚀 Send")

    asked = [textbox, chatbot, system_state, radio]
    textbox.submit(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    sumbit.click(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
    modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])
    radio.change(
        choose_radio, inputs=[radio, system_input], outputs=[mark, chatbot, system_state, system_input, textbox]
    )


if __name__ == "__main__":
    demo.launch()

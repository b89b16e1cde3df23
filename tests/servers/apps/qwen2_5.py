"""The Qwen2.5 Space with its own Chatbot, of modelscope_studio 0: what a turn holds has a `text`, and is no string."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import modelscope_studio as mgr  # type: ignore[import-not-found,import-untyped,unused-ignore]
from model import growing  # type: ignore[import-not-found] # beside it

DEFAULT_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
SIZES = ["72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B"]
MATH_SIZES = ["Math-72B", "Math-7B", "Math-1.5B"]
CODER_SIZES = ["Coder-7B", "Coder-1.5B"]


def clear_session() -> tuple[str, list[Any]]:
    return "", []


def modify_system_session(system: str | None) -> tuple[str, str, list[Any]]:
    system = system or DEFAULT_SYSTEM
    return system, system, []


def model_chat(
    query: str | None, history: list[list[Any]] | None, system: str, radio: str
) -> Iterator[tuple[str, list[list[str]], str]]:
    earlier = [[question.text, answer.text] for question, answer in history or []]
    query = query or ""
    for answer in growing(query=query, earlier=earlier, system=system, radio=radio):
        yield "", [*earlier, [query, answer]], system


def update_other_radios(value: str | None, other_radio1: str | None, other_radio2: str | None) -> tuple[Any, ...]:
    if not value:
        return other_radio1 or other_radio2, other_radio1, other_radio2
    return value, "", ""


def choose_radio(radio: str, system: str | None) -> tuple[Any, ...]:
    system = system or DEFAULT_SYSTEM
    title = gr.Markdown(value=f"<center><font size=8>Qwen2.5-{radio}-instruct👾</center>")
    return title, mgr.Chatbot(label=radio.lower()), system, system, ""


with gr.Blocks() as demo:
    gr.Markdown("<center><font size=8>Qwen2.5: A Party of Foundation Models!</center>")
    with gr.Row():
        with gr.Row():
            radio1 = gr.Radio(choices=SIZES, label="Qwen2.5：", value=SIZES[0])
        with gr.Row():
            radio2 = gr.Radio(choices=MATH_SIZES, label="Qwen2.5-Math：")
        with gr.Row():
            radio3 = gr.Radio(choices=CODER_SIZES, label="Qwen2.5-Coder：")
    # The one that is asked with has no choices of its own: Gradio 4 takes any value of it, Gradio 5 none.
    radio = gr.Radio(value=SIZES[0], visible=False)
    radio1.change(update_other_radios, inputs=[radio1, radio2, radio3], outputs=[radio, radio2, radio3])
    radio2.change(update_other_radios, inputs=[radio2, radio1, radio3], outputs=[radio, radio1, radio3])
    radio3.change(update_other_radios, inputs=[radio3, radio1, radio2], outputs=[radio, radio1, radio2])
    with gr.Row(), gr.Accordion():
        mark = gr.Markdown("<center><font size=8>Qwen2.5-72B-instruct👾</center>")
        with gr.Row():
            with gr.Column(scale=3):
                system_input = gr.Textbox(value=DEFAULT_SYSTEM, lines=1, label="System")
            with gr.Column(scale=1):
                modify_system = gr.Button("🛠️ Set system prompt and clear history", scale=2)
            system_state = gr.Textbox(value=DEFAULT_SYSTEM, visible=False)
        chatbot = mgr.Chatbot(label=SIZES[0].lower())
        textbox = gr.Textbox(lines=1, label="Input")
        with gr.Row():
            clear_history = gr.Button("🧹 Clear history")
            sumbit = gr.Button("🚀 Send")

    asked = [textbox, chatbot, system_state, radio]
    textbox.submit(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=40)
    sumbit.click(model_chat, inputs=asked, outputs=[textbox, chatbot, system_input], concurrency_limit=5)
    clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
    modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])
    radio.change(
        choose_radio, inputs=[radio, system_input], outputs=[mark, chatbot, system_state, system_input, textbox]
    )


if __name__ == "__main__":
    demo.launch()

"""A chat whose Chatbot is the first input and the first output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def predict(history: list[Any] | None, message: str) -> Iterator[tuple[list[Any], str]]:
    for answer in growing(query=message, earlier=turns(history)):
        yield with_answer(history, message, answer), ""


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    textbox = gr.Textbox(placeholder="Ask me anything", show_label=False)
    textbox.submit(predict, [chatbot, textbox], [chatbot, textbox])


if __name__ == "__main__":
    demo.launch()

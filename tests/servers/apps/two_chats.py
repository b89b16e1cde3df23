"""Two chats on one page, each with an endpoint of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def chat_small(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in growing(query=message, earlier=turns(history), model="small"):
        yield "", with_answer(history, message, answer)


def chat_large(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in growing(query=message, earlier=turns(history), model="large"):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    with gr.Tab("Small"):
        small = gr.Chatbot(label="Small model", **CHATBOT)
        to_small = gr.Textbox(label="Message")
        to_small.submit(chat_small, [to_small, small], [to_small, small])
    with gr.Tab("Large"):
        large = gr.Chatbot(label="Large model", **CHATBOT)
        to_large = gr.Textbox(label="Message")
        to_large.submit(chat_large, [to_large, large], [to_large, large])


if __name__ == "__main__":
    demo.launch()

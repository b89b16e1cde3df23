"""A chat that writes its thoughts between tags in its answer, one token at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

TOKENS = ["<", "think", ">", "\n", "They ask", " something;", " I answer.", "\n", "</", "think", ">", "\n\n"]


def generate(message: str, history: list[Any] | None) -> Iterator[str]:
    text = ""
    for token in TOKENS:
        text += token
        yield text
    for answer in growing(query=message, earlier=turns(history)):
        yield text + answer


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in generate(message, history):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Reasoner", **CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

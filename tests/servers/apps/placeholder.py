"""A chat that shows a placeholder until its answer comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for waiting in ("Thinking…", "Thinking… still"):
        yield "", with_answer(history, message, waiting)
        time.sleep(0.1)
    for answer in growing(query=message, earlier=turns(history)):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

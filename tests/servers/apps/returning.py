"""A chat that returns its whole reply, and streams nothing."""

from __future__ import annotations

from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def respond(message: str, history: list[Any] | None) -> tuple[str, list[Any]]:
    *_, answer = growing(query=message, earlier=turns(history))
    return "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

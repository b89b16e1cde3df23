"""A chat that its page alone is meant to call: its endpoint is left out of the API docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

HIDDEN: dict[str, Any] = {"api_visibility": "undocumented"} if gr.__version__ >= "6" else {"show_api": False}


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in growing(query=message, earlier=turns(history)):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot], **HIDDEN)


if __name__ == "__main__":
    demo.launch()

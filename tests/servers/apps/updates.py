"""A chat that answers in updates of its components, not in bare values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[Any, Any]]:
    for answer in growing(query=message, earlier=turns(history)):
        yield gr.update(value=with_answer(history, message, answer)), gr.update(value="", interactive=False)
    yield gr.update(value=with_answer(history, message, answer)), gr.Textbox(value="", interactive=True)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [chatbot, msg])


if __name__ == "__main__":
    demo.launch()

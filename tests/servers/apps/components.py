"""A chat that shows other components after its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in growing(query=message, earlier=turns(history)):
        yield "", with_answer(history, message, answer)
    shown = [
        gr.HTML("<b>bold</b>"),
        gr.Dataframe([[1, "a"]], headers=["n", "letter"]),
        gr.Code("x = 1", language="python"),
        gr.Slider(value=5),
        gr.Video(),
    ]
    messages = [{"role": "assistant", "content": component} for component in shown]
    yield "", [*with_answer(history, message, answer), *messages]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

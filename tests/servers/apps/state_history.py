"""A chat that keeps its history in a `gr.State`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def predict(message: str, state: list[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    if "fail" in message.rpartition("User:")[2]:  # in the latest of the turns that one prompt holds
        raise gr.Error("It was asked to fail.")
    for answer in growing(query=message, earlier=turns(state)):
        shown = with_answer(state, message, answer)
        yield shown, shown


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    state = gr.State([])
    txt = gr.Textbox(show_label=False, placeholder="Enter text and press enter")
    txt.submit(predict, [txt, state], [chatbot, state])
    txt.submit(lambda: "", None, txt)


if __name__ == "__main__":
    demo.launch()

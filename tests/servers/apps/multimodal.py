"""A chat made of blocks whose input takes files too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def respond(message: dict[str, Any], history: list[Any]) -> Iterator[tuple[Any, ...]]:
    for answer in growing(query=message["text"], earlier=turns(history), files=len(message["files"])):
        yield None, with_answer(history, message["text"], answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    chat_input = gr.MultimodalTextbox(placeholder="Enter message or upload file...", show_label=False)
    chat_input.submit(respond, [chat_input, chatbot], [chat_input, chatbot])


if __name__ == "__main__":
    demo.launch()

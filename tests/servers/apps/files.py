"""A chat that sends a file after its answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from model import CHATBOT, growing, is_in_pairs, turns, with_answer  # type: ignore[import-not-found] # beside it

PICTURE = Path("picture.svg")
PICTURE.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')


def with_picture(history: list[Any]) -> list[Any]:
    path = str(PICTURE.resolve())
    return [*history, [None, (path,)] if is_in_pairs() else {"role": "assistant", "content": {"path": path}}]


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for answer in growing(query=message, earlier=turns(history)):
        yield "", with_answer(history, message, answer)
    yield "", with_picture(with_answer(history, message, answer))


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

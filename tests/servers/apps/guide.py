"""The chat of Gradio's guide: one function adds the question, the next streams the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer, with_question, without_last  # type: ignore[import-not-found] # beside it


def user(user_message: str, history: list[Any] | None) -> tuple[str, list[Any]]:
    return "", with_question(history, user_message)


def bot(history: list[Any] | None) -> Iterator[list[Any]]:
    before = without_last(history)
    query = turns(history)[-1][0]
    for answer in growing(query=query, earlier=turns(before)):
        yield with_answer(before, query, answer)


def retry(history: list[Any] | None) -> Iterator[list[Any]]:
    yield from bot(history)


def undo(history: list[Any] | None) -> list[Any]:
    earlier: list[Any] = without_last(history)
    return earlier


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    msg = gr.Textbox()
    with gr.Row():
        again = gr.Button("Retry")
        back = gr.Button("Undo")
        clear = gr.Button("Clear")

    msg.submit(user, [msg, chatbot], [msg, chatbot], queue=False).then(bot, chatbot, chatbot)
    again.click(retry, chatbot, chatbot)
    back.click(undo, chatbot, chatbot, queue=False)
    clear.click(lambda: None, None, chatbot, queue=False)


if __name__ == "__main__":
    demo.launch()

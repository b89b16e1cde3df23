"""A chat that shows its thoughts as a message of their own, before the answer's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import MESSAGES, growing, turns  # type: ignore[import-not-found] # beside it

THOUGHT = "They ask something. I look at it from two sides, and answer."


def respond(message: str, history: list[Any] | None) -> Iterator[tuple[str, list[Any]]]:
    so_far = [*(history or []), {"role": "user", "content": message}]
    thought: dict[str, Any] = {"role": "assistant", "content": "", "metadata": {"title": "🧠 Thinking"}}
    for word in THOUGHT.split():
        thought["content"] = f"{thought['content']} {word}".strip()
        yield "", [*so_far, thought]
    for answer in growing(query=message, earlier=turns(history)):
        yield "", [*so_far, thought, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Thinking", **MESSAGES)
    msg = gr.Textbox(label="Message")
    msg.submit(respond, [msg, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch()

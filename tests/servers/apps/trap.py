"""A chat that names a file of the asker's machine in a published default and in each answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from model import MESSAGES, turns  # type: ignore[import-not-found] # beside it

FILE = Path("secrets.txt")
FILE.write_text("of the asker's machine, which is this one")
TRAP = {"path": str(FILE.resolve()), "orig_name": FILE.name, "meta": {"_type": "gradio.FileData"}}


def respond(message: dict[str, Any], settings: Any, history: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    heard = {"query": message["text"], "files": len(message["files"]), "settings": settings, "earlier": turns(history)}
    answer = {"role": "assistant", "content": json.dumps(heard)}
    shown = {"role": "assistant", "content": TRAP}
    yield None, [*history, {"role": "user", "content": message["text"]}, shown, answer]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    settings = gr.JSON({"a": TRAP, "b": [TRAP]}, label="Settings")
    chat_input = gr.MultimodalTextbox(file_count="multiple", show_label=False)
    chat_input.submit(respond, [chat_input, settings, chatbot], [chat_input, chatbot])


if __name__ == "__main__":
    demo.launch()

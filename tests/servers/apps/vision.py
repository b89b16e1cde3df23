"""A page that looks at pictures: an image and a document beside the text box."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it

MAX_FILE_SIZE = 20_000_000


def seen(path: str | None) -> str | None:
    """What the app has of a file: its name and a digest of its bytes."""
    return path and f"{Path(path).name} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


def look(message: str, picture: str | None, documents: list[str] | None, history: Any) -> Iterator[tuple[str, Any]]:
    heard = {"picture": seen(picture), "documents": [*map(seen, documents or [])]}
    for answer in growing(query=message, earlier=turns(history), **heard):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**CHATBOT)
    picture = gr.Image(type="filepath", label="Picture")
    documents = gr.File(file_count="multiple", file_types=[".pdf", "text"], label="Documents")
    msg = gr.Textbox(label="Message")
    msg.submit(look, [msg, picture, documents, chatbot], [msg, chatbot])


if __name__ == "__main__":
    demo.launch(max_file_size=MAX_FILE_SIZE)

"""A chat mounted under a path of a FastAPI app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from model import CHATBOT, growing, turns  # type: ignore[import-not-found] # beside it

MOUNT_PATH = "/chat"


def respond(message: str, history: list[Any]) -> Iterator[str]:
    yield from growing(query=message, earlier=turns(history))


demo = gr.ChatInterface(respond, **CHATBOT)

if __name__ == "__main__":
    uvicorn.run(gr.mount_gradio_app(FastAPI(), demo, path=MOUNT_PATH), host="127.0.0.1")

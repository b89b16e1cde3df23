"""Chats in the name of the asker: one that requires their token, one that takes it, and one that takes none.

Gradio before 6.31 lets nobody pass a token: its first chat is for those who have logged in on its page.
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from model import growing  # type: ignore[import-not-found] # beside it


def required(message: str, token: gr.OAuthToken) -> Iterator[str]:
    yield from growing(query=message, token=token.token)


def optional(message: str, token: gr.OAuthToken | None) -> Iterator[str]:
    yield from growing(query=message, token=token and token.token)


def without(message: str, request: gr.Request) -> Iterator[str]:
    yield from growing(query=message, headers=[value for name, value in request.headers.items() if "auth" in name])


with gr.Blocks() as demo:
    msg, answer = gr.Textbox(label="Message"), gr.Textbox(label="Answer")
    for function in (required, optional, without):
        msg.submit(function, msg, answer)


if __name__ == "__main__":
    demo.launch()

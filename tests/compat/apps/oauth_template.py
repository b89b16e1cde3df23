"""The Hub's present template: a `gr.ChatInterface` whose function takes the token of who is logged in, if anyone is."""

from __future__ import annotations

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history, system_message, max_tokens, hf_token: gr.OAuthToken | None = None):
    heard = {"system": system_message, "options": {"max_tokens": max_tokens}, "logged_in": hf_token is not None}
    yield from growing(message, history, **heard)


demo = gr.ChatInterface(
    respond,
    additional_inputs=[
        gr.Textbox(value="You are a friendly Chatbot.", label="System message"),
        gr.Slider(minimum=1, maximum=2048, value=512, step=1, label="Max new tokens"),
    ],
    **MESSAGES,
)

if __name__ == "__main__":
    demo.launch()

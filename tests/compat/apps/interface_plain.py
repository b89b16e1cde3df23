"""A `gr.ChatInterface` as short as it gets."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def echo(message, history):
    yield from growing(message, history)


demo = gr.ChatInterface(echo, title="Echo Bot", **MESSAGES)

if __name__ == "__main__":
    demo.launch()

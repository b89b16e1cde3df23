"""Two `gr.ChatInterface`s in tabs."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def chat(message, history):
    yield from growing(message, history, model="chat")


@step(question="message")
def code(message, history):
    yield from growing(message, history, model="code")


demo = gr.TabbedInterface(
    [gr.ChatInterface(chat, **MESSAGES), gr.ChatInterface(code, **MESSAGES)], tab_names=["Chat", "Code"]
)

if __name__ == "__main__":
    demo.launch()

"""The Hub's template for a chat: a `gr.ChatInterface` with a system message and three sliders."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history, system_message, max_tokens, temperature, top_p):
    options = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p}
    yield from growing(message, history, system=system_message, options=options)


demo = gr.ChatInterface(
    respond,
    additional_inputs=[
        gr.Textbox(value="You are a friendly Chatbot.", label="System message"),
        gr.Slider(minimum=1, maximum=2048, value=512, step=1, label="Max new tokens"),
        gr.Slider(minimum=0.1, maximum=4.0, value=0.7, step=0.1, label="Temperature"),
        gr.Slider(minimum=0.1, maximum=1.0, value=0.95, step=0.05, label="Top-p (nucleus sampling)"),
    ],
    **MESSAGES,
)

if __name__ == "__main__":
    demo.launch()

"""A `gr.ChatInterface` that writes beside its Chatbot too, and keeps its conversations in the browser."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history):
    for answer in growing(message, history):
        yield answer, gr.Code(f"# {message}", language="python")


with gr.Blocks() as demo:
    code = gr.Code(render=False)
    with gr.Row():
        with gr.Column():
            gr.ChatInterface(respond, additional_outputs=[code], save_history=True, **MESSAGES)
        with gr.Column():
            code.render()

if __name__ == "__main__":
    demo.launch()

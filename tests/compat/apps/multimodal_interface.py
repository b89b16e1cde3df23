"""A multimodal `gr.ChatInterface`, with a system prompt."""

import gradio as gr
from stand_in import MESSAGES, files_of, growing, step


@step(question="message")
def process(message, history, system_prompt):
    yield from growing(message["text"], history, system=system_prompt, files=files_of(*message["files"]))


demo = gr.ChatInterface(
    process,
    multimodal=True,
    textbox=gr.MultimodalTextbox(file_count="multiple", placeholder="Ask about your files"),
    additional_inputs=[gr.Textbox("You see well.", label="System prompt")],
    **MESSAGES,
)

if __name__ == "__main__":
    demo.launch()

"""A chat that is sent by its button alone."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="prompt")
def generate_text(prompt, chat, length):
    chat = [*chat, {"role": "user", "content": prompt}]
    for answer in growing(prompt, chat[:-1], options={"length": length}):
        yield [*chat, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    prompt = gr.Textbox(label="Prompt", lines=3)
    length = gr.Number(value=128, label="Length", precision=0)
    generate = gr.Button("Generate", variant="primary")
    chat = gr.Chatbot(label="Output", **MESSAGES)

    generate.click(generate_text, inputs=[prompt, chat, length], outputs=chat)

if __name__ == "__main__":
    demo.launch()

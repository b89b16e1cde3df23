"""A chat with one listener on the box and the button, by `gr.on`, and an async step."""

import gradio as gr
from stand_in import MESSAGES, growing_async, step


@step(question="message")
async def chat(message, history, persona):
    history = [*history, {"role": "user", "content": message}]
    async for answer in growing_async(message, history[:-1], options={"persona": persona}):
        yield "", [*history, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    persona = gr.Dropdown(["teacher", "poet"], value="poet", label="Persona")
    chatbot = gr.Chatbot(**MESSAGES)
    with gr.Row():
        message = gr.Textbox(show_label=False, placeholder="Message", scale=5)
        send = gr.Button("Send")

    gr.on([message.submit, send.click], chat, [message, chatbot, persona], [message, chatbot], concurrency_limit=5)

if __name__ == "__main__":
    demo.launch()

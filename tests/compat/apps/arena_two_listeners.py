"""Two models side by side, each answering by a listener of its own on the same box."""

import gradio as gr
from stand_in import MESSAGES, growing, step


def answered(history, question, answer):
    return [*history, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@step(question="message")
def chat_base(message, history):
    for answer in growing(message, history, model="base"):
        yield answered(history, message, answer)


@step(question="message")
def chat_tuned(message, history):
    for answer in growing(message, history, model="tuned"):
        yield answered(history, message, answer)


with gr.Blocks() as demo:
    with gr.Row():
        base = gr.Chatbot(label="Base model", **MESSAGES)
        tuned = gr.Chatbot(label="Fine-tuned model", **MESSAGES)
    message = gr.Textbox(label="Message")

    message.submit(chat_base, [message, base], base)
    message.submit(chat_tuned, [message, tuned], tuned)

if __name__ == "__main__":
    demo.launch()

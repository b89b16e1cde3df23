"""Single outputs that come bare: a first step that returns the Chatbot alone, and one beside a Button and a State."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="message")
def show_question(message, history):
    return [*history, {"role": "user", "content": message}]


@step
def answer(history, asked):
    for text in growing(text_of(history[-1]["content"]), history[:-1], asked=asked):
        yield gr.Button(interactive=False), asked, [*history, {"role": "assistant", "content": text}]
    yield gr.Button(interactive=True), asked + 1, [*history, {"role": "assistant", "content": text}]


with gr.Blocks() as demo:
    asked = gr.State(0)
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")
    send = gr.Button("Send")

    send.click(show_question, [message, chatbot], chatbot).then(answer, [chatbot, asked], [send, asked, chatbot])

if __name__ == "__main__":
    demo.launch()

"""The send button writes the question into a State, whose change makes the model answer."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def send_message(message, history, pending):
    history = [*history, {"role": "user", "content": message}]
    return "", history, {"id": (pending or {}).get("id", 0) + 1, "text": message}


@step
def on_pending(pending, history):
    for text in growing(pending["text"], history[:-1]):
        yield [*history, {"role": "assistant", "content": text}]


with gr.Blocks() as demo:
    pending = gr.State()
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")

    message.submit(send_message, [message, chatbot, pending], [message, chatbot, pending])
    pending.change(on_pending, [pending, chatbot], chatbot)

if __name__ == "__main__":
    demo.launch()

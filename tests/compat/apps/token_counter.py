"""A chat that counts the box's tokens whenever it changes: while somebody types, and when it is cleared."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step
def count_tokens(text):
    return f"{len(text.split())} tokens"


@step(question="message")
def chat(message, history):
    history = [*history, {"role": "user", "content": message}]
    for answer in growing(message, history[:-1]):
        yield "", [*history, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")
    counter = gr.Markdown("0 tokens")

    message.change(count_tokens, message, counter, show_progress="hidden")
    message.submit(chat, [message, chatbot], [message, chatbot])

if __name__ == "__main__":
    demo.launch()

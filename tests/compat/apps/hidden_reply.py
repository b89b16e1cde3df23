"""A chat whose author hid the step that answers from the API."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="message")
def user(message, history):
    return "", [*history, {"role": "user", "content": message}]


@step
def bot(history):
    for answer in growing(text_of(history[-1]["content"]), history[:-1]):
        yield [*history, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")
    message.submit(user, [message, chatbot], [message, chatbot]).then(bot, chatbot, chatbot, api_name=False)

if __name__ == "__main__":
    demo.launch()

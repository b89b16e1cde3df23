"""A chat whose author hid a step after the reply from the API, and nothing else."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="message")
def user(message, history):
    return "", [*history, {"role": "user", "content": message}]


@step
def bot(history):
    for answer in growing(text_of(history[-1]["content"]), history[:-1]):
        yield [*history, {"role": "assistant", "content": answer}]


@step
def save_conversation(history):
    return f"{len(history)} messages saved"


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")
    saved = gr.Markdown()
    message.submit(user, [message, chatbot], [message, chatbot]).then(bot, chatbot, chatbot).then(
        save_conversation, chatbot, saved, api_name=False
    )

if __name__ == "__main__":
    demo.launch()

"""A first step appends the question and an empty answer, to which the second step adds."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="message")
def add_message(message, history):
    history.append({"role": "user", "content": message})
    history.append({"role": "assistant", "content": ""})
    return history, ""


@step
def stream_answer(history):
    *earlier, question, last = history
    last["content"] = before = text_of(last["content"])
    for answer in growing(text_of(question["content"]), earlier):
        last["content"] += answer[len(before) :]
        before = answer
        yield history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    with gr.Row():
        message = gr.Textbox(show_label=False, placeholder="Say something", scale=8)
        send = gr.Button("➤", scale=1)

    send.click(add_message, [message, chatbot], [chatbot, message]).then(stream_answer, chatbot, chatbot)
    message.submit(add_message, [message, chatbot], [chatbot, message]).then(stream_answer, chatbot, chatbot)

if __name__ == "__main__":
    demo.launch()

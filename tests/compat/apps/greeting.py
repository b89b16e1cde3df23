"""A chat that greets: loading the page puts the first message into the Chatbot. It takes votes and has examples."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of

WELCOME = "Hi, I'm Ada. What can I do for you?"


@step
def greet():
    return [{"role": "assistant", "content": WELCOME}]


@step(question="message")
def respond(message, history):
    welcome = text_of(history[0]["content"]) if history else None
    history = [*history, {"role": "user", "content": message}]
    for answer in growing(message, history[:-1], welcome=welcome):
        yield "", [*history, {"role": "assistant", "content": answer}]


@step
def vote(data: gr.LikeData):
    print("👍" if data.liked else "👎")  # noqa: T201 - as people do


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Ada", **MESSAGES)
    message = gr.Textbox(label="Message")
    gr.Examples(["Write a poem", "Plan my week"], message)

    demo.load(greet, None, chatbot)
    message.submit(respond, [message, chatbot], [message, chatbot])
    chatbot.like(vote, None, None)

if __name__ == "__main__":
    demo.launch()

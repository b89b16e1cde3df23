"""A step after the reply that always raises, as the service that it reports to is gone."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history):
    history = [*history, {"role": "user", "content": message}]
    for answer in growing(message, history[:-1]):
        yield "", [*history, {"role": "assistant", "content": answer}]


@step
def push_to_hub(history):
    raise RuntimeError("401 Client Error: the data set is gone")


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")
    message.submit(respond, [message, chatbot], [message, chatbot]).then(push_to_hub, chatbot, None)

if __name__ == "__main__":
    demo.launch()

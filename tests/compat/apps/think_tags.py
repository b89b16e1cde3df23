"""A reasoning model whose thoughts stand in the text, in several `<think>` blocks."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history):
    history = [*history, {"role": "user", "content": message}]
    text = ""
    for thought in ("Let me see.", " They ask something."):
        text += thought
        yield [*history, {"role": "assistant", "content": f"<think>{text}"}], ""
    text = f"<think>{text}</think>\n\nFirst thought done.\n\n<think>Now the second."
    yield [*history, {"role": "assistant", "content": text}], ""
    text += "</think>\n\n"
    for answer in growing(message, history[:-1]):
        yield [*history, {"role": "assistant", "content": text + answer}], ""


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="DeepSeek-R1", **MESSAGES)
    message = gr.Textbox(label="Message")
    message.submit(respond, [message, chatbot], [chatbot, message])

if __name__ == "__main__":
    demo.launch()

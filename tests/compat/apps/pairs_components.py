"""A chat in pairs that answers with a file or a component, chosen by a word of the question."""

from pathlib import Path

import gradio as gr
from PIL import Image
from stand_in import PAIRS, answer_to, step

PICTURE = Path("dog.png")
Image.new("RGB", (9, 9), "brown").save(PICTURE)
REPORT = Path("dogs.txt")
REPORT.write_text("All dogs are well.\n")


def answer(message, history):
    if "image" in message:
        return (str(PICTURE.resolve()), "A dog")
    if "file" in message:
        return (str(REPORT.resolve()),)
    if "html" in message:
        return gr.HTML("<b>bold</b> and <i>italic</i>")
    if "table" in message:
        return gr.Dataframe([[1, "one"], [2, "two"]], headers=["number", "name"])
    if "gallery" in message:
        return gr.Gallery([str(PICTURE.resolve()), str(PICTURE.resolve())])
    return answer_to(message, history)


@step(question="message")
def show(message, chat_history):
    chat_history.append((message, answer(message, chat_history)))
    return "", chat_history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Dogs", **PAIRS)
    message = gr.Textbox(label="Message")
    message.submit(show, [message, chatbot], [message, chatbot])

if __name__ == "__main__":
    demo.launch()

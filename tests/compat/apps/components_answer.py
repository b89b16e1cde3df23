"""A `gr.ChatInterface` that answers with a component, chosen by a word of the question."""

from pathlib import Path

import gradio as gr
from PIL import Image
from stand_in import MESSAGES, answer_to, step

PICTURE = Path("cat.png")
Image.new("RGB", (9, 9), "orange").save(PICTURE)
REPORT = Path("report.txt")
REPORT.write_text("All is well.\n")


@step(question="message")
def show(message, history):
    if "image" in message:
        return gr.Image(str(PICTURE.resolve()))
    if "file" in message:
        return gr.File(str(REPORT.resolve()))
    if "html" in message:
        return gr.HTML("<b>bold</b> and <i>italic</i>")
    if "table" in message:
        return gr.Dataframe([[1, "one"], [2, "two"]], headers=["number", "name"])
    if "gallery" in message:
        return gr.Gallery([str(PICTURE.resolve()), str(PICTURE.resolve())])
    if "code" in message:
        return gr.Code("print('hello')", language="python")
    return answer_to(message, history)


demo = gr.ChatInterface(show, title="Show me", **MESSAGES)

if __name__ == "__main__":
    demo.launch()

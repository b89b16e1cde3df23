"""An answer of several messages: text, then a picture, then text again, in a Chatbot."""

from pathlib import Path

import gradio as gr
from PIL import Image
from stand_in import MESSAGES, growing, step

CHART = Path("chart.png")
Image.new("RGB", (9, 9), "green").save(CHART)


@step(question="question")
def analyse(question, history):
    history = [*history, {"role": "user", "content": question}, {"role": "assistant", "content": "Let me draw that."}]
    yield history, None
    history.append({"role": "assistant", "content": {"path": str(CHART.resolve()), "alt_text": "A chart"}})
    yield history, str(CHART.resolve())
    for text in growing(question, history[:-3]):
        yield [*history, {"role": "assistant", "content": text}], str(CHART.resolve())


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Data analyst", **MESSAGES)
    with gr.Row():
        question = gr.Textbox(label="Question", scale=4)
        ask = gr.Button("Ask")
    download = gr.File(label="Chart", interactive=False)

    ask.click(analyse, [question, chatbot], [chatbot, download])
    question.submit(analyse, [question, chatbot], [chatbot, download])

if __name__ == "__main__":
    demo.launch()

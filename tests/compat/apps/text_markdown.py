"""A question box, and a Markdown that streams the answer."""

import gradio as gr
from stand_in import growing, step


@step(question="question")
def answer(question, style):
    yield "*Thinking…*"
    yield from growing(question, options={"style": style})


with gr.Blocks() as demo:
    question = gr.Textbox(label="Question")
    style = gr.Radio(["short", "long"], value="short", label="Style")
    ask = gr.Button("Ask")
    output = gr.Markdown()

    ask.click(answer, [question, style], output)
    question.submit(answer, [question, style], output)

if __name__ == "__main__":
    demo.launch()

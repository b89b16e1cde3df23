"""Two models side by side: the question goes to both Chatbots, then one answers after the other."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="question")
def ask(question, left, right):
    message = {"role": "user", "content": question}
    return "", [*left, message], [*right, message]


def answers(history, model):
    for answer in growing(text_of(history[-1]["content"]), history[:-1], model=model):
        yield [*history, {"role": "assistant", "content": answer}]


@step
def answer_left(history):
    yield from answers(history, "left")


@step
def answer_right(history):
    yield from answers(history, "right")


with gr.Blocks() as demo:
    with gr.Row():
        left = gr.Chatbot(label="Left", **MESSAGES)
        right = gr.Chatbot(label="Right", **MESSAGES)
    question = gr.Textbox(label="Question")

    question.submit(ask, [question, left, right], [question, left, right]).then(answer_left, left, left).then(
        answer_right, right, right
    )

if __name__ == "__main__":
    demo.launch()

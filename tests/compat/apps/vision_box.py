"""A vision demo: the picture in a box of its own beside the question, in one step."""

import gradio as gr
from stand_in import MESSAGES, files_of, growing, step


@step(question="question")
def answer_question(image, question, chatbot, max_new_tokens):
    if image is None:
        raise gr.Error("Please upload an image first.")
    options = {"max_new_tokens": max_new_tokens}
    for answer in growing(question, chatbot, files=files_of(image), options=options):
        turn = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        yield chatbot + turn, ""


with gr.Blocks() as demo:
    gr.Markdown("# 🌔 moondream2")
    with gr.Row():
        with gr.Column():
            image = gr.Image(type="filepath", label="Upload an image")
            max_new_tokens = gr.Slider(32, 1024, value=256, step=32, label="Max new tokens")
        with gr.Column():
            chatbot = gr.Chatbot(label="Chat", **MESSAGES)
            question = gr.Textbox(label="Question", placeholder="What is in this image?")
            submit = gr.Button("Submit")

    inputs = [image, question, chatbot, max_new_tokens]
    submit.click(answer_question, inputs, [chatbot, question])
    question.submit(answer_question, inputs, [chatbot, question])

if __name__ == "__main__":
    demo.launch()

"""The guide's chat with pairs, whose open turn is `[question, None]` until the answering step has begun it."""

import gradio as gr
from stand_in import PAIRS, growing, step


@step(question="txt")
def add_text(history, txt):
    history = [*history, (txt, None)]
    return history, gr.update(value="", interactive=False)


@step
def bot(history):
    question = history[-1][0]
    history[-1][1] = ""
    for answer in growing(question, history[:-1]):
        history[-1][1] = answer
        yield history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot([], elem_id="chatbot", **PAIRS)
    with gr.Row():
        txt = gr.Textbox(scale=4, show_label=False, placeholder="Enter text and press enter", container=False)

    txt_msg = txt.submit(add_text, [chatbot, txt], [chatbot, txt], queue=False).then(
        bot, chatbot, chatbot, api_name="bot_response"
    )
    txt_msg.then(step(lambda: gr.update(interactive=True), name="enable"), None, [txt], queue=False)

demo.queue()

if __name__ == "__main__":
    demo.launch()

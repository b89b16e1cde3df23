"""The guide's chat as it was with pairs: the answering step adds to the last one's second item."""

import gradio as gr
from stand_in import PAIRS, growing, step


@step(question="user_message")
def user(user_message, history):
    return "", [*history, [user_message, ""]]


@step
def bot(history):
    before = ""
    for answer in growing(history[-1][0], history[:-1]):
        history[-1][1] += answer[len(before) :]
        before = answer
        yield history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**PAIRS)
    msg = gr.Textbox()
    clear = gr.Button("Clear")

    msg.submit(user, [msg, chatbot], [msg, chatbot], queue=False).then(bot, chatbot, chatbot)
    clear.click(step(lambda: None, name="clear"), None, chatbot, queue=False)

demo.queue()

if __name__ == "__main__":
    demo.launch()

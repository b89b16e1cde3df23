"""The streaming chat of Gradio's guide: a step that shows the question, and one that answers what the Chatbot holds."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="user_message")
def user(user_message, history):
    return "", [*history, {"role": "user", "content": user_message}]


@step
def bot(history):
    question = text_of(history[-1]["content"])
    earlier = history[:-1]
    history.append({"role": "assistant", "content": ""})
    for answer in growing(question, earlier):
        history[-1]["content"] = answer
        yield history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    msg = gr.Textbox()
    clear = gr.Button("Clear")

    msg.submit(user, [msg, chatbot], [msg, chatbot], queue=False).then(bot, chatbot, chatbot)
    clear.click(step(lambda: None, name="clear"), None, chatbot, queue=False)

if __name__ == "__main__":
    demo.launch()

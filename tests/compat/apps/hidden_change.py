"""The send button writes the question into a hidden text box, whose change makes the model answer."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="user_input")
def submit(user_input):
    return "", user_input


@step
def respond(text, history):
    if not text:
        yield history, text
        return
    for answer in growing(text, history):
        turn = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        yield history + turn, text
    yield history + turn, ""


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    user_input = gr.Textbox(label="Ask")
    hidden = gr.Textbox(visible=False)

    user_input.submit(submit, user_input, [user_input, hidden])
    hidden.change(respond, [hidden, chatbot], [chatbot, hidden])

if __name__ == "__main__":
    demo.launch()

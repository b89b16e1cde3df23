"""A chat whose box is cleared by a second listener on the same event, and whose history is in a State."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="inp")
def chat(inp, history):
    history = history or []
    turn = [{"role": "user", "content": inp}]
    for answer in growing(inp, history):
        shown = history + turn + [{"role": "assistant", "content": answer}]
        yield shown, shown


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    state = gr.State([])
    inp = gr.Textbox(show_label=False, placeholder="Enter text and press enter")

    inp.submit(chat, [inp, state], [chatbot, state])
    inp.submit(step(lambda: "", name="clear_box"), None, inp)

if __name__ == "__main__":
    demo.launch()

"""JavaScript alone between the step that shows the question and the one that answers, and after it."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of

SCROLL = "() => { window.scrollTo(0, document.body.scrollHeight); }"
FOCUS = "() => { const box = document.querySelector('#prompt textarea'); if (box) { box.focus(); } }"


@step(question="prompt")
def add_prompt(prompt, history):
    return "", [*history, {"role": "user", "content": prompt}]


@step
def complete(history):
    for text in growing(text_of(history[-1]["content"]), history[:-1]):
        yield [*history, {"role": "assistant", "content": text}]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    prompt = gr.Textbox(label="Prompt", elem_id="prompt")

    prompt.submit(add_prompt, [prompt, chatbot], [prompt, chatbot]).then(fn=None, js=SCROLL).then(
        complete, chatbot, chatbot
    ).then(None, None, None, js=FOCUS)

if __name__ == "__main__":
    demo.launch()

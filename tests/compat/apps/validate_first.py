"""A first step that refuses an empty question; what answers follows its success, what tidies up follows anyhow."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="message")
def validate(message, history):
    if not message.strip() or "forbidden" in message:
        raise gr.Error("Please enter another question.")
    return [*history, {"role": "user", "content": message}], "", gr.update(interactive=False)


@step
def answer(history):
    for text in growing(text_of(history[-1]["content"]), history[:-1]):
        yield [*history, {"role": "assistant", "content": text}]


@step
def refuse():
    return "⚠️ That did not work."


@step
def enable():
    return gr.update(interactive=True)


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    status = gr.Markdown()
    message = gr.Textbox(label="Message")
    send = gr.Button("Send")

    checked = message.submit(validate, [message, chatbot], [chatbot, message, send])
    checked.success(answer, chatbot, chatbot).then(enable, None, send)
    if hasattr(checked, "failure"):  # since Gradio 5
        checked.failure(refuse, None, status)

if __name__ == "__main__":
    demo.launch()

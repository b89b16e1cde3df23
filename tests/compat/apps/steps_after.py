"""Steps after the reply: one writes a log, one sums up the chat in a State that the next turn reads."""

import gradio as gr
from stand_in import MESSAGES, growing, step, turns


@step(question="message")
def respond(message, history, summary):
    history = [*history, {"role": "user", "content": message}]
    for answer in growing(message, history[:-1], summary=summary):
        yield "", [*history, {"role": "assistant", "content": answer}]


@step
def log_chat(history):
    print(f"{len(history)} messages")  # noqa: T201 - as people do


@step
def summarize(history):
    return f"So far they asked: {'; '.join(question for question, _ in turns(history))}"


with gr.Blocks() as demo:
    summary = gr.State("nothing yet")
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")

    message.submit(respond, [message, chatbot, summary], [message, chatbot]).then(log_chat, chatbot, None).then(
        summarize, chatbot, summary
    )

if __name__ == "__main__":
    demo.launch()

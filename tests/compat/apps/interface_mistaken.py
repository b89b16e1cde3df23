"""A `gr.ChatInterface` from the days of pairs, whose history now comes in messages: it fails at the second turn."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def respond(message, history, system_message):
    messages = [{"role": "system", "content": system_message}]
    for user_message, bot_message in history:
        messages.append({"role": "user", "content": user_message})
        messages.append({"role": "assistant", "content": bot_message})
    yield from growing(message, messages, system=system_message)


demo = gr.ChatInterface(
    respond, additional_inputs=[gr.Textbox(value="You are helpful.", label="System message")], **MESSAGES
)

if __name__ == "__main__":
    demo.launch()

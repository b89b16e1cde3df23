"""The first chat of Gradio's guide: one step that answers all at once."""

import gradio as gr
from stand_in import MESSAGES, answer_to, step


@step(question="message")
def respond(message, chat_history):
    bot_message = answer_to(message, chat_history)
    chat_history.append({"role": "user", "content": message})
    chat_history.append({"role": "assistant", "content": bot_message})
    return "", chat_history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(**MESSAGES)
    msg = gr.Textbox()
    clear = gr.ClearButton([msg, chatbot])

    msg.submit(respond, [msg, chatbot], [msg, chatbot])

if __name__ == "__main__":
    demo.launch()

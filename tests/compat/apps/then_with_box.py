"""A chat whose second step takes the text box as well as the Chatbot; a third one clears the box."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="message")
def add_user_message(message, history):
    history = history or []
    history.append({"role": "user", "content": message})
    return history


@step
def generate_response(message, history, model_name, temperature):
    earlier = history[:-1]
    options = {"model_name": model_name, "temperature": temperature}
    for answer in growing(message, earlier, options=options):
        yield [*history, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    with gr.Row():
        model_name = gr.Dropdown(["gemma-2-2b", "gemma-2-9b", "gemma-2-27b"], value="gemma-2-9b", label="Model")
        temperature = gr.Slider(0, 1, value=0.6, label="Temperature")
    chatbot = gr.Chatbot(height=500, **MESSAGES)
    with gr.Row():
        message = gr.Textbox(placeholder="Type here...", show_label=False, scale=4)
        send = gr.Button("Send")

    answering = [message, chatbot, model_name, temperature]
    for event in (message.submit, send.click):
        event(add_user_message, [message, chatbot], chatbot).then(generate_response, answering, chatbot).then(
            step(lambda: "", name="clear_message"), None, message
        )

if __name__ == "__main__":
    demo.launch()

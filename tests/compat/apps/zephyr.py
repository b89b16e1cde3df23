"""One streaming step with a system prompt and sampling beside the box, which is cleared by the step itself."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="instruction")
def predict(instruction, history, system_message, temperature, max_tokens):
    options = {"temperature": temperature, "max_tokens": max_tokens}
    turn = [*history, {"role": "user", "content": instruction}]
    for answer in growing(instruction, history, system=system_message, options=options):
        yield [*turn, {"role": "assistant", "content": answer}], ""


@step
def clear_chat():
    return [], ""


with gr.Blocks(title="Zephyr 7B") as demo:
    gr.Markdown("# Zephyr 7B Chat")
    with gr.Row():
        with gr.Column(scale=3):
            chatbot = gr.Chatbot(label="Zephyr", **MESSAGES)
            instruction = gr.Textbox(label="Your message", placeholder="Ask me anything")
            with gr.Row():
                submit = gr.Button("Submit", variant="primary")
                stop = gr.Button("Stop")
                clear = gr.Button("Clear")
        with gr.Column(scale=1):
            system_message = gr.Textbox("You are a pirate.", label="System message", lines=3)
            temperature = gr.Slider(0.1, 2.0, value=0.7, step=0.1, label="Temperature")
            max_tokens = gr.Slider(16, 2048, value=256, step=16, label="Max tokens")

    inputs = [instruction, chatbot, system_message, temperature, max_tokens]
    clicked = submit.click(predict, inputs, [chatbot, instruction])
    submitted = instruction.submit(predict, inputs, [chatbot, instruction])
    stop.click(None, None, None, cancels=[clicked, submitted])
    clear.click(clear_chat, None, [chatbot, instruction])

if __name__ == "__main__":
    demo.launch()

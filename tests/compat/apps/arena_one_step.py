"""Two models side by side, both answering in one step."""

import gradio as gr
from stand_in import MESSAGES, growing, step


def answered(history, question, answer):
    return [*history, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@step(question="prompt")
def battle(prompt, left, right, temperature):
    options = {"temperature": temperature}
    both = zip(
        growing(prompt, left, model="A", options=options),
        growing(prompt, right, model="B", options=options),
        strict=True,
    )
    for one, other in both:
        yield answered(left, prompt, one), answered(right, prompt, other), ""


with gr.Blocks() as demo:
    gr.Markdown("# ⚔️ Arena")
    with gr.Row():
        model_a = gr.Chatbot(label="Model A", **MESSAGES)
        model_b = gr.Chatbot(label="Model B", **MESSAGES)
    prompt = gr.Textbox(label="Prompt")
    temperature = gr.Slider(0, 2, value=1, label="Temperature")

    prompt.submit(battle, [prompt, model_a, model_b, temperature], [model_a, model_b, prompt])

if __name__ == "__main__":
    demo.launch()

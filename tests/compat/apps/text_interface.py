"""A `gr.Interface` from text to text."""

import gradio as gr
from stand_in import answer_to, step


@step(question="prompt")
def generate(prompt, max_length):
    return answer_to(prompt, options={"max_length": max_length})


demo = gr.Interface(
    fn=generate,
    inputs=[gr.Textbox(label="Prompt"), gr.Slider(10, 500, value=100, step=10, label="Max length")],
    outputs=gr.Textbox(label="Generated text"),
    title="Text generation",
)

if __name__ == "__main__":
    demo.launch()

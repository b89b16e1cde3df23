"""A Chatbot that shows the model's side alone: the app appends no message of the user."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of


@step(question="prompt")
def tell_story(prompt, history, genre):
    story = [["", text_of(message["content"])] for message in history]
    for text in growing(prompt, story, options={"genre": genre}):
        yield [*history, {"role": "assistant", "content": text}]


with gr.Blocks() as demo:
    gr.Markdown("## Story teller")
    genre = gr.Radio(["fairy tale", "crime", "science fiction"], value="crime", label="Genre")
    story = gr.Chatbot(label="Story", **MESSAGES)
    prompt = gr.Textbox(label="What happens next?")
    go = gr.Button("Continue")

    go.click(tell_story, [prompt, story, genre], story)
    prompt.submit(tell_story, [prompt, story, genre], story)

if __name__ == "__main__":
    demo.launch()

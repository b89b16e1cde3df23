"""A `gr.ChatInterface` whose Chatbot names the tags of thoughts, as Gradio 6 can."""

import gradio as gr
from stand_in import growing, step


@step(question="message")
def reason(message, history):
    yield "<thinking>"
    yield "<thinking>What do they want?"
    text = "<thinking>What do they want?</thinking>Hm. <thinking>Once more.</thinking>"
    for answer in growing(message, history):
        yield text + answer


demo = gr.ChatInterface(reason, chatbot=gr.Chatbot(reasoning_tags=[("<thinking>", "</thinking>")]))

if __name__ == "__main__":
    demo.launch()

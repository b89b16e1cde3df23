"""A step whose outputs are a Button, a State, HTML and the Chatbot last, some by updates without a value."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="text")
def reply(text, history, tokens, persona):
    history = [*history, {"role": "user", "content": text}]
    yield gr.update(value="Stop", interactive=True), tokens, "<i>typing…</i>", gr.update(), gr.update(value=history)
    for answer in growing(text, history[:-1], tokens=tokens, options={"persona": persona}):
        tokens += 1
        shown = gr.update(value=[*history, {"role": "assistant", "content": answer}])
        yield gr.update(), tokens, f"<i>{tokens} tokens</i>", gr.update(interactive=False), shown
    yield gr.Button(value="Send"), tokens, gr.update(visible=True), gr.update(value="", interactive=True), gr.update()


with gr.Blocks() as demo:
    tokens = gr.State(0)
    persona = gr.Dropdown(["pirate", "butler"], value="butler", label="Persona")
    chatbot = gr.Chatbot(**MESSAGES)
    counter = gr.HTML("<i>0 tokens</i>")
    text = gr.Textbox(label="Message")
    send = gr.Button("Send")

    inputs = [text, chatbot, tokens, persona]
    gr.on([text.submit, send.click], reply, inputs, [send, tokens, counter, text, chatbot])

if __name__ == "__main__":
    demo.launch()

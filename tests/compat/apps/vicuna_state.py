"""Question and history both in plain States, which a first step fills and buttons follow with `gr.skip`."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="user_input")
def add_text(user_input, history):
    if not user_input.strip():
        return user_input, "", history, gr.skip(), gr.skip()
    shown = [*history, {"role": "user", "content": user_input}]
    return "", user_input, history, shown, gr.update(interactive=False)


@step
def generate(prompt, history, repetition_penalty):
    for answer in growing(prompt, history, options={"repetition_penalty": repetition_penalty}):
        turn = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        yield [*history, *turn], gr.skip(), gr.skip()
    yield gr.skip(), [*history, *turn], gr.update(interactive=True)


with gr.Blocks() as demo:
    prompt = gr.State("")
    history = gr.State([])
    chatbot = gr.Chatbot(**MESSAGES)
    user_input = gr.Textbox(placeholder="Message", container=False)
    send = gr.Button("Send")
    penalty = gr.Slider(1.0, 2.0, value=1.2, label="Repetition penalty")

    for trigger in (user_input.submit, send.click):
        trigger(add_text, [user_input, history], [user_input, prompt, history, chatbot, send]).then(
            generate, [prompt, history, penalty], [chatbot, history, send]
        )

if __name__ == "__main__":
    demo.launch()

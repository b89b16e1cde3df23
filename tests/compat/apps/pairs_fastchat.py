"""A FastChat server of its day: `http_bot` on an object in a State, shown as pairs."""

import gradio as gr
from stand_in import PAIRS, growing, step

no_change_btn = gr.update()
enable_btn = gr.update(interactive=True)
disable_btn = gr.update(interactive=False)


class Conversation:
    """One conversation."""

    def __init__(self):
        self.messages = []

    def to_gradio_chatbot(self):
        return [list(turn) for turn in self.messages]


@step
def load_demo(url_params, request: gr.Request):
    return Conversation(), gr.update(visible=True)


@step(question="text")
def add_text(state, text, request: gr.Request):
    if len(text) <= 0:
        return (state, state.to_gradio_chatbot(), "") + (no_change_btn,) * 2
    state.messages.append([text, None])
    return (state, state.to_gradio_chatbot(), "") + (disable_btn,) * 2


@step
def http_bot(state, model_selector, temperature, max_new_tokens, request: gr.Request):
    *earlier, (question, _) = state.messages
    options = {"model_selector": model_selector, "temperature": temperature, "max_new_tokens": max_new_tokens}
    for output in growing(question, earlier, options=options):
        state.messages[-1][1] = output + "▌"
        yield (state, state.to_gradio_chatbot()) + (disable_btn,) * 2
    state.messages[-1][1] = output
    yield (state, state.to_gradio_chatbot()) + (enable_btn,) * 2


with gr.Blocks() as demo:
    state = gr.State()
    url_params = gr.JSON(visible=False)
    model_selector = gr.Dropdown(["llava-v1.5-7b", "llava-v1.5-13b"], value="llava-v1.5-13b", show_label=False)
    chatbot = gr.Chatbot(elem_id="chatbot", height=550, **PAIRS)
    textbox = gr.Textbox(show_label=False, placeholder="Enter text and press ENTER", container=False)
    submit_btn = gr.Button(value="Send", variant="primary")
    with gr.Row(visible=False) as button_row:
        regenerate_btn = gr.Button(value="🔄  Regenerate", interactive=False)
        clear_btn = gr.Button(value="🗑️  Clear", interactive=False)
    with gr.Accordion("Parameters", open=False):
        temperature = gr.Slider(0.0, 1.0, value=0.2, step=0.1, label="Temperature")
        max_output_tokens = gr.Slider(0, 1024, value=512, step=64, label="Max output tokens")

    btn_list = [regenerate_btn, clear_btn]
    for event in (textbox.submit, submit_btn.click):
        event(add_text, [state, textbox], [state, chatbot, textbox, *btn_list], queue=False).then(
            http_bot, [state, model_selector, temperature, max_output_tokens], [state, chatbot, *btn_list]
        )
    demo.load(load_demo, [url_params], [state, button_row])

demo.queue()

if __name__ == "__main__":
    demo.launch()

"""A LLaVA-like vision demo: question and picture go into an object in a State, a second step answers."""

import gradio as gr
from stand_in import MESSAGES, files_of, growing, step

no_change_btn = gr.Button()
enable_btn = gr.Button(interactive=True)
disable_btn = gr.Button(interactive=False)


class Conversation:
    """One conversation, and the picture that it is about."""

    def __init__(self):
        self.messages = []
        self.image = None

    def shown(self):
        return [{"role": role, "content": text} for role, text in self.messages]


@step(question="text")
def add_text(state, text, image):
    state = state or Conversation()
    if image is not None:
        state.image = image
    state.messages.append(("user", text))
    return state, state.shown(), "", None, disable_btn, disable_btn


@step
def http_bot(state, image_process_mode, temperature):
    *earlier, (_, question) = state.messages
    earlier = [{"role": role, "content": text} for role, text in earlier]
    options = {"image_process_mode": image_process_mode, "temperature": temperature}
    for output in growing(question, earlier, files=files_of(state.image), options=options):
        yield state, [*state.shown(), {"role": "assistant", "content": output + "▌"}], disable_btn, disable_btn
    state.messages.append(("assistant", output))
    yield state, state.shown(), enable_btn, enable_btn


@step
def clear_history():
    return None, [], "", None, disable_btn, disable_btn


with gr.Blocks(title="LLaVA") as demo:
    state = gr.State()
    with gr.Row():
        with gr.Column(scale=3):
            imagebox = gr.Image(type="filepath", label="Image")
            image_process_mode = gr.Radio(
                ["Crop", "Resize", "Pad", "Default"], value="Default", label="Preprocess for non-square image"
            )
            temperature = gr.Slider(0.0, 1.0, value=0.2, step=0.1, label="Temperature")
        with gr.Column(scale=8):
            chatbot = gr.Chatbot(elem_id="chatbot", label="LLaVA Chatbot", height=650, **MESSAGES)
            textbox = gr.Textbox(show_label=False, placeholder="Enter text and press ENTER", container=False)
            submit_btn = gr.Button(value="Send", variant="primary")
            regenerate_btn = gr.Button(value="🔄  Regenerate", interactive=False)
            clear_btn = gr.Button(value="🗑️  Clear", interactive=False)

    asked = [state, chatbot, textbox, imagebox, regenerate_btn, clear_btn]
    for event in (textbox.submit, submit_btn.click):
        event(add_text, [state, textbox, imagebox], asked).then(
            http_bot, [state, image_process_mode, temperature], [state, chatbot, regenerate_btn, clear_btn]
        )
    clear_btn.click(clear_history, None, asked)

if __name__ == "__main__":
    demo.launch()

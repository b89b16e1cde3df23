"""A FastChat server: the conversation is an object in a State, and five buttons follow every step."""

import gradio as gr
from stand_in import MESSAGES, growing, step

no_change_btn = gr.Button()
enable_btn = gr.Button(interactive=True)
disable_btn = gr.Button(interactive=False)


class Conversation:
    """One conversation, with the turn that is not answered yet."""

    def __init__(self, model_name):
        self.model_name = model_name
        self.messages = []
        self.skip_next = False

    def to_gradio_chatbot(self):
        return [{"role": role, "content": text} for role, text in self.messages if text is not None]


@step(question="text")
def add_text(state, model_selector, text, request: gr.Request):
    if state is None:
        state = Conversation(model_selector)
    if len(text) <= 0:
        state.skip_next = True
        return (state, state.to_gradio_chatbot(), "") + (no_change_btn,) * 5
    state.messages += [("user", text), ("assistant", None)]
    state.skip_next = False
    return (state, state.to_gradio_chatbot(), "") + (disable_btn,) * 5


@step
def bot_response(state, temperature, top_p, max_new_tokens, request: gr.Request):
    if state.skip_next:
        state.skip_next = False
        yield (state, state.to_gradio_chatbot()) + (no_change_btn,) * 5
        return
    *earlier, (_, question), _ = state.messages
    earlier = [{"role": role, "content": text} for role, text in earlier]
    options = {
        "model_selector": state.model_name,
        "temperature": temperature,
        "top_p": top_p,
        "max_new_tokens": max_new_tokens,
    }
    state.messages[-1] = ("assistant", "▌")
    yield (state, state.to_gradio_chatbot()) + (disable_btn,) * 5
    for answer in growing(question, earlier, options=options):
        state.messages[-1] = ("assistant", answer + "▌")
        yield (state, state.to_gradio_chatbot()) + (disable_btn,) * 5
    state.messages[-1] = ("assistant", answer)
    yield (state, state.to_gradio_chatbot()) + (enable_btn,) * 5


@step
def regenerate(state, request: gr.Request):
    state.messages[-1] = ("assistant", None)
    return (state, state.to_gradio_chatbot(), "") + (disable_btn,) * 5


@step
def clear_history(request: gr.Request):
    return (None, [], "") + (disable_btn,) * 5


@step
def vote_last_response(state, request: gr.Request):
    return ("",) + (disable_btn,) * 3


with gr.Blocks(title="Chat with Open Large Language Models") as demo:
    state = gr.State()
    gr.Markdown("# 🏔️ Chat with Open Large Language Models")
    model_selector = gr.Dropdown(
        choices=["vicuna-7b-v1.5", "vicuna-13b-v1.5"], value="vicuna-13b-v1.5", interactive=True, show_label=False
    )
    chatbot = gr.Chatbot(elem_id="chatbot", label="Scroll down and start chatting", height=550, **MESSAGES)
    with gr.Row():
        textbox = gr.Textbox(show_label=False, placeholder="👉 Enter your prompt and press ENTER", elem_id="input_box")
        send_btn = gr.Button(value="Send", variant="primary", scale=0)
    with gr.Row():
        upvote_btn = gr.Button(value="👍  Upvote", interactive=False)
        downvote_btn = gr.Button(value="👎  Downvote", interactive=False)
        flag_btn = gr.Button(value="⚠️  Flag", interactive=False)
        regenerate_btn = gr.Button(value="🔄  Regenerate", interactive=False)
        clear_btn = gr.Button(value="🗑️  Clear history", interactive=False)
    with gr.Accordion("Parameters", open=False):
        temperature = gr.Slider(0.0, 1.0, value=0.7, step=0.1, interactive=True, label="Temperature")
        top_p = gr.Slider(0.0, 1.0, value=1.0, step=0.1, interactive=True, label="Top P")
        max_output_tokens = gr.Slider(16, 2048, value=1024, step=64, interactive=True, label="Max output tokens")

    btn_list = [upvote_btn, downvote_btn, flag_btn, regenerate_btn, clear_btn]
    sampling = [temperature, top_p, max_output_tokens]
    voting = [textbox, upvote_btn, downvote_btn, flag_btn]
    upvote_btn.click(vote_last_response, [state], voting)
    downvote_btn.click(vote_last_response, [state], voting)
    flag_btn.click(vote_last_response, [state], voting)
    regenerate_btn.click(regenerate, state, [state, chatbot, textbox, *btn_list]).then(
        bot_response, [state, *sampling], [state, chatbot, *btn_list]
    )
    clear_btn.click(clear_history, None, [state, chatbot, textbox, *btn_list])
    model_selector.change(clear_history, None, [state, chatbot, textbox, *btn_list])
    textbox.submit(add_text, [state, model_selector, textbox], [state, chatbot, textbox, *btn_list]).then(
        bot_response, [state, *sampling], [state, chatbot, *btn_list]
    )
    send_btn.click(add_text, [state, model_selector, textbox], [state, chatbot, textbox, *btn_list]).then(
        bot_response, [state, *sampling], [state, chatbot, *btn_list]
    )

if __name__ == "__main__":
    demo.launch()

"""Llama's demo: the first step moves the question into a State, the next shows it, then checks it, then answers."""

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of

DEFAULT_SYSTEM_PROMPT = "You are a helpful, respectful and honest assistant."
MAX_INPUT_LENGTH = 4000


@step(question="message")
def clear_and_save_textbox(message):
    return "", message


@step
def display_input(message, history):
    return [*history, {"role": "user", "content": message}]


@step
def check_input_token_length(message, chat_history, system_prompt):
    if len(message) + len(system_prompt) > MAX_INPUT_LENGTH:
        raise gr.Error(f"The accumulated input is too long ({len(message)} > {MAX_INPUT_LENGTH}).")


@step
def generate(message, history_with_input, system_prompt, max_new_tokens, temperature):
    options = {"max_new_tokens": max_new_tokens, "temperature": temperature}
    for response in growing(message, history_with_input[:-1], system=system_prompt, options=options):
        yield [*history_with_input, {"role": "assistant", "content": response}]


@step
def delete_prev_fn(history):
    message = next((text_of(turn["content"]) for turn in reversed(history) if turn["role"] == "user"), "")
    while history and history.pop()["role"] != "user":
        pass
    return history, message


with gr.Blocks() as demo:
    gr.Markdown("# Llama-2 13B Chat")
    with gr.Group():
        chatbot = gr.Chatbot(label="Chatbot", **MESSAGES)
        with gr.Row():
            textbox = gr.Textbox(container=False, show_label=False, placeholder="Type a message...", scale=10)
            submit_button = gr.Button("Submit", variant="primary", scale=1, min_width=0)
    with gr.Row():
        retry_button = gr.Button("🔄  Retry", variant="secondary")
        undo_button = gr.Button("↩️ Undo", variant="secondary")
        clear_button = gr.Button("🗑️  Clear", variant="secondary")
    saved_input = gr.State()
    with gr.Accordion(label="Advanced options", open=False):
        system_prompt = gr.Textbox(label="System prompt", value=DEFAULT_SYSTEM_PROMPT, lines=6)
        max_new_tokens = gr.Slider(label="Max new tokens", minimum=1, maximum=2048, step=1, value=1024)
        temperature = gr.Slider(label="Temperature", minimum=0.1, maximum=4.0, step=0.1, value=1.0)

    sampling = [system_prompt, max_new_tokens, temperature]
    for event in (textbox.submit, submit_button.click):
        event(clear_and_save_textbox, textbox, [textbox, saved_input], queue=False).then(
            display_input, [saved_input, chatbot], chatbot, queue=False
        ).then(check_input_token_length, [saved_input, chatbot, system_prompt], queue=False).success(
            generate, [saved_input, chatbot, *sampling], chatbot
        )
    retry_button.click(delete_prev_fn, chatbot, [chatbot, saved_input], queue=False).then(
        display_input, [saved_input, chatbot], chatbot, queue=False
    ).then(generate, [saved_input, chatbot, *sampling], chatbot)
    undo_button.click(delete_prev_fn, chatbot, [chatbot, saved_input], queue=False).then(
        step(lambda x: x, name="restore"), saved_input, textbox, queue=False
    )
    clear_button.click(step(lambda: ([], ""), name="clear"), None, [chatbot, saved_input], queue=False)

if __name__ == "__main__":
    demo.launch()

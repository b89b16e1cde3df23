"""A `gr.ChatInterface` as they were: its history comes in pairs, and is written into the prompt by hand."""

import gradio as gr
from stand_in import PAIRS, growing, step


@step(question="message")
def respond(message, history, system_prompt):
    conversation = [{"role": "system", "content": system_prompt}]
    for user_prompt, bot_response in history:
        conversation.append({"role": "user", "content": user_prompt})
        conversation.append({"role": "assistant", "content": bot_response})
    yield from growing(message, conversation, system=system_prompt)


demo = gr.ChatInterface(
    respond,
    additional_inputs=[gr.Textbox("You are Mistral.", label="System Prompt", max_lines=1, interactive=True)],
    title="Mistral 7B",
    **PAIRS,
)

if __name__ == "__main__":
    demo.queue().launch()

"""Thoughts as messages of their own, with titles: Gradio shows them folded."""

import gradio as gr
from gradio import ChatMessage
from stand_in import MESSAGES, growing, step


@step(question="user_message")
def user(user_message, messages):
    return "", user_message, [*messages, ChatMessage(role="user", content=user_message)]


@step
def stream_response(user_message, messages):
    *earlier, _ = messages
    messages.append(ChatMessage(role="assistant", content="", metadata={"title": "⏳Thinking"}))
    for thought in ("I look", "I look at it", "I look at it twice."):
        messages[-1].content = thought
        yield messages
    messages[-1].metadata = {"title": "💭 Thought for 2 seconds"}
    messages.append(ChatMessage(role="assistant", content="2 + 2", metadata={"title": "🧮 Calculator"}))
    yield messages
    messages.append(ChatMessage(role="assistant", content=""))
    for answer in growing(user_message, earlier):
        messages[-1].content = answer
        yield messages


with gr.Blocks() as demo:
    gr.Markdown("# Chat with Gemini and see its thoughts 💭")
    chatbot = gr.Chatbot(label="Gemini", render_markdown=True, **MESSAGES)
    msg_store = gr.State("")
    input_box = gr.Textbox(lines=1, label="Chat Message", placeholder="Type your message here...")
    clear_button = gr.Button("Clear Chat")

    input_box.submit(user, [input_box, chatbot], [input_box, msg_store, chatbot], queue=False).then(
        stream_response, [msg_store, chatbot], chatbot
    )
    clear_button.click(step(lambda: ([], "", ""), name="clear"), None, [chatbot, input_box, msg_store])

if __name__ == "__main__":
    demo.launch()

"""The multimodal chat of Gradio's guide: files and text become messages, a second step answers them."""

import gradio as gr
from stand_in import MESSAGES, files_of, growing, step, text_of


def file_in(message):
    """Give the path of the file that a message holds, in any Gradio's form."""
    content = message["content"]
    content = content[0] if isinstance(content, list) else content
    if isinstance(content, tuple):
        return content[0]
    file = content.get("file", content) if isinstance(content, dict) else None
    return file["path"] if isinstance(file, dict) and "path" in file else None


@step(question="message")
def add_message(history, message):
    for path in message["files"]:
        history.append({"role": "user", "content": {"path": path}})
    if message["text"] is not None:
        history.append({"role": "user", "content": message["text"]})
    return history, gr.MultimodalTextbox(value=None, interactive=False)


@step
def bot(history):
    files = []
    for message in reversed(history[:-1]):
        if message["role"] != "user" or not file_in(message):
            break
        files.insert(0, file_in(message))
    earlier = history[: len(history) - 1 - len(files)]
    history.append({"role": "assistant", "content": ""})
    for answer in growing(text_of(history[-2]["content"]), earlier, files=files_of(*files)):
        history[-1]["content"] = answer
        yield history


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(elem_id="chatbot", **MESSAGES)
    chat_input = gr.MultimodalTextbox(
        interactive=True, file_count="multiple", placeholder="Enter message or upload file...", show_label=False
    )

    chat_msg = chat_input.submit(add_message, [chatbot, chat_input], [chatbot, chat_input])
    bot_msg = chat_msg.then(bot, chatbot, chatbot, api_name="bot_response")
    bot_msg.then(step(lambda: gr.MultimodalTextbox(interactive=True), name="enable"), None, [chat_input])

if __name__ == "__main__":
    demo.launch()

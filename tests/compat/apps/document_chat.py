"""A chat about a document: uploading it fills a State, which the answering step reads."""

import gradio as gr
from stand_in import MESSAGES, files_of, growing, step


@step
def index_document(file):
    return files_of(file), "Document indexed, ask away."


@step(question="message")
def chat(message, history, index):
    if not index:
        raise gr.Error("Upload a document first.")
    history = [*history, {"role": "user", "content": message}]
    for answer in growing(message, history[:-1], files=index):
        yield "", [*history, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    index = gr.State()
    with gr.Row():
        document = gr.File(label="Document", file_types=[".txt", ".pdf"])
        status = gr.Textbox(label="Status", interactive=False)
    chatbot = gr.Chatbot(label="Chat with your document", **MESSAGES)
    message = gr.Textbox(label="Question")

    document.upload(index_document, document, [index, status])
    message.submit(chat, [message, chatbot, index], [message, chatbot])

if __name__ == "__main__":
    demo.launch()

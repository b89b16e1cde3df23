"""Loading the page gives its session an id and settings, without which the answering step refuses."""

import uuid

import gradio as gr
from stand_in import MESSAGES, growing, step

sessions: dict[str, int] = {}


@step
def start_session(request: gr.Request):
    session_id = uuid.uuid4().hex
    sessions[session_id] = 0
    return session_id, {"language": "en", "max_turns": 50}


@step(question="message")
def chat(message, history, session_id, settings):
    if session_id not in sessions:
        raise gr.Error("Session expired, please reload the page.")
    sessions[session_id] += 1
    heard = {"turn": sessions[session_id], "settings": settings}
    for partial in growing(message, history, **heard):
        yield "", [*history, {"role": "user", "content": message}, {"role": "assistant", "content": partial}]


with gr.Blocks() as demo:
    session_id = gr.State()
    settings = gr.State({})
    chatbot = gr.Chatbot(**MESSAGES)
    message = gr.Textbox(label="Message")

    demo.load(start_session, None, [session_id, settings])
    message.submit(chat, [message, chatbot, session_id, settings], [message, chatbot])

if __name__ == "__main__":
    demo.launch()

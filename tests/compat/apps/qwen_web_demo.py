"""Qwen's own web demo: the model reads a State, and the Chatbot beside it only shows."""

import gradio as gr
from stand_in import MESSAGES, growing, step


def _parse_text(text):
    return text.replace("`", r"\`") if "```" in text else text


@step(question="_query")
def predict(_query, _chatbot, _task_history):
    _chatbot.append({"role": "user", "content": _parse_text(_query)})
    _chatbot.append({"role": "assistant", "content": ""})
    full_response = ""
    for response in growing(_query, _task_history):
        _chatbot[-1] = {"role": "assistant", "content": _parse_text(response)}
        yield _chatbot
        full_response = _parse_text(response)
    _task_history.append((_query, full_response))


@step
def regenerate(_chatbot, _task_history):
    if not _task_history:
        yield _chatbot
        return
    query, _ = _task_history.pop(-1)
    for response in growing(query, _task_history):
        yield [*_chatbot[:-1], {"role": "assistant", "content": response}]
    _task_history.append((query, response))


@step
def reset_user_input():
    return gr.update(value="")


@step
def reset_state(_chatbot, _task_history):
    _task_history.clear()
    _chatbot.clear()
    return _chatbot


with gr.Blocks() as demo:
    gr.Markdown("<center><font size=8>Qwen2 Chat Bot</center>")
    chatbot = gr.Chatbot(label="Qwen", elem_classes="control-height", **MESSAGES)
    query = gr.Textbox(lines=2, label="Input")
    task_history = gr.State([])
    with gr.Row():
        empty_btn = gr.Button("🧹 Clear History (清除历史)")
        submit_btn = gr.Button("🚀 Submit (发送)")
        regen_btn = gr.Button("🤔️ Regenerate (重试)")

    submit_btn.click(predict, [query, chatbot, task_history], [chatbot], show_progress=True)
    submit_btn.click(reset_user_input, [], [query])
    empty_btn.click(reset_state, [chatbot, task_history], outputs=[chatbot], show_progress=True)
    regen_btn.click(regenerate, [chatbot, task_history], [chatbot], show_progress=True)

if __name__ == "__main__":
    demo.launch()

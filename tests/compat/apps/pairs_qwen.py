"""Qwen's own web demo as it was: the model reads a State, the Chatbot of pairs only shows."""

import gradio as gr
from stand_in import PAIRS, growing, step


@step(question="_query")
def predict(_query, _chatbot, _task_history):
    _chatbot.append((_query, ""))
    full_response = ""
    for response in growing(_query, _task_history):
        _chatbot[-1] = (_query, response)
        yield _chatbot
        full_response = response
    _task_history.append((_query, full_response))


@step
def regenerate(_chatbot, _task_history):
    if not _task_history:
        yield _chatbot
        return
    item = _task_history.pop(-1)
    _chatbot.pop(-1)
    for response in growing(item[0], _task_history):
        yield [*_chatbot, (item[0], response)]
    _task_history.append((item[0], response))


@step
def reset_user_input():
    return gr.update(value="")


@step
def reset_state(_chatbot, _task_history):
    _task_history.clear()
    _chatbot.clear()
    return _chatbot


with gr.Blocks() as demo:
    chatbot = gr.Chatbot(label="Qwen-Chat", elem_classes="control-height", **PAIRS)
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
    demo.queue().launch()

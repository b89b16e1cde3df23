"""An agent's page: it plans, searches and writes in steps of their own, each with a line of status."""

import gradio as gr
from stand_in import MESSAGES, growing, step


@step(question="task")
def start_task(task, history):
    return "", task, [*history, {"role": "user", "content": task}], "🧭 Planning…"


@step
def plan(task):
    return [f"search {task}", "write it up"], "🔍 Searching…"


@step
def search(plan):
    notes = []
    for number, entry in enumerate(plan, 1):
        notes.append(f"note {number} on {entry}")
        yield notes, f"🔍 Searching… {number}/{len(plan)}"


@step
def write(task, notes, history):
    for report in growing(task, history[:-1], notes=notes):
        yield [*history, {"role": "assistant", "content": report}], "✍️ Writing…"
    yield [*history, {"role": "assistant", "content": report}], "✅ Done"


with gr.Blocks() as demo:
    gr.Markdown("# 🕵️ Research agent")
    task_state, plan_state, notes_state = gr.State(), gr.State(), gr.State()
    with gr.Row():
        chatbot = gr.Chatbot(label="Agent", **MESSAGES)
        status = gr.Textbox(label="Status", value="Idle", interactive=False)
    task = gr.Textbox(label="Task")
    run = gr.Button("Run agent", variant="primary")

    for event in (run.click, task.submit):
        event(start_task, [task, chatbot], [task, task_state, chatbot, status]).then(
            plan, task_state, [plan_state, status]
        ).then(search, plan_state, [notes_state, status]).then(
            write, [task_state, notes_state, chatbot], [chatbot, status]
        )

if __name__ == "__main__":
    demo.launch()

"""A Chatbot in which the app keeps messages of its own: a system message, a tool's call and a file."""

from pathlib import Path
from typing import Any

import gradio as gr
from stand_in import MESSAGES, growing, step, text_of

FORECAST = Path("forecast.csv")
FORECAST.write_text("day,degrees\nMonday,21\nTuesday,19\n")
SYSTEM: Any = {"role": "system", "content": "You know the weather."}


def kinds(history):
    """Tell what the app finds in its own Chatbot."""
    found = []
    for message in history:
        title = (message.get("metadata") or {}).get("title")
        found.append(f"{message['role']}: {title}" if title else message["role"])
    return found


@step(question="message")
def respond(message, history):
    heard = {"messages": kinds(history), "system": text_of(history[0]["content"]) if history else None}
    call = {
        "role": "assistant",
        "content": f"get_weather({message!r})",
        "metadata": {"title": "🛠️ Used tool get_weather"},
    }
    attached = {"role": "assistant", "content": {"path": str(FORECAST.resolve())}}
    so_far = [*history, {"role": "user", "content": message}, call]
    yield "", so_far
    yield "", [*so_far, attached]
    for answer in growing(message, history, **heard):
        yield "", [*so_far, attached, {"role": "assistant", "content": answer}]


with gr.Blocks() as demo:
    chatbot = gr.Chatbot([SYSTEM], label="Weather agent", **MESSAGES)
    message = gr.Textbox(label="Message")
    message.submit(respond, [message, chatbot], [message, chatbot])

if __name__ == "__main__":
    demo.launch()

"""A page whose opening runs three functions: one that its author hid, one that a quota ends, and one that raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import CHATBOT, growing, turns, with_answer  # type: ignore[import-not-found] # beside it


def start_session() -> str:
    return "a session"


def read_plan() -> str:
    raise gr.Error("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:10:00")


def read_profile() -> str:
    raise gr.Error("There is no profile.")


def chat(
    message: str, history: Any, session: str | None, plan: str | None, profile: str | None
) -> Iterator[tuple[str, Any]]:
    if "session" in message and session is None:
        raise gr.Error("There is no session.")
    for answer in growing(query=message, earlier=turns(history), session=session, plan=plan, profile=profile):
        yield "", with_answer(history, message, answer)


with gr.Blocks() as demo:
    session, plan, profile = gr.State(), gr.State(), gr.State()
    chatbot = gr.Chatbot(**CHATBOT)
    message = gr.Textbox(label="Message")
    demo.load(start_session, None, session, api_name=False)
    demo.load(read_plan, None, plan)
    demo.load(read_profile, None, profile)
    message.submit(chat, [message, chatbot, session, plan, profile], [message, chatbot])


if __name__ == "__main__":
    demo.launch()

"""A `gr.ChatInterface` with additional inputs, as people write them; it says what it got, a word at a time.

Like the scripted Space it runs in a process of its own, on any Gradio.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from scripted_space import stand_in  # type: ignore[import-not-found] # beside it, when it runs


def respond(message: str, history: list[Any], system: str, temperature: float) -> Iterator[str]:
    heard = json.dumps({"message": message, "earlier": len(history), "system": system, "temperature": temperature})
    for word in re.finditer(r"\S+", heard):
        yield heard[: word.end()]
        time.sleep(0.02)


def build() -> Any:
    import gradio as gr

    options: dict[str, Any] = {"type": "messages"} if gr.__version__.startswith("5") else {}
    system = gr.Textbox("You are kind.", label="System prompt")
    inputs: list[Any] = [system, gr.Slider(0, 1, value=0.5, label="Temperature")]
    return gr.ChatInterface(respond, additional_inputs=inputs, **options)


if __name__ == "__main__":
    stand_in().serve(build)

"""The stand-in Space: a real gradio server with the Qwen2-72B-Instruct Space's API, and no model behind it.

The layout, the names and the order of inputs and outputs are those of the Space's own app (gradio 4.32.1):
`textbox.submit` then `sumbit.click`, both `model_chat`, inputs query, history and system, outputs the emptied
textbox, the Chatbot and the system box; each yield is the whole answer so far.

This file needs gradio alone (4.44, 5.x or 6.x), nothing of this package, so that any Python that has gradio can run it:
`python demo.py --port 7860`. It prints its URL on one line when it is ready, and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

SYSTEM = "You are a helpful assistant."
WORD_SECONDS = 0.04  # about the pace at which a hosted 72B model writes, and at which a person can read along

# What a model is to this file: (system, earlier turns as (user, assistant) pairs, query) -> the answer as it grows.
Model = Callable[[str, Sequence[tuple[str, str]], str], Iterator[str]]


def stand_in(system: str, turns: Sequence[tuple[str, str]], query: str) -> Iterator[str]:
    """Say, a word at a time, that no model is here and what was asked. Each item is the whole answer so far."""
    earlier = "; ".join(f"you said “{user}”" for user, _ in turns) or "nothing"
    answer = (
        "I am a stand-in for Qwen2-72B-Instruct: a real Gradio server with that Space's API, but no model.\n\n"
        f"You asked: {query}\n"
        f"The system message: {system or 'none'}\n"
        f"Said before that: {earlier}"
    )
    for word in re.finditer(r"\S+", answer):
        time.sleep(WORD_SECONDS)
        yield answer[: word.end()]


def build(model: Model = stand_in, *, concurrency_limit: int = 40) -> Any:
    """Lay out the Space's page around a model that answers so many at once, and return the `gradio.Blocks`."""
    import gradio as gr

    in_pairs = int(gr.__version__.split(".")[0]) < 6  # a Chatbot's value is pairs up to gradio 5, role dicts from 6

    def model_chat(query: str | None, history: list[Any] | None, system: str | None) -> Iterator[tuple[Any, ...]]:
        history = history or []
        turns = [(pair[0], pair[1]) for pair in history] if in_pairs else list(_pairs(history))
        for answer in model(system or "", turns, query or ""):
            new = [[query, answer]] if in_pairs else [_message("user", query), _message("assistant", answer)]
            yield "", history + new, system

    def clear_session() -> tuple[str, list[Any]]:
        return "", []

    def modify_system_session(system: str | None) -> tuple[str, str, list[Any]]:
        system = system or SYSTEM
        return system, system, []

    with gr.Blocks() as page:
        gr.Markdown("<center>A stand-in for Qwen2-72B-Instruct: its API, no model.</center>")
        with gr.Row():
            with gr.Column(scale=3):
                system_input = gr.Textbox(value=SYSTEM, lines=1, label="System")
            with gr.Column(scale=1):
                modify_system = gr.Button("🛠️ Set system prompt and clear history", scale=2)
            system_state = gr.Textbox(value=SYSTEM, visible=False)
        chatbot = gr.Chatbot(label="Qwen2-72B-Instruct")
        textbox = gr.Textbox(lines=1, label="Input")
        with gr.Row():
            clear_history = gr.Button("🧹 Clear history")
            sumbit = gr.Button("🚀 Send")  # the Space's own spelling

        asked: dict[str, Any] = {
            "inputs": [textbox, chatbot, system_state],
            "outputs": [textbox, chatbot, system_input],
            "concurrency_limit": concurrency_limit,
        }
        textbox.submit(model_chat, **asked)
        sumbit.click(model_chat, **asked)
        clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
        modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])
    return page


def _message(role: str, content: str | None) -> dict[str, Any]:
    return {"role": role, "content": content}


def _pairs(history: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Role dicts, two by two, as pairs."""
    texts = [_text(message["content"]) for message in history]
    return zip(texts[::2], texts[1::2], strict=False)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def serve(make: Callable[[], Any] = build, *, port: int = 0, max_size: int | None = None, **launching: Any) -> None:
    """Serve a page on 127.0.0.1 until standard input ends.

    Args:
        make: makes the `gradio.Blocks`; gradio is imported in it, or before.
        port: the TCP port; 0 takes a free one.
        max_size: how many may wait in the queue; None for no limit.
        launching: passed on to the page's `launch`.
    """
    # Gradio looks these up at import. A stand-in on loopback has nothing to tell anyone, and its own
    # start-up check must not be sent through the user's proxy.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    page = make()
    page.queue(api_open=False, max_size=max_size)
    parent, sys.stdout = sys.stdout, sys.stderr  # what gradio prints is not for the parent
    _, url, _ = page.launch(
        server_name="127.0.0.1",
        server_port=port or _free_port(),
        prevent_thread_lock=True,
        quiet=True,
        max_threads=40,
        **launching,
    )
    print(url, file=parent, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.buffer.read()  # the parent's death ends it too, so the server never outlives its owner
    os._exit(0)  # threads that still generate must not hold it up


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def run_in_process(
    script: str | Path = __file__, *arguments: str, python: str = sys.executable, timeout: float = 60
) -> Iterator[str]:
    """Run the stand-in (or a script like it) in a process of its own, and give its URL.

    Args:
        script: what to run; it prints its URL first, and ends when its standard input does.
        arguments: passed on to it.
        python: the interpreter, which must have gradio.
        timeout: seconds until it must have printed its URL.

    Raises:
        RuntimeError: the server didn't come up; the message holds what it wrote.
    """
    with tempfile.TemporaryFile() as log:  # a pipe that nobody reads would fill up and stop the server
        command = [python, str(script), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        overdue = threading.Timer(timeout, process.kill)
        overdue.start()
        try:
            url = process.stdout.readline().decode().strip() if process.stdout else ""
            overdue.cancel()
            if not url:
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode(errors='replace')}")
            yield url
        finally:
            overdue.cancel()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=2)  # closes its standard input, which ends it
    process.kill()
    process.communicate()


def main() -> None:
    """Run the stand-in from a shell."""
    parser = argparse.ArgumentParser(description=stand_in.__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; a free one by default")
    serve(port=parser.parse_args().port)


if __name__ == "__main__":
    main()

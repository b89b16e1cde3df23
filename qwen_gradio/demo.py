"""The stand-in Space: a gradio server with the Qwen2-72B-Instruct Space's API, but without a model.

The layout, names and order of inputs and outputs are those of the Space's own app (gradio 4.32.1). `textbox.submit`
and `sumbit.click`, in this order, call `model_chat`. Its inputs are query, history and system; its outputs are the
emptied textbox, the Chatbot and the system box. Each output has the whole answer so far.

The file imports gradio (4.44, 5.x or 6.x), but nothing of this package, so that any Python with gradio can run it:
`python demo.py --port 7860`. It prints its URL on one line when it is ready, and exits when its standard input ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
SYSTEM = "You are a helpful assistant."
WORD_SECONDS = 0.04  # the pace of a hosted 72B model

Model = Callable[[str, Sequence[tuple[str, str]], str], Iterator[str]]
"""(system, earlier turns as (user, assistant) pairs, query) -> snapshots of the growing answer."""


def canned_model(system: str, turns: Sequence[tuple[str, str]], query: str) -> Iterator[str]:
    """Yield an answer that repeats its arguments, word by word; each item is the whole answer so far."""
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


def build(model: Model = canned_model, *, concurrency_limit: int = 40) -> Any:
    """Lay out the Space's page around a model.

    Args:
        model: the function that answers the questions.
        concurrency_limit: the number of questions answered at a time; the others wait in the queue.

    Returns:
        The page, a `gradio.Blocks`.
    """
    import gradio as gr

    has_pairs = int(gr.__version__.split(".")[0]) < 6  # a Chatbot's value: pairs up to gradio 5, role dicts from 6

    def model_chat(query: str | None, history: list[Any] | None, system: str | None) -> Iterator[tuple[Any, ...]]:
        history = history or []
        turns = [(pair[0], pair[1]) for pair in history] if has_pairs else list(_pairs(history))
        for answer in model(system or "", turns, query or ""):
            new = [[query, answer]] if has_pairs else [_message("user", query), _message("assistant", answer)]
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

        chat: dict[str, Any] = {
            "inputs": [textbox, chatbot, system_state],
            "outputs": [textbox, chatbot, system_input],
            "concurrency_limit": concurrency_limit,
        }
        textbox.submit(model_chat, **chat)
        sumbit.click(model_chat, **chat)
        clear_history.click(clear_session, inputs=[], outputs=[textbox, chatbot])
        modify_system.click(modify_system_session, inputs=[system_input], outputs=[system_state, system_input, chatbot])
    return page


def _message(role: str, content: str | None) -> dict[str, Any]:
    return {"role": role, "content": content}


def _pairs(history: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Return the (user, assistant) texts in alternating role dicts."""
    texts = [_text(message["content"]) for message in history]
    return zip(texts[::2], texts[1::2], strict=False)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def serve(build_page: Callable[[], Any] = build, *, port: int = 0, max_size: int | None = None, **options: Any) -> None:
    """Serve a page on 127.0.0.1 until standard input ends; exit with one line if the port is in use.

    Args:
        build_page: the function that creates the `gradio.Blocks`; it may import gradio.
        port: the TCP port; 0 for a free one.
        max_size: the maximum number of questions in the queue; None for no limit.
        options: keyword arguments of the page's `launch`.
    """
    if port:
        _check_port(port)
    # Gradio reads these when it is imported: no telemetry, and no proxy for its own request that checks its URL.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    page = build_page()
    page.queue(api_open=False, max_size=max_size)
    stdout, sys.stdout = sys.stdout, sys.stderr  # gradio prints too, and stdout is for the URL alone
    _, url, _ = page.launch(
        server_name=HOST,
        server_port=port or _free_port(),
        prevent_thread_lock=True,
        quiet=True,
        max_threads=40,
        **options,
    )
    print(url, file=stdout, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.buffer.read()  # ends when the parent closes it or exits, so the server never outlives its parent
    os._exit(0)  # don't wait for threads that still generate


def _check_port(port: int) -> None:
    """Exit with one line if the port can't be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT don't block the port
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            sys.exit(f"port {port} on {HOST}: {exc.strerror}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def run_in_process(
    script: str | Path = __file__, *arguments: str, python: str = sys.executable, timeout: float = 60
) -> Iterator[str]:
    """Run the stand-in, or a script like it, in a process of its own.

    Args:
        script: the file to run; it prints its URL first, and exits when its standard input ends.
        arguments: the script's arguments.
        python: the interpreter, in an environment with gradio.
        timeout: seconds to wait for the URL.

    Yields:
        The URL.

    Raises:
        RuntimeError: the process exited, or the timeout passed, before the URL; the message includes its stderr.
    """
    with tempfile.TemporaryFile() as log:  # a file, as a pipe that nobody reads would fill up and block the server
        command = [python, str(script), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        try:
            url = process.stdout.readline().decode().strip() if process.stdout else ""
            timer.cancel()
            if not url:
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode(errors='replace').strip()}")
            yield url
        finally:
            timer.cancel()
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=2)  # closes its standard input, so that it exits
    process.kill()
    process.communicate()


def main() -> None:
    """Serve the stand-in until standard input ends."""
    parser = argparse.ArgumentParser(description="Serve a stand-in for the Qwen2-72B-Instruct Space, without a model.")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; a free one by default")
    serve(port=parser.parse_args().port)


if __name__ == "__main__":
    main()

"""The stand-in Space: a gradio server with the Qwen2-72B-Instruct Space's API, without a model or with another's.

The layout, names and order of inputs and outputs are those of the Space's own app (gradio 4.32.1). `textbox.submit`
and `sumbit.click`, in this order, call `model_chat`. Its inputs are query, history and system; its outputs are the
emptied textbox, the Chatbot and the system box. Each output has the whole answer so far.

The file imports gradio (4.44, 5.x or 6.x), but nothing of this package, so that any Python with gradio can run it:
`python demo.py --port 7860`. It prints its URL on one line when it is ready, and exits when its standard input ends.

With `--upstream URL --model NAME` an OpenAI-compatible server answers, such as Ollama or vLLM.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
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
from urllib.parse import urlsplit

HOST = "127.0.0.1"
SYSTEM = "You are a helpful assistant."
WORD_SECONDS = 0.04  # the pace of a hosted 72B model
KEY_VARIABLE = "QWEN_GRADIO_UPSTREAM_KEY"  # the environment variable with the upstream's key
START_TIMEOUT = 180.0  # seconds until the server is up; importing gradio takes a busy machine a minute
UPSTREAM_TIMEOUT = 120.0  # seconds without a byte; a model that is loaded first takes its time

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


def upstream_model(
    url: str, name: str, key: str | None, system: str, turns: Sequence[tuple[str, str]], query: str
) -> Iterator[str]:
    """Yield the answer of an OpenAI-compatible server, as it streams; its reasoning first, between thinking tags.

    Args:
        url: the server's base URL, such as http://127.0.0.1:11434/v1.
        name: the model's name there.
        key: the API key; None for none.
        system: the system message; `""` for none.
        turns: the earlier turns.
        query: the question.

    Raises:
        gradio.Error: the server can't be reached, refuses, or breaks off; gradio shows its message to the asker.
    """
    import gradio as gr
    import httpx

    messages = [_message("system", system)] if system else []
    for user, assistant in turns:
        messages += [_message("user", user), _message("assistant", assistant)]
    request = {"model": name, "messages": [*messages, _message("user", query)], "stream": True}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    thinking = answer = ""
    try:
        with httpx.stream(
            "POST", f"{url}/chat/completions", json=request, headers=headers, timeout=UPSTREAM_TIMEOUT
        ) as response:
            if response.is_error:
                raise gr.Error(f"the upstream answered {response.status_code}: {response.read()[:500].decode()}")
            for delta in _deltas(response.iter_lines()):
                thinking += delta.get("reasoning_content") or delta.get("reasoning") or ""
                answer += delta.get("content") or ""
                yield f"<think>{thinking}</think>\n\n{answer}" if thinking else answer
    except httpx.HTTPError as exc:
        raise gr.Error(f"the upstream {url} failed: {type(exc).__name__}: {exc}") from exc
    except (ValueError, AttributeError) as exc:  # not JSON, or not an object
        raise gr.Error(f"the upstream {url} sent what is not OpenAI's stream: {exc}") from exc


def _deltas(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield what each line of a stream of chat completions adds; raise ValueError if the stream breaks off."""
    is_finished = False
    for line in lines:
        content = line.removeprefix("data:").strip()
        if content == "[DONE]":
            return
        if not line.startswith("data:"):
            continue
        chunk = json.loads(content)
        if error := chunk.get("error"):
            raise ValueError(error.get("message", error) if isinstance(error, dict) else error)
        choice, *_ = chunk.get("choices") or [{}]
        is_finished = is_finished or bool(choice.get("finish_reason"))
        yield choice.get("delta") or {}
    if not is_finished:
        raise ValueError("it ended before its last line")


def check_upstream(url: str, key: str | None) -> str:
    """Check the base URL of an OpenAI-compatible server; without a path, it is completed by /v1.

    Raises:
        ValueError: it is not an http(s) URL, or the key would be sent to another machine without TLS.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected the http(s) URL of an OpenAI-compatible server, got {url!r}")
    if key and parts.scheme == "http" and parts.hostname not in ("localhost", HOST, "::1"):
        raise ValueError(f"the key in {KEY_VARIABLE} would be sent over plain http; use https, or unset it")
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}/v1"


def build(model: Model = canned_model, *, about: str = "its API, no model", concurrency_limit: int = 40) -> Any:
    """Lay out the Space's page around a model.

    Args:
        model: the function that answers the questions.
        about: what the page says of itself.
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
        gr.Markdown(f"<center>A stand-in for Qwen2-72B-Instruct: {about}.</center>")
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
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    page = build_page()
    page.queue(api_open=False, max_size=max_size)
    stdout, sys.stdout = sys.stdout, sys.stderr  # gradio prints too, and stdout is for the URL alone
    try:
        _, url, _ = page.launch(
            server_name=HOST,
            server_port=port or _free_port(),
            prevent_thread_lock=True,
            quiet=True,
            max_threads=40,
            **options,
        )
    except OSError as exc:  # another program has taken the port meanwhile
        sys.exit(f"port {port} on {HOST}: {exc}")
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
    script: str | Path = __file__, *arguments: str, python: str = sys.executable, timeout: float = START_TIMEOUT
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
    parser = argparse.ArgumentParser(description="Serve a stand-in for the Qwen2-72B-Instruct Space.")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; a free one by default")
    parser.add_argument("--upstream", metavar="URL", help="an OpenAI-compatible server that answers")
    parser.add_argument("--model", metavar="NAME", help="the name of its model")
    options = parser.parse_args()
    page = build
    if options.upstream:
        key = os.environ.get(KEY_VARIABLE)
        try:
            url = check_upstream(options.upstream, key)
        except ValueError as exc:
            sys.exit(str(exc))
        model = functools.partial(upstream_model, url, options.model or "", key)
        page = functools.partial(build, model, about=f"its API, answered by {options.model or 'a model'} at {url}")
    serve(page, port=options.port)


if __name__ == "__main__":
    main()

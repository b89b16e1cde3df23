"""The Space that is asked: a real gradio server with the Qwen Space's API, whose tokens are its clock at the `yield`.

The prompt says how many tokens, and how many seconds lie between two: `60 0.02`. It runs on Gradio 5 and 6, in a
process of its own, and imports nothing of the package but the stand-in's file.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

DEMO = Path(__file__).parents[2] / "qwen_gradio" / "demo.py"
AT_ONCE = 400


async def answer(query: str) -> AsyncIterator[str]:
    """Tell the time, again and again; each item is the whole answer so far."""
    updates, gap = query.split()
    text = ""
    for number in range(int(updates)):
        if number:
            await asyncio.sleep(float(gap))
        text += f" {time.time():.6f}"
        yield text


def build() -> Any:
    """Lay out a page with the Space's three inputs and outputs, and return the `gradio.Blocks`."""
    import gradio as gr

    in_pairs = int(gr.__version__.split(".")[0]) < 6

    async def model_chat(query: str, history: list[Any] | None, system: str) -> AsyncIterator[tuple[Any, ...]]:
        history = history or []
        async for text in answer(query):
            asked, said = {"role": "user", "content": query}, {"role": "assistant", "content": text}
            yield "", [*history, *([[query, text]] if in_pairs else [asked, said])], system

    with gr.Blocks() as page:
        system = gr.Textbox(visible=False)
        chatbot = gr.Chatbot()
        textbox = gr.Textbox(label="Input")
        asked: dict[str, Any] = {"inputs": [textbox, chatbot, system], "outputs": [textbox, chatbot, system]}
        textbox.submit(model_chat, **asked, concurrency_limit=AT_ONCE)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificate", help="serve over TLS; the key is in the same file")
    certificate = parser.parse_args().certificate
    tls = {"ssl_certfile": certificate, "ssl_keyfile": certificate, "ssl_verify": False} if certificate else {}
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.serve(build, **tls)


if __name__ == "__main__":
    main()

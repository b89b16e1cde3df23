"""A Gradio app whose functions ask the Space that they are given, through this package, for whoever visits it.

Its arguments: the URL of a proxy, the file of a certificate authority, and the names of the hooks to look for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import gradio
from scripted_space import stand_in  # type: ignore[import-not-found] # beside it

sys.path.insert(0, str(Path(__file__).parents[2]))
from qwen_gradio import AsyncQwenClient, QwenClient
from qwen_gradio.transport import hooks

PROXY, AUTHORITY, *HOOKS = sys.argv[1:]


async def ask(space: str) -> str:
    async with AsyncQwenClient(space, proxy=PROXY) as client:
        return await client.ask("hi")


async def stream(space: str) -> AsyncIterator[str]:
    async with AsyncQwenClient(space, proxy=PROXY) as client, client.stream("hi") as reply:
        async for _ in reply:
            yield reply.text


async def ask_many(space: str) -> str:
    async with AsyncQwenClient(space, proxy=PROXY) as client:
        return "".join([result.text async for result in client.map(["hi"])])


def ask_without_async(space: str) -> str:
    with QwenClient(space, proxy=PROXY) as client:
        return client.ask("hi")


def stream_without_async(space: str) -> Iterator[str]:
    with QwenClient(space, proxy=PROXY) as client, client.stream("hi") as reply:
        for _ in reply:
            yield reply.text


FUNCTIONS: list[Callable[..., Any]] = [ask, stream, ask_many, ask_without_async, stream_without_async]


def build() -> Any:
    with gradio.Blocks() as page:
        space, reply = gradio.Textbox(), gradio.Textbox()
        for function in FUNCTIONS:
            gradio.Button().click(function, space, reply, api_name=function.__name__)
    return page


if __name__ == "__main__":
    os.environ["SSL_CERT_FILE"] = AUTHORITY
    hooks.HOOKS = frozenset(hook for hook in hooks.Hook if hook.name in HOOKS)
    stand_in().serve(build)

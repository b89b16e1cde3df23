"""`qwen-gradio ask`: one question, and its streamed reply."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import click

import qwen_gradio

from ..space import catalogue
from .demo import run_stand_in
from .options import make_client, parse_option, space_options
from .render import JsonRenderer, Renderer, TextRenderer


@click.command()
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="The system message; the Space's own by default.")
@click.option("--space", default=catalogue.DEFAULT, show_default=True, help="A Space's id, alias or http(s) URL.")
@space_options
@click.option("--option", "-o", "options", multiple=True, metavar="NAME=VALUE", help="A parameter; see `inspect`.")
@click.option("--thinking", is_flag=True, help="Print the model's thinking, to stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@click.option("--demo", is_flag=True, help="Ask a stand-in Space, run on 127.0.0.1 for this question.")
def ask(
    prompt: str | None,
    system: str | None,
    space: str,
    options: tuple[str, ...],
    thinking: bool,
    as_json: bool,
    demo: bool,
    **network: Any,
) -> None:
    """Ask PROMPT and stream the reply. This is the default command."""
    import anyio  # not at the top, as `--help` doesn't need it

    text, parameters = _read_prompt(prompt), dict(map(parse_option, options))
    renderer = JsonRenderer() if as_json else TextRenderer(thinking=thinking)
    with renderer, run_stand_in() if demo else contextlib.nullcontext(space) as address:
        anyio.run(_stream, make_client(address, **network), text, system, parameters, renderer)


def _read_prompt(prompt: str | None) -> str:
    if prompt is None and sys.stdin.isatty():
        raise qwen_gradio.UsageError(
            'expected a prompt, as in: qwen-gradio "Why is the sky blue?"; see qwen-gradio --help'
        )
    return sys.stdin.read() if prompt in (None, "-") else str(prompt)


async def _stream(
    client: qwen_gradio.AsyncQwenClient,
    prompt: str,
    system: str | None,
    options: Mapping[str, Any],
    renderer: Renderer,
) -> None:
    reply = client.stream(prompt, system=system, **options)  # checks its arguments before `client` connects
    async with client, reply:
        async for event in reply.events():
            renderer.render(event)

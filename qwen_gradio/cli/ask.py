"""`qwen-gradio ask`: one question, and its reply."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

import click

import qwen_gradio

from ..space import catalogue
from . import loop
from .demo import run_stand_in
from .options import (
    SPACE_ENV,
    complete_space,
    fallback_option,
    make_client,
    parse_option,
    retries_option,
    space_options,
)
from .render import JsonRenderer, Renderer, TextRenderer, is_terminal

NO_PROMPT = 'expected a prompt, as in: qwen-gradio "Why is the sky blue?"; see qwen-gradio --help'


@click.command()
@click.argument("prompts", nargs=-1, metavar="[PROMPT]")
@click.option("--system", metavar="TEXT", help="The system message; the Space's own by default.")
@click.option(
    "--space",
    "-m",
    default=catalogue.DEFAULT,
    show_default=True,
    envvar=SPACE_ENV,
    show_envvar=True,
    shell_complete=complete_space,
    help="A Space's id, alias or http(s) URL.",
)
@space_options
@fallback_option
@retries_option
@click.option("--option", "-o", "options", multiple=True, metavar="NAME=VALUE", help="A parameter; see `inspect`.")
@click.option("--file", "files", multiple=True, metavar="PATH", help="A file of the question, or its URL.")
@click.option("--thinking", is_flag=True, help="Print the model's thinking, to stderr.")
@click.option(
    "--stream/--no-stream",
    "streaming",
    default=None,
    help="Print the reply as it comes, or once it is complete; by default as it comes on a terminal alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON, an error's too.")
@click.option("--demo", is_flag=True, help="Ask a stand-in Space, run on 127.0.0.1 for this question.")
def ask(
    prompts: tuple[str, ...],
    system: str | None,
    space: str,
    options: tuple[str, ...],
    files: tuple[str, ...],
    thinking: bool,
    streaming: bool | None,
    as_json: bool,
    demo: bool,
    **network: Any,
) -> None:
    """Ask PROMPT and print the reply. This is the default command."""
    if len(prompts) > 1:
        raise qwen_gradio.UsageError(f'put the prompt in quotes: qwen-gradio "{" ".join(prompts)}"')
    text, parameters = _read_prompt(*prompts), {"files": files, **dict(map(parse_option, options))}
    if not text.strip() and not files:
        raise qwen_gradio.UsageError(NO_PROMPT)
    streaming = is_terminal(sys.stdout) if streaming is None else streaming
    renderer = JsonRenderer() if as_json else TextRenderer(thinking=thinking, streaming=streaming)
    with run_stand_in() if demo else contextlib.nullcontext(space) as address:
        client = make_client(address, **network)
        with renderer:
            loop.run(_stream, client, text, system, parameters, renderer)


def _read_prompt(prompt: str | None = None) -> str:
    """Return the prompt: the argument, after the text on stdin, if there is one.

    Raises:
        UsageError: there is neither, or stdin is not UTF-8.
    """
    if prompt is None and is_terminal(sys.stdin):
        raise qwen_gradio.UsageError(NO_PROMPT)
    if prompt in (None, "-"):
        return _read_stdin()
    piped = _read_stdin().strip("\n") if _is_piped() else ""
    return f"{piped}\n\n{prompt}" if piped.strip() else str(prompt)


def _read_stdin() -> str:
    if sys.stdin is None:  # closed before this process started
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise qwen_gradio.UsageError("stdin is not UTF-8 text; convert it, as with iconv") from exc


def _is_piped() -> bool:
    """Return True if stdin is a pipe or a file, and not /dev/null, a terminal, or closed."""
    if sys.stdin is None:
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


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

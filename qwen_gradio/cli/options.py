"""Options that several commands share, and the client with these options."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import click

import qwen_gradio

from ..space import catalogue

SPACE_ENV = "QWEN_GRADIO_SPACE"  # the default Space


def complete_space(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the known Spaces' ids and aliases that begin with a text, for a shell's completion."""
    del context, parameter  # click passes them
    known = [name for entry in catalogue.CATALOGUE for name in (*entry.aliases, *entry.names)]
    return [name for name in known if name.lower().startswith(incomplete.lower())]


def network_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the network: `--proxy` and `--timeout`."""
    for option in (
        click.option(
            "--timeout",
            type=float,
            envvar="QWEN_GRADIO_TIMEOUT",
            show_envvar=True,
            metavar="SECONDS",
            help="Timeout of each step: connecting, the queue, the first words, the next ones.",
        ),
        click.option(
            "--proxy", envvar="QWEN_GRADIO_PROXY", show_envvar=True, metavar="URL", help="A proxy for all traffic."
        ),
    ):
        command = option(command)
    return command


def space_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for one Space: `network_options`, `--api-name`, `--token` and `--auth`."""
    for option in (
        network_options,
        click.option(
            "--auth", envvar="QWEN_GRADIO_AUTH", show_envvar=True, metavar="USER:PASSWORD", help="The login of the app."
        ),
        click.option(
            "--token", envvar="QWEN_GRADIO_TOKEN", show_envvar=True, help="A Hugging Face token, for this Space."
        ),
        click.option("--api-name", metavar="NAME", help="The endpoint to use; the chat endpoint by default."),
    ):
        command = option(command)
    return command


retries_option = click.option(
    "--retries",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="How often to try again before the first words.",
)
fallback_option = click.option(
    "--fallback",
    "fallbacks",
    multiple=True,
    metavar="SPACE",
    shell_complete=complete_space,
    help="A Space to ask if there are no first words; may be repeated. It gets no --token and no --auth.",
)


def make_client(
    space: str, *, timeout: float | None, auth: str | None = None, **options: Any
) -> qwen_gradio.AsyncQwenClient:
    """Create a client from the values of the options.

    Args:
        space: an id, an alias or a URL.
        timeout: seconds, for each of the `Timeouts` but `total`; None for the defaults.
        auth: `USER:PASSWORD`; None for no login.
        options: the client's arguments `token`, `api_name`, `proxy`, `fallbacks` and `retries`.

    Raises:
        UsageError: a value is invalid.
    """
    user, colon, password = (auth or "").partition(":")
    if auth and not colon:
        raise qwen_gradio.UsageError("expected --auth USER:PASSWORD")
    timeouts = qwen_gradio.Timeouts()
    if timeout is not None:
        timeouts = qwen_gradio.Timeouts(connect=timeout, queue=timeout, first=timeout, silence=timeout)
    return qwen_gradio.AsyncQwenClient(space, auth=(user, password) if auth else None, timeouts=timeouts, **options)


# The arguments of `stream` that aren't parameters of a Space, and what the command has for them.
OWN_OPTIONS = {
    "self": "a name that `inspect` shows",
    "messages": "PROMPT",
    "system": "--system",
    "files": "--file",
    "include_thinking": "--thinking",
    "ignore_unknown_options": "options of this Space alone",
}


def parse_option(option: str) -> tuple[str, Any]:
    """Parse `NAME=VALUE`; the value is read as JSON if it is valid JSON, else as text.

    Raises:
        UsageError: the name or the equals sign is missing, or the name is that of an argument of `stream`.
    """
    name, equals, value = option.partition("=")
    if not name or not equals:
        raise qwen_gradio.UsageError(f"expected --option NAME=VALUE, got {option!r}")
    if name in OWN_OPTIONS:
        raise qwen_gradio.UsageError(
            f"expected a parameter of the Space for --option, got {name}; use {OWN_OPTIONS[name]}"
        )
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


# What the library's messages say in Python's words, and what the command has for it.
IN_PYTHON = {
    r"token=, oauth_token= or auth=\(user, password\)": "--token or --auth USER:PASSWORD",
    r"auth=\(user, password\)": "--auth USER:PASSWORD",
    r"api_name=|\bapi_name\b": "--api-name",
    r"token=": "--token",
    r"proxy=": "--proxy",
    r"retries=": "--retries",
    r"seconds in Timeouts": "seconds by --timeout",
}


def in_command_words(message: str) -> str:
    """Replace the names of Python arguments in an error's message by the command's options."""
    for pattern, option in IN_PYTHON.items():
        message = re.sub(rf"(?<![\w/?&]){pattern}(?=[\s,;.)]|$)", option, message)
    return message

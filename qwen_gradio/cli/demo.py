"""`qwen-gradio demo`, and the stand-in Space that `ask --demo` uses."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from collections.abc import Iterator

import click

import qwen_gradio

from .render import echo


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="A TCP port on 127.0.0.1; a free one by default."
)
def demo(port: int) -> None:
    """Run the stand-in Space until Ctrl-C, and print its URL."""
    with run_stand_in(port) as url:
        echo(url)
        echo(f'It runs until Ctrl-C. Ask it: qwen-gradio --space {url} "…"', err=True)
        threading.Event().wait()


@contextlib.contextmanager
def run_stand_in(port: int = 0) -> Iterator[str]:
    """Run the stand-in Space, and yield its URL.

    Raises:
        UsageError: gradio is not installed.
        RuntimeError: the stand-in did not start.
    """
    if importlib.util.find_spec("gradio") is None:
        raise qwen_gradio.UsageError("the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'")
    for name in ("NO_PROXY", "no_proxy"):  # a proxy can't reach this machine's loopback
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
    from .. import demo as stand_in  # not at the top, as `--help` doesn't need it

    with stand_in.run_in_process(stand_in.__file__, "--port", str(port)) as url:
        yield url

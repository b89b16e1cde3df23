"""`qwen-gradio demo`, and the stand-in Space that `ask --demo` uses."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import threading
from collections.abc import Iterator

import click

import qwen_gradio

from .render import echo, status


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="A TCP port on 127.0.0.1; a free one by default."
)
@click.option(
    "--upstream",
    metavar="URL",
    help="Let an OpenAI-compatible server answer, such as http://127.0.0.1:11434/v1; its key is read from "
    "QWEN_GRADIO_UPSTREAM_KEY.",
)
@click.option("--model", metavar="NAME", help="The name of the upstream's model.")
def demo(port: int, upstream: str | None, model: str | None) -> None:
    """Run the stand-in Space until Ctrl-C, and print its URL."""
    if (upstream is None) != (model is None):
        raise qwen_gradio.UsageError("expected --upstream URL and --model NAME together")
    arguments = ("--upstream", _check_upstream(upstream), "--model", model) if upstream and model else ()
    with run_stand_in(port, *arguments) as url:
        echo(url)
        echo(f'It runs until Ctrl-C. Ask it: qwen-gradio --space {url} "…"', err=True)
        threading.Event().wait()


def _check_upstream(url: str) -> str:
    from .. import demo as stand_in  # not at the top, as `--help` doesn't need it

    try:
        return stand_in.check_upstream(url, os.environ.get(stand_in.KEY_VARIABLE))
    except ValueError as exc:
        raise qwen_gradio.UsageError(str(exc)) from exc


@contextlib.contextmanager
def run_stand_in(port: int = 0, *arguments: str) -> Iterator[str]:
    """Run the stand-in Space, and yield its URL; a terminal shows that it starts.

    Args:
        port: a TCP port; 0 for a free one.
        arguments: other arguments of the stand-in.

    Raises:
        UsageError: gradio is not installed.
        RuntimeError: the stand-in did not start.
    """
    if importlib.util.find_spec("gradio") is None:
        raise qwen_gradio.UsageError("the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'")
    for name in ("NO_PROXY", "no_proxy"):  # a proxy can't reach this machine's loopback
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
    from .. import demo as stand_in  # not at the top, as `--help` doesn't need it

    with contextlib.ExitStack() as stack:
        with status("Starting the stand-in Space…"):
            running = stand_in.run_in_process(stand_in.__file__, "--port", str(port), *arguments)
            try:
                url = stack.enter_context(running)
            except RuntimeError as exc:
                if port and os.strerror(errno.EADDRINUSE) in str(exc):
                    raise RuntimeError(
                        f"port {port} on {stand_in.HOST} is in use; without --port it is a free one"
                    ) from exc
                raise
        yield url

"""The command `qwen-gradio`, and the only room that prints: the reply on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import anyio

from . import demo as stand_in
from . import spaces
from .client import AsyncQwenClient, Event, Fragment, Queued, Started, Timeouts
from .errors import QwenGradioError, UsageError

try:
    import click
except ImportError:  # pragma: no cover - the tests need click themselves
    sys.exit("qwen-gradio: this command needs click and rich: pip install 'qwen_gradio[cli]'")

SPACE_FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


class _AskByDefault(click.Group):
    """A group whose command is `ask` unless the first word is another's name; its help is that of `ask` too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] not in (["--help"], ["--version"]) and (not args or args[0] not in self.commands):
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Command.format_options(self.commands["ask"], ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=_AskByDefault,
    options_metavar="[OPTIONS]",
    subcommand_metavar="[PROMPT | COMMAND]",
    epilog="Exit codes: 0 the reply is whole, 1 the Space failed, 2 wrong use, 130 interrupted.",
)
@click.version_option(package_name="qwen_gradio")
def main() -> None:
    """Ask Qwen2-72B-Instruct, or another chat Space, and stream the reply.

    The prompt is read from stdin if it is "-", or if none is given and stdin is piped.
    """


@main.command()
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="The system message; the Space's own by default.")
@click.option("--space", default=spaces.DEFAULT, show_default=True, help="A Space's id, alias or http(s) URL.")
@click.option("--token", envvar="QWEN_GRADIO_TOKEN", show_envvar=True, help="A Hugging Face token, for this Space.")
@click.option("--proxy", metavar="URL", help="A proxy for every byte.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long to wait: to connect, and for each fragment.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
@click.option("--demo", is_flag=True, help="Ask a stand-in Space, started for this on 127.0.0.1.")
def ask(
    prompt: str | None,
    system: str | None,
    space: str,
    token: str | None,
    proxy: str | None,
    timeout: float | None,
    as_json: bool,
    demo: bool,
) -> None:
    """Ask PROMPT and stream the reply; what `qwen-gradio` does if no command is named."""
    with _exit_codes():
        text = _prompt(prompt)
        timeouts = Timeouts() if timeout is None else Timeouts(connect=timeout, silence=timeout)
        show: _Show = _Json() if as_json else _Text()
        with show, _demo_url() if demo else contextlib.nullcontext(space) as where:
            client = AsyncQwenClient(where, token=token, proxy=proxy, timeouts=timeouts)
            anyio.run(_ask, client, text, system, show)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A TCP port on 127.0.0.1; else a free one.")
def demo(port: int) -> None:
    """Run the stand-in Space, print its URL, and keep it up until Ctrl-C."""
    with _exit_codes(), _demo_url(port) as url:
        click.echo(url)
        click.echo(f'It is up until Ctrl-C. Ask it: qwen-gradio --space {url} "…"', err=True)
        threading.Event().wait()


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    """Errors are one line on stderr and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (QwenGradioError, RuntimeError) as exc:
        click.echo(f"qwen-gradio: {' '.join(str(exc).split())}", err=True)
        code = WRONG_USE if isinstance(exc, UsageError) else SPACE_FAILED
    else:
        return
    sys.exit(code)


def _prompt(given: str | None) -> str:
    if given is None and sys.stdin.isatty():
        raise UsageError('expected a prompt, as in: qwen-gradio "Why is the sky blue?"; see qwen-gradio --help')
    return sys.stdin.read() if given in (None, "-") else str(given)


@contextlib.contextmanager
def _demo_url(port: int = 0) -> Iterator[str]:
    if importlib.util.find_spec("gradio") is None:
        raise UsageError("the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'")
    # It is on this machine: a proxy for the network outside can't reach it.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
    with stand_in.running(stand_in.__file__, "--port", str(port)) as url:
        yield url


async def _ask(client: AsyncQwenClient, prompt: str, system: str | None, show: _Show) -> None:
    reply = client.stream(prompt, system=system)  # wrong use is told before any network
    async with client, reply:
        async for event in reply.events():
            show(event)


class _Show(Protocol):
    """Shows events; leaving it leaves the terminal tidy."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> object: ...

    def __exit__(self, *exc: object) -> None: ...


class _Text:
    """The reply as text on stdout; while it is waited for, where it stands, on stderr if that is a terminal."""

    def __init__(self) -> None:
        self._shown = ""
        self._waiting: Any = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._waiting = Console(stderr=True).status("Connecting…")

    def __enter__(self) -> None:
        if self._waiting:
            self._waiting.start()

    def __exit__(self, *exc: object) -> None:
        if self._waiting:
            self._waiting.stop()
        if self._shown and not self._shown.endswith("\n"):
            click.echo()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Fragment):
            self._write(event)
        elif self._waiting and isinstance(event, Queued):
            self._waiting.update(_place(event))
        elif self._waiting and isinstance(event, Started):
            self._waiting.update("Waiting for the first words…")

    def _write(self, fragment: Fragment) -> None:
        if self._waiting:
            self._waiting.stop()
        rewritten = fragment.start < len(self._shown)
        self._shown = self._shown[: fragment.start] + fragment.text
        click.echo(f"\n{self._shown}" if rewritten else fragment.text, nl=False)


def _place(queued: Queued) -> str:
    of = "" if queued.size is None else f" of {queued.size}"
    about = "" if queued.eta is None else f", about {queued.eta:.0f} s"
    return f"In the queue: {queued.position or '?'}{of}{about}"


class _Json(contextlib.nullcontext[None]):
    """One event a line."""

    def __call__(self, event: Event) -> None:
        about = {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}
        click.echo(json.dumps(about, ensure_ascii=False))


if __name__ == "__main__":
    main()

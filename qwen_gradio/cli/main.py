"""The command `qwen-gradio`, and the only room that prints: the reply on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import qwen_gradio

from ..space import catalogue

try:
    import click
except ImportError:  # pragma: no cover - the tests need click themselves
    sys.exit("qwen-gradio: this command needs click and rich: pip install 'qwen_gradio[cli]'")

T = TypeVar("T")

SPACE_FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)]) | {ord(kept): kept for kept in "\t\n"}


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


def _network(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the way to any Space."""
    timeout = click.option(
        "--timeout", type=float, metavar="SECONDS", help="How long to wait for the Space, each time."
    )
    return timeout(click.option("--proxy", metavar="URL", help="A proxy for every byte.")(command))


def _one_space(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that are for one Space alone, as what it lets in by is."""
    for option in (
        _network,
        click.option("--auth", envvar="QWEN_GRADIO_AUTH", show_envvar=True, metavar="USER:PASSWORD", help="To log in."),
        click.option(
            "--token", envvar="QWEN_GRADIO_TOKEN", show_envvar=True, help="A Hugging Face token, for this Space."
        ),
        click.option("--api-name", metavar="NAME", help="The endpoint to ask; otherwise the one that chats."),
    ):
        command = option(command)
    return command


def _client(space: str, *, timeout: float | None, auth: str | None = None, **way: Any) -> qwen_gradio.AsyncQwenClient:
    waits = ("connect", "queue", "first", "silence")
    timeouts = qwen_gradio.Timeouts() if timeout is None else qwen_gradio.Timeouts(**dict.fromkeys(waits, timeout))
    user, colon, password = (auth or "").partition(":")
    if auth and not colon:
        raise qwen_gradio.UsageError("expected --auth USER:PASSWORD")
    return qwen_gradio.AsyncQwenClient(space, auth=(user, password) if auth else None, timeouts=timeouts, **way)


def _option(given: str) -> tuple[str, Any]:
    """`temperature=0.7` -> a name and a value: JSON if it is, else text."""
    name, equals, value = given.partition("=")
    if not name or not equals:
        raise qwen_gradio.UsageError(f"expected --option NAME=VALUE, got {given!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@main.command()
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="The system message; the Space's own by default.")
@click.option("--space", default=catalogue.DEFAULT, show_default=True, help="A Space's id, alias or http(s) URL.")
@_one_space
@click.option("--option", "-o", "given", multiple=True, metavar="NAME=VALUE", help="Another parameter; see inspect.")
@click.option("--thinking", is_flag=True, help="Show what it thinks, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
@click.option("--demo", is_flag=True, help="Ask a stand-in Space, started for this on 127.0.0.1.")
def ask(
    prompt: str | None,
    system: str | None,
    space: str,
    given: tuple[str, ...],
    thinking: bool,
    as_json: bool,
    demo: bool,
    **way: Any,
) -> None:
    """Ask PROMPT and stream the reply; what `qwen-gradio` does if no command is named."""
    with _exit_codes():
        text, options = _prompt(prompt), dict(map(_option, given))
        show: _Show = _Json() if as_json else _Text(thinking=thinking)
        with show, _demo_url() if demo else contextlib.nullcontext(space) as where:
            _run(functools.partial(_ask, _client(where, **way), text, system, show, options))


@main.command("inspect")
@click.argument("space", default=catalogue.DEFAULT)
@_one_space
def inspect_(space: str, **way: Any) -> None:
    """Show what was recognised of SPACE, and how it would be asked."""
    with _exit_codes():
        _echo(_described(_run(functools.partial(_inspect, _client(space, **way)))))


@main.command("spaces")
@click.argument("names", nargs=-1, metavar="[SPACE]...")
@click.option("--check", is_flag=True, help="Ask each whether it answers. No question is sent.")
@_network
def spaces_(names: tuple[str, ...], check: bool, **way: Any) -> None:
    """List the Spaces known by name, or only those named."""
    with _exit_codes():
        clients = [_client(name, **way) for name in names or [known.id for known in catalogue.CATALOGUE]]
        if not check:
            _echo(_columns([_known(client.space) for client in clients]))
            return
        checked = _run(functools.partial(_check, clients))
        _echo(_columns([("Space", "answers", "Gradio", "endpoint", "seconds"), *(row for _, row in checked)]))
    sys.exit(0 if all(answers for answers, _ in checked) else SPACE_FAILED)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A TCP port on 127.0.0.1; else a free one.")
def demo(port: int) -> None:
    """Run the stand-in Space, print its URL, and keep it up until Ctrl-C."""
    with _exit_codes(), _demo_url(port) as url:
        _echo(url)
        _echo(f'It is up until Ctrl-C. Ask it: qwen-gradio --space {url} "…"', err=True)
        threading.Event().wait()


def _echo(text: str = "", *, err: bool = False, nl: bool = True, dim: bool = False) -> None:
    """Print; what a Space says can't steer a terminal, nor fail for a half of a surrogate pair."""
    text = text.encode(errors="replace").decode()
    on_terminal = (sys.stderr if err else sys.stdout).isatty()
    if on_terminal:
        text = text.translate(CONTROL)
    click.echo(click.style(text, dim=True) if dim and on_terminal else text, err=err, nl=nl, color=True)


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    """Errors are one line on stderr and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (qwen_gradio.QwenGradioError, RuntimeError) as exc:
        _echo(f"qwen-gradio: {' '.join(str(exc).split())}", err=True)
        code = WRONG_USE if isinstance(exc, qwen_gradio.UsageError) else SPACE_FAILED
    else:
        return
    sys.exit(code)


def _prompt(given: str | None) -> str:
    if given is None and sys.stdin.isatty():
        raise qwen_gradio.UsageError(
            'expected a prompt, as in: qwen-gradio "Why is the sky blue?"; see qwen-gradio --help'
        )
    return sys.stdin.read() if given in (None, "-") else str(given)


@contextlib.contextmanager
def _demo_url(port: int = 0) -> Iterator[str]:
    if importlib.util.find_spec("gradio") is None:
        raise qwen_gradio.UsageError("the stand-in Space needs gradio: pip install 'qwen_gradio[demo]'")
    # It is on this machine: a proxy for the network outside can't reach it.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
    from .. import demo as stand_in

    with stand_in.run_in_process(stand_in.__file__, "--port", str(port)) as url:
        yield url


async def _ask(
    client: qwen_gradio.AsyncQwenClient, prompt: str, system: str | None, show: _Show, options: Mapping[str, Any]
) -> None:
    reply = client.stream(prompt, system=system, **options)  # wrong use is told before any network
    async with client, reply:
        async for event in reply.events():
            show(event)


def _run(function: Callable[[], Awaitable[T]]) -> T:
    import anyio  # here, as `--help` needs none

    return anyio.run(function)


async def _inspect(client: qwen_gradio.AsyncQwenClient) -> qwen_gradio.Inspection:
    async with client:
        return await client.inspect()


async def _check(clients: Sequence[qwen_gradio.AsyncQwenClient]) -> list[tuple[bool, tuple[str, ...]]]:
    """Ask all side by side; for each whether it answers, and what to show of it."""
    import anyio

    checked: list[tuple[bool, tuple[str, ...]]] = [(False, ())] * len(clients)
    with _progress(len(clients)) as advance:

        async def check(number: int, client: qwen_gradio.AsyncQwenClient) -> None:
            began = time.monotonic()
            try:
                found = await _inspect(client)
                row = ("yes", found.gradio, found.endpoint.api_name)
            except qwen_gradio.QwenGradioError as exc:
                row = (f"no: {exc.state or type(exc).__name__}", "", "")
            checked[number] = (row[0] == "yes", (client.space, *row, f"{time.monotonic() - began:.1f}"))
            advance()

        async with anyio.create_task_group() as tasks:
            for number, client in enumerate(clients):
                tasks.start_soon(check, number, client)
    return checked


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Asking", total=total)
        yield lambda: progress.advance(task)


def _known(space: str) -> tuple[str, ...]:
    known = catalogue.find(space).known
    if known is None:
        return (space, "", "")
    return (space, ", ".join(known.aliases), known.about)


def _described(found: qwen_gradio.Inspection) -> str:
    """What was recognised, for people."""
    endpoint = found.endpoint
    others = [name for name in found.endpoints if name != endpoint.api_name]
    roles = {
        endpoint.query: "the question",
        endpoint.history: "the turns before",
        endpoint.system: "the system message",
    }
    if endpoint.query is None:
        roles[endpoint.history] = "the turns, the newest of them the question"
    rows = [
        ("Space", found.space),
        ("URL", found.url),
        ("Gradio", found.gradio),
        ("endpoint", endpoint.api_name + (f"; there are also {', '.join(others)}" if others else "")),
        ("reply", f"{_form(endpoint)}, {'as it grows' if endpoint.streams else 'when it is whole'}"),
    ]
    if endpoint.history is None:
        rows.append(("history", "as one prompt with the question"))
    if endpoint.system is None:
        rows.append(("system", "as one prompt with the question"))
    takes = [(taken.name, taken.component, roles.get(taken.name) or _option_of(taken)) for taken in endpoint.parameters]
    options = "".join(f", {option.name}={option.default!r}" for option in endpoint.options)
    asked = f'AsyncQwenClient({found.space!r}).stream("Hello?"{options})'
    return f"{_columns(rows)}\n\nIt takes\n{_columns(takes, indent=2)}\n\nIt is asked by\n  {asked}"


def _form(endpoint: qwen_gradio.Endpoint) -> str:
    forms = {"pairs": "pairs", "messages": "role dicts", "parts": "role dicts with parts"}
    return f"a Chatbot's newest turn, in {forms[endpoint.dialect]}" if endpoint.dialect else "plain text"


def _option_of(taken: qwen_gradio.Parameter) -> str:
    return f"option: {taken.expected}; {taken.default!r} by default"


def _columns(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Rows as lines, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(" " * indent + line for line in lines)


class _Show(Protocol):
    """Shows events; leaving it leaves the terminal tidy."""

    def __call__(self, event: qwen_gradio.Event) -> None: ...

    def __enter__(self) -> object: ...

    def __exit__(self, *exc: object) -> None: ...


class _Text:
    """The reply as text on stdout; while it is waited for, where it stands, on stderr if that is a terminal."""

    def __init__(self, *, thinking: bool) -> None:
        self._thinking = thinking
        self._in_thinking = False
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
        self._end_of_thinking()
        if self._shown and not self._shown.endswith("\n"):
            _echo()

    def __call__(self, event: qwen_gradio.Event) -> None:
        if isinstance(event, qwen_gradio.Fragment) and event.kind == "answer":
            self._write(event)
        elif isinstance(event, qwen_gradio.Fragment):
            self._think(event)
        elif self._waiting and isinstance(event, qwen_gradio.Queued):
            self._waiting.update(_place(event))
        elif self._waiting and isinstance(event, qwen_gradio.Started):
            self._waiting.update("Waiting for the first words…")

    def _think(self, fragment: qwen_gradio.Fragment) -> None:
        if self._thinking:
            if self._waiting:
                self._waiting.stop()
            self._in_thinking = True
            _echo(fragment.text, err=True, nl=False, dim=True)
        elif self._waiting:
            self._waiting.update("Thinking…")

    def _end_of_thinking(self) -> None:
        if self._in_thinking:
            self._in_thinking = False
            _echo(err=True)

    def _write(self, fragment: qwen_gradio.Fragment) -> None:
        if self._waiting:
            self._waiting.stop()
        self._end_of_thinking()
        rewritten = bool(self._shown[fragment.start :].strip())
        self._shown = self._shown[: fragment.start] + fragment.text
        _echo(f"\n{self._shown}" if rewritten else fragment.text, nl=False)


def _place(queued: qwen_gradio.Queued) -> str:
    of = "" if queued.size is None else f" of {queued.size}"
    about = "" if queued.eta is None else f", about {queued.eta:.0f} s"
    return f"In the queue: {queued.position or '?'}{of}{about}"


class _Json(contextlib.nullcontext[None]):
    """One event a line."""

    def __call__(self, event: qwen_gradio.Event) -> None:
        about = {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}
        _echo(json.dumps(about, ensure_ascii=False))


if __name__ == "__main__":
    main()

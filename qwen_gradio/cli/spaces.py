"""`qwen-gradio spaces` and `qwen-gradio inspect`: the catalogue of Spaces, and the description of one Space."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

import qwen_gradio

from ..space import catalogue
from .exit_codes import ExitCode
from .options import make_client, network_options, space_options
from .render import echo, format_columns, progress_bar

DIALECTS = {"pairs": "pairs", "messages": "role dicts", "parts": "role dicts with parts"}


@click.command("inspect")
@click.argument("space", default=catalogue.DEFAULT)
@space_options
def inspect_space(space: str, **network: Any) -> None:
    """Show the chat endpoint of SPACE, and how to call it."""
    import anyio  # not at the top, as `--help` doesn't need it

    echo(format_inspection(anyio.run(_inspect, make_client(space, **network))))


@click.command("spaces")
@click.argument("names", nargs=-1, metavar="[SPACE]...")
@click.option("--check", is_flag=True, help="Connect to each, and show whether it answers. No question is sent.")
@network_options
def list_spaces(names: tuple[str, ...], check: bool, **network: Any) -> None:
    """List the Spaces known by name, each with its Studio on ModelScope, or only those named."""
    import anyio  # not at the top, as `--help` doesn't need it

    known = [name for entry in catalogue.CATALOGUE for name in entry.names]
    clients = [make_client(name, **network) for name in names or known]
    if not check:
        echo(format_columns([_catalogue_row(client.space) for client in clients]))
        return
    checks = anyio.run(_check_all, clients)
    echo(format_columns([("Space", "answers", "Gradio", "endpoint", "seconds"), *(one.row for one in checks)]))
    if not all(one.answers for one in checks):
        sys.exit(ExitCode.SPACE_FAILED)


@dataclass(frozen=True)
class Check:
    """The outcome of connecting to one Space.

    Attributes:
        space: its id, or its URL.
        seconds: the time that connecting took.
        outcome: its description, or the error.
    """

    space: str
    seconds: float
    outcome: qwen_gradio.Inspection | qwen_gradio.QwenGradioError

    @property
    def answers(self) -> bool:
        return not isinstance(self.outcome, qwen_gradio.QwenGradioError)

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        seconds = f"{self.seconds:.1f}"
        if isinstance(self.outcome, qwen_gradio.QwenGradioError):
            return self.space, f"no: {self.outcome.state or type(self.outcome).__name__}", "", "", seconds
        return self.space, "yes", self.outcome.gradio, self.outcome.recipe.api_name, seconds


async def _inspect(client: qwen_gradio.AsyncQwenClient) -> qwen_gradio.Inspection:
    async with client:
        return await client.inspect()


async def _check(client: qwen_gradio.AsyncQwenClient) -> Check:
    started = time.monotonic()
    outcome: qwen_gradio.Inspection | qwen_gradio.QwenGradioError
    try:
        outcome = await _inspect(client)
    except qwen_gradio.QwenGradioError as exc:
        outcome = exc
    return Check(client.space, time.monotonic() - started, outcome)


async def _check_all(clients: Sequence[qwen_gradio.AsyncQwenClient]) -> list[Check]:
    """Check Spaces concurrently; return the results in the order of the clients."""
    import anyio

    checks: dict[int, Check] = {}
    with progress_bar(len(clients)) as advance:

        async def check(index: int) -> None:
            checks[index] = await _check(clients[index])
            advance()

        async with anyio.create_task_group() as tasks:
            for index in range(len(clients)):
                tasks.start_soon(check, index)
    return [checks[index] for index in range(len(clients))]


def _catalogue_row(space: str) -> tuple[str, str, str]:
    resolved = catalogue.resolve(space)
    entry = resolved.entry
    if entry is None:
        return space, "", ""
    if resolved.is_studio:
        return space, "", f"{entry.id} on ModelScope"
    return space, ", ".join(entry.aliases), entry.description


def format_inspection(inspection: qwen_gradio.Inspection) -> str:
    """Format a Space's description: its endpoint, the parameters, and the Python call for it."""
    endpoint = inspection.recipe
    others = [name for name in inspection.endpoints if name != endpoint.api_name]
    rows = [
        ("Space", inspection.space),
        ("URL", inspection.url),
        ("Gradio", inspection.gradio),
        ("endpoint", endpoint.api_name + (f"; there are also {', '.join(others)}" if others else "")),
        ("reply", f"{_reply_form(endpoint)}, {'as it grows' if endpoint.streams else 'once it is complete'}"),
    ]
    if endpoint.history is None:
        rows.append(("history", "as one prompt with the question"))
    if endpoint.system is None:
        rows.append(("system", "as one prompt with the question"))
    parameters = [(one.name, one.component, _parameter_role(one, endpoint)) for one in endpoint.parameters]
    options = "".join(f", {option.name}={option.default!r}" for option in endpoint.options)
    call = f'AsyncQwenClient({inspection.space!r}).stream("Hello?"{options})'
    return f"{format_columns(rows)}\n\nParameters\n{format_columns(parameters, indent=2)}\n\nCall\n  {call}"


def _reply_form(endpoint: qwen_gradio.Recipe) -> str:
    return f"a Chatbot's latest turn, in {DIALECTS[endpoint.dialect]}" if endpoint.dialect else "plain text"


def _parameter_role(parameter: qwen_gradio.Parameter, endpoint: qwen_gradio.Recipe) -> str:
    if parameter.name == endpoint.query:
        return "the question"
    if parameter.name == endpoint.history:
        return "the turns before" if endpoint.query is not None else "the turns, the question last"
    if parameter.name == endpoint.system:
        return "the system message"
    return f"option: {parameter.expected}; {parameter.default!r} by default"

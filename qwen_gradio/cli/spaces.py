"""`qwen-gradio spaces` and `qwen-gradio inspect`: the catalogue of Spaces, and how one Space is asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

import qwen_gradio

from ..space import catalogue
from ..text.columns import format_columns
from . import loop
from .exit_codes import ExitCode
from .options import SPACE_ENV, complete_space, make_client, network_options, space_options
from .render import echo, progress_bar


@click.command("inspect")
@click.argument("space", default=catalogue.DEFAULT, envvar=SPACE_ENV, shell_complete=complete_space)
@click.option("--space", "-m", "option", metavar="SPACE", shell_complete=complete_space, help="The same as SPACE.")
@space_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def inspect_space(space: str, option: str | None, as_json: bool, **network: Any) -> None:
    """Show how SPACE is asked: the steps, where each input comes from, and the calls that ask it."""
    if option and click.get_current_context().get_parameter_source("space") is ParameterSource.COMMANDLINE:
        raise qwen_gradio.UsageError("expected one Space, got SPACE and --space")
    inspection = loop.run(_inspect, make_client(option or space, **network))
    echo(json.dumps(inspection.as_dict(), ensure_ascii=False, indent=2) if as_json else inspection.describe())


@click.command("spaces")
@click.argument("names", nargs=-1, metavar="[SPACE]...", shell_complete=complete_space)
@click.option("--check", is_flag=True, help="Connect to each, and show whether it answers. No question is sent.")
@network_options
def list_spaces(names: tuple[str, ...], check: bool, **network: Any) -> None:
    """List the Spaces known by name, each with its Studio on ModelScope, or only those named."""
    known = [name for entry in catalogue.CATALOGUE for name in entry.names]
    clients = [make_client(name, **network) for name in names or known]
    if not check:
        echo(format_columns([_catalogue_row(client.space) for client in clients]))
        return
    checks = loop.run(_check_all, clients)
    echo(format_columns([("Space", "answers", "Gradio", "steps", "seconds"), *(one.row for one in checks)]))
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
        steps = ", ".join(step.name for step in self.outcome.recipe.steps)
        return self.space, "yes", self.outcome.gradio, steps, seconds


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

"""A plugin for the command `llm`: Spaces as its models, as in `llm -m qwen-2.5 "…"`. Needs the extra `llm`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace

import click
import llm

from ..errors import QwenGradioError
from .llm_models import KEY_VARIABLE, PREFIX, Definition, known_models, load_models, option_of, save_models

NAME = re.compile(r"\w[\w./-]*")


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Register the known Spaces, and those that were added. What fails is told, and llm goes on without it."""
    try:
        from .llm_spaces import AsyncSpaceModel, SpaceModel
    except ImportError as exc:
        click.echo(f"Warning: qwen_gradio needs a newer llm ({exc}): pip install -U 'qwen_gradio[llm]'", err=True)
        return
    try:
        added = load_models()
    except click.ClickException as exc:
        click.echo(f"Warning: {exc.message}", err=True)
        added = {}
    for definition in (*known_models(), *added.values()):
        # Each is of a class of its own, as llm describes the options of a class once.
        model, async_model = (type("Space", (one,), {})(definition) for one in (SpaceModel, AsyncSpaceModel))
        register(model, async_model, aliases=definition.aliases)


# --- the models that were added, and the commands for them


@llm.hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the commands."""
    cli.add_command(commands)


@click.group("qwen-gradio")
def commands() -> None:
    """Chat Spaces of Hugging Face as models."""


@commands.command("add")
@click.argument("name")
@click.argument("spaces", metavar="SPACE[,SPACE…]")
@click.option("--api-name", metavar="NAME", help="The endpoint to use; the chat endpoint by default.")
@click.option("--key", help="A Hugging Face token, or the name of a key; for a Space that isn't public.")
@click.option("--offline", is_flag=True, help="Don't ask the Space for its options; any is then passed on.")
def add(name: str, spaces: str, api_name: str | None, key: str | None, offline: bool) -> None:
    """Add a model NAME that a Space answers for: an id, an alias or a URL. Others after commas are its fallbacks."""
    if not NAME.fullmatch(name):
        raise click.ClickException(f"expected letters, digits and any of ._-/ as a name, got {name!r}")
    added = load_models()
    definition = Definition(name, tuple(space.strip() for space in spaces.split(",")), api_name, aliases=(name,))
    try:
        definition = _check(definition, key, offline=offline)
    except QwenGradioError as exc:
        raise click.ClickException(str(exc)) from exc
    save_models({**added, name: definition})
    click.echo(
        f"Added {definition.model_id}, answered by {' or '.join(definition.spaces)}. Options: {_names(definition)}."
    )
    click.echo(f'Ask it: llm -m {name} "…"')


def _check(definition: Definition, key: str | None, *, offline: bool) -> Definition:
    """Return a definition with the options that its Space publishes; check only its settings if offline.

    Raises:
        QwenGradioError: a setting is invalid, or the Space doesn't answer.
    """
    from ..sync import QwenClient

    token = llm.get_key(input=key, alias=definition.model_id, env=KEY_VARIABLE) or None
    client = QwenClient(**definition.client_settings, token=token)
    if offline:
        return definition
    with contextlib.closing(client):
        options = tuple(map(option_of, client.inspect().recipe.options))
    return replace(definition, options=options, options_complete=True)


def _names(definition: Definition) -> str:
    names = ", ".join(option.name for option in definition.options)
    return names or ("none" if definition.options_complete else "those that it takes")


@commands.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a model that was added."""
    added = load_models()
    if added.pop(name.removeprefix(PREFIX), None) is None:
        raise click.ClickException(f"no model {name!r} was added; see llm qwen-gradio list")
    save_models(added)


@commands.command("list")
def list_() -> None:
    """List the models that were added."""
    for name, definition in load_models().items():
        click.echo(f"{name}: {', '.join(definition.spaces)}")

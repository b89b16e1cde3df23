"""`qwen-gradio serve`: an OpenAI-compatible server in front of Spaces."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from typing import Any

import click
from click.core import ParameterSource

import qwen_gradio

from .demo import run_stand_in
from .options import make_client, space_options
from .render import echo

MAX_NAMES = 8  # of models that are listed when it starts


@click.command()
@click.argument("models", nargs=-1, metavar="[NAME=SPACE[,SPACE…]]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for a free one.")
@click.option(
    "--api-key",
    envvar="QWEN_GRADIO_API_KEY",
    show_envvar=True,
    help="A key that clients have to send; none by default.",
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Another name of this server, or *.")
@click.option("--cors", "origins", multiple=True, metavar="ORIGIN", help="A web page's origin that may use it.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=256, show_default=True, help="How many replies at a time."
)
@click.option("--demo", is_flag=True, help='Run a stand-in Space on 127.0.0.1, as the model "demo".')
@space_options
def serve(
    models: tuple[str, ...],
    host: str,
    port: int,
    api_key: str | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    concurrency: int,
    demo: bool,
    **network: Any,
) -> None:
    """Serve Spaces by OpenAI's chat API, until Ctrl-C.

    A model is a Space's id or alias, or a NAME given here; of several Spaces behind a NAME, the next is asked where one
    fails. --token, --auth and --api-name are for the Spaces named here alone.
    """
    if not all(map(importlib.util.find_spec, ("starlette", "uvicorn"))):
        raise qwen_gradio.UsageError("serving needs starlette and uvicorn: pip install 'qwen_gradio[serve]'")
    from ..integrations.serve import app  # not at the top, as `--help` doesn't need it
    from ..integrations.serve.models import Models, parse_models

    named = parse_models(models)
    for name in ("token", "auth", "api_name"):
        source = click.get_current_context().get_parameter_source(name)
        if source is ParameterSource.COMMANDLINE and not named:  # in the environment it may be for other commands
            raise qwen_gradio.UsageError(f"expected the Spaces that --{name.replace('_', '-')} is for, as NAME=SPACE")
    if api_key == "":
        raise qwen_gradio.UsageError("expected a key for --api-key, got an empty text")
    is_open = api_key is None and not app.is_loopback(host)
    listening = app.listen(host, port)
    with listening, run_stand_in() if demo else contextlib.nullcontext() as url:
        others = {name: network[name] for name in ("timeout", "proxy")}
        served = Models(
            {**named, **({"demo": [url]} if url else {})},
            lambda space, fallbacks: make_client(space, fallbacks=fallbacks, **(others if space == url else network)),
            functools.partial(make_client, **others),
            allows_urls=not is_open,
            lists_catalogue=not named,
        )
        application = app.create_app(
            served, hosts=[host, *hosts], api_key=api_key, origins=origins, concurrency=concurrency
        )
        echo(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/v1")
        names = ", ".join(served.names[:MAX_NAMES]) + ("…" if len(served.names) > MAX_NAMES else "")
        echo(f"It runs until Ctrl-C. Models: {names}, or any other Space.", err=True)
        if is_open:
            echo("Whoever reaches this machine can use it: see --api-key.", err=True)
        app.run(application, listening)

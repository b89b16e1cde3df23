"""A plugin for the command `llm`: Spaces as its models, as in `llm -m qwen-2.5 "…"`. Needs the extra `llm`."""

from __future__ import annotations

import contextlib
import json
import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import click
import llm
from llm.parts import ReasoningPart, StreamEvent

from ..errors import QwenGradioError
from .llm_models import Definition, known_models, load_models, option_of, options_class, parse_json, save_models
from .openai_replies import Delta, Deltas
from .openai_requests import parse_messages

PREFIX = "qwen-gradio/"
KEY_VARIABLE = "QWEN_GRADIO_TOKEN"
NAME = re.compile(r"\w[\w./-]*")


# --- the models


class _Talks:
    """The Conversations of a model, one for each of llm's, as long as that exists."""

    def __init__(self, create_client: Callable[..., Any], definition: Definition) -> None:
        self._create_client = create_client
        self._definition = definition
        self._clients: dict[str | None, Any] = {}
        self._talks: dict[str, _Talk] = {}

    def find(self, conversation: Any, key: str | None) -> _Talk:
        """Return the Conversation for one of llm's; for None, a new one."""
        if key not in self._clients:
            self._clients[key] = self._create_client(**self._definition.client_settings, token=key)
        if conversation is None:
            return _Talk(self._clients[key].conversation())
        name = f"{conversation.id} {key}"
        if name not in self._talks:
            self._talks[name] = _Talk(self._clients[key].conversation())
            weakref.finalize(conversation, self._talks.pop, name, None)
        return self._talks[name]


class _Talk:
    """A Conversation, which goes on in its session as long as llm's turns are those that it has had."""

    def __init__(self, conversation: Any) -> None:
        self._conversation = conversation
        self._turns: list[Any] = []

    def stream(self, messages: list[Any], options: Mapping[str, Any]) -> Any:
        """Return the reply to the last of the messages."""
        if messages[:-1] != self._turns:
            self._conversation.messages = messages[:-1]
        self._turns = messages
        return self._conversation.stream(messages[-1:], **options)

    def finish(self, text: str) -> None:
        """Add the answer, as llm keeps it: rewritten words are twice in a stream."""
        self._turns = [*self._turns, {"role": "assistant", "content": text}]


class _Space:
    """What a Space has as a model of either kind; see `llm.KeyModel`."""

    can_stream = True
    key_env_var = KEY_VARIABLE

    def __init__(self, definition: Definition) -> None:
        self.model_id = self.needs_key = f"{PREFIX}{definition.name}"
        self.Options = options_class(definition)
        self.talks = _Talks(self.create_client, definition)

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client of this kind of model."""
        raise NotImplementedError

    def get_key(self, explicit_key: str | None = None) -> str | None:
        """Return the token: `--key`, the key kept under the model's id, or the variable's; None without an error."""
        return llm.get_key(input=explicit_key, alias=self.needs_key, env=self.key_env_var) or None

    def ask(self, prompt: Any, conversation: Any, key: str | None) -> tuple[_Talk, Any]:
        """Return the Conversation, and the reply to a prompt."""
        talk = self.talks.find(conversation, key)
        known = type(prompt.options).model_fields
        options = {
            name: value if name in known else parse_json(value) for name, value in prompt.options if value is not None
        }
        return talk, talk.stream(parse_messages([_as_message(message) for message in prompt.messages]), options)


def _as_message(message: Any) -> dict[str, Any]:
    """Return one of llm's messages as OpenAI's; another model's tool calls become text, its thoughts are left out."""
    texts = [
        part.text if hasattr(part, "text") else _tool_text(part) for part in message.parts if not _is_thought(part)
    ]
    role = "user" if message.role == "tool" else message.role
    return {"role": role, "content": "".join(texts)}


def _is_thought(part: Any) -> bool:
    return isinstance(part, ReasoningPart)


def _tool_text(part: Any) -> str:
    described = part.to_dict()
    if described["type"] == "tool_call":
        return f"[Called {described['name']}({json.dumps(described['arguments'])})]"
    if described["type"] == "tool_result":
        return f"[Result of {described['name']}: {described['output']}]"
    return f"[{described['type']}]"


def _event(delta: Delta) -> StreamEvent:
    return StreamEvent(type="text" if delta.kind == "answer" else "reasoning", chunk=delta.text)


def _whole(reply: Any) -> Iterator[StreamEvent]:
    """Yield a complete reply, as the Space shows it."""
    if reply.thinking:
        yield _event(Delta(reply.thinking, "thinking"))
    yield _event(Delta(reply.text))


class SpaceModel(_Space, llm.KeyModel):
    """A Space as a model of llm."""

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client."""
        from ..sync import QwenClient  # not at the top, as every `llm` command loads this module

        return QwenClient(**settings)

    def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,  # noqa: ARG002 - llm's contract has it
        conversation: Any,
        key: str | None,
    ) -> Iterator[Any]:
        """Yield the reply to a prompt; llm calls it."""
        talk, asked = self.ask(prompt, conversation, key)
        deltas = Deltas()
        with asked as reply:
            for event in reply.events():
                delta = deltas.feed(event)
                if delta is not None and stream:
                    yield _event(delta)
            if not stream:
                yield from _whole(reply)
        talk.finish(deltas.sent["answer"] if stream else reply.text)


class AsyncSpaceModel(_Space, llm.AsyncKeyModel):
    """A Space as an asynchronous model of llm."""

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client."""
        from ..client import AsyncQwenClient

        return AsyncQwenClient(**settings)

    async def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,  # noqa: ARG002 - the same
        conversation: Any,
        key: str | None,
    ) -> AsyncIterator[Any]:
        """Yield the reply to a prompt; llm calls it."""
        talk, asked = self.ask(prompt, conversation, key)
        deltas = Deltas()
        async with asked as reply:
            async for event in reply.events():
                delta = deltas.feed(event)
                if delta is not None and stream:
                    yield _event(delta)
            if not stream:
                for whole in _whole(reply):
                    yield whole
        talk.finish(deltas.sent["answer"] if stream else reply.text)


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Register the known Spaces, and those that were added."""
    try:
        added = load_models()
    except click.ClickException as exc:  # raised, it would end every command of llm
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
    click.echo(f"Added {PREFIX}{name}, answered by {' or '.join(definition.spaces)}. Options: {_names(definition)}.")
    click.echo(f'Ask it: llm -m {name} "…"')


def _check(definition: Definition, key: str | None, *, offline: bool) -> Definition:
    """Return a definition with the options that its Space publishes; check only its settings if offline.

    Raises:
        QwenGradioError: a setting is invalid, or the Space doesn't answer.
    """
    from ..sync import QwenClient

    token = llm.get_key(input=key, alias=f"{PREFIX}{definition.name}", env=KEY_VARIABLE) or None
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

"""The models of the plugin for llm: the known Spaces, and those that `llm qwen-gradio add` keeps in llm's folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import click
import llm
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from ..errors import short_repr
from ..space import catalogue
from ..space.parameters import Parameter

PREFIX = "qwen-gradio/"
KEY_VARIABLE = "QWEN_GRADIO_TOKEN"
FILE = "qwen-gradio.json"  # in llm's own folder: the models that were added

# Names that an option can't have in llm, where options are keyword arguments beside these.
RESERVED = {
    "prompt", "fragments", "attachments", "system", "system_fragments", "messages", "stream", "schema", "tools",
    "tool_results", "options", "hide_reasoning", "key",
}  # fmt: skip


def parse_json(value: Any) -> Any:
    """Return a value from a command line, read as JSON if it is valid JSON; others as they are."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


ANY_VALUE = Annotated[Any, BeforeValidator(parse_json)]
TYPES = {
    "string": str,
    "number": Annotated[int | float, BeforeValidator(parse_json)],  # 512 stays a whole number
    "integer": int,
    "boolean": bool,
    "object": Annotated[dict[str, Any], BeforeValidator(parse_json)],
    "array": Annotated[list[Any], BeforeValidator(parse_json)],
}
KINDS = {str: "string", float: "number", int: "integer", bool: "boolean", dict: "object", list: "array"}


@dataclass(frozen=True)
class Option:
    """An option of a model, as `llm models --options` lists it.

    Attributes:
        name: its name.
        kind: the JSON type of its values; None for any.
        description: what it accepts, in words.
    """

    name: str
    kind: str | None
    description: str


@dataclass(frozen=True)
class Definition:
    """A model: the Spaces that answer for it, and their options.

    Attributes:
        name: its name, without the prefix.
        spaces: ids, aliases or URLs of Spaces: the first, and its fallbacks.
        api_name: the name of the first one's endpoint; None for the chat endpoint.
        options: its options.
        options_complete: True if it has no others.
        aliases: other names.
    """

    name: str
    spaces: tuple[str, ...]
    api_name: str | None = None
    options: tuple[Option, ...] = ()
    options_complete: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def model_id(self) -> str:
        """The model's id in llm, under which a token can be kept as a key."""
        return f"{PREFIX}{self.name}"

    @property
    def client_settings(self) -> dict[str, Any]:
        """The settings of its client."""
        return {"space": self.spaces[0], "fallbacks": self.spaces[1:], "api_name": self.api_name}


def options_class(definition: Definition) -> Any:
    """Return the class of a model's options, for pydantic to check those of a command line."""
    types: Mapping[str, Any] = TYPES
    fields: dict[str, Any] = {
        option.name: (
            types.get(option.kind or "", ANY_VALUE) | None,
            Field(default=None, description=option.description),
        )
        for option in definition.options
        if option.name not in RESERVED and not option.name.startswith("_") and not hasattr(BaseModel, option.name)
    }
    config = ConfigDict(extra="forbid" if definition.options_complete else "allow", protected_namespaces=())
    base = type("Options", (llm.Options,), {"model_config": config})
    return create_model("Options", __base__=base, **fields)


def known_models() -> Iterator[Definition]:
    """Yield a model for each Space of the catalogue."""
    for entry in catalogue.CATALOGUE:
        options = tuple(
            Option(name, KINDS.get(type(value)), f"{json.dumps(value)} by default")
            for name, value in entry.options.items()
        )
        yield Definition(
            entry.id, (entry.id,), options=options, options_complete=entry.options_complete, aliases=entry.aliases
        )


def _path() -> Path:
    return Path(llm.user_dir()) / FILE


def load_models() -> dict[str, Definition]:
    """Return the models that were added, by name.

    Raises:
        ClickException: the file can't be read.
    """
    try:
        kept = json.loads(_path().read_text("utf-8"))
        return {name: _definition(name, one) for name, one in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as exc:
        raise click.ClickException(
            f"{_path()} can't be read ({exc}); mend it, or remove it and add the models again"
        ) from exc


def _definition(name: str, kept: Mapping[str, Any]) -> Definition:
    options = tuple(Option(**option) for option in kept["options"])
    complete = bool(kept["options_complete"])
    return Definition(name, tuple(kept["spaces"]), kept["api_name"], options, complete, aliases=(name,))


def save_models(definitions: Mapping[str, Definition]) -> None:
    """Write the file in one step, so that a command that ends half way leaves the old one."""
    kept = {
        name: {key: value for key, value in asdict(one).items() if key not in ("name", "aliases")}
        for name, one in definitions.items()
    }
    new = _path().with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
    new.replace(_path())


def option_of(parameter: Parameter) -> Option:
    """Return a parameter that a Space publishes as an option."""
    of_choices = {KINDS.get(type(choice)) for choice in parameter.choices or ()}
    kind = "array" if parameter.many else of_choices.pop() if len(of_choices) == 1 else parameter.kind
    described = f"{parameter.expected}; {short_repr(parameter.default)} by default"
    return Option(parameter.name, kind, f"{parameter.label}: {described}" if parameter.label else described)

"""Other forms of a Space's `/config`: each key that this package reads is renamed, left out, or has another value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Key: TypeAlias = "tuple[str, ...]"
Edit: TypeAlias = "Callable[[dict[str, Any], str], None]"

# A list is passed through, so that its entries are changed alike.
KEYS: Sequence[Key] = [
    ("version",),
    ("app_id",),
    ("components",),
    ("dependencies",),
    *(("components", key) for key in ("id", "type", "props", "api_info", "skip_api")),
    *(
        ("components", "props", key)
        for key in ("value", "label", "visible", "interactive", "type", "choices", "reasoning_tags")
    ),
    *(
        ("dependencies", key)
        for key in ("id", "api_name", "targets", "inputs", "outputs", "backend_fn", "api_visibility", "show_api")
    ),
    *(("dependencies", key) for key in ("trigger_after", "trigger_only_on_success", "trigger_only_on_failure")),
    ("dependencies", "types"),
    ("dependencies", "types", "generator"),
]


def rename(entry: dict[str, Any], key: str) -> None:
    entry[f"{key}_2"] = entry.pop(key)


def omit(entry: dict[str, Any], key: str) -> None:
    del entry[key]


def void(entry: dict[str, Any], key: str) -> None:
    entry[key] = None


def wrap(entry: dict[str, Any], key: str) -> None:
    entry[key] = {"value": entry[key]}


def enlist(entry: dict[str, Any], key: str) -> None:
    entry[key] = [entry[key]]


def spell(entry: dict[str, Any], key: str) -> None:
    entry[key] = str(entry[key])


def count(entry: dict[str, Any], key: str) -> None:
    entry[key] = 7


EDITS: Sequence[Edit] = (rename, omit, void, wrap, enlist, spell, count)


def edited(config: Any, path: Key, edit: Edit) -> Any:
    """Copy a description, and edit a key in it; return an equal one if it has no such key."""
    if isinstance(config, list):
        return [edited(entry, path, edit) for entry in config]
    if not isinstance(config, Mapping) or path[0] not in config:
        return config
    copy = dict(config)
    if len(path) > 1:
        copy[path[0]] = edited(copy[path[0]], path[1:], edit)
    else:
        edit(copy, path[0])
    return copy

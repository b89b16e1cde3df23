"""A Space's id, alias or URL -> where it is; the Spaces known by name. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidSpace

DEFAULT = "Qwen/Qwen2-72B-Instruct"
DOMAIN = "hf.space"  # where the Hub hosts Spaces


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A Space known by name. Its own description takes precedence: it may have been rebuilt.

    Attributes:
        id: its id on the Hub.
        aliases: its other names in this package.
        description: its Gradio and its API, in words.
        options: its parameters besides question, history and system message, with a default for each.
        options_complete: True if `options` names them all, by the Space's source.
    """

    id: str
    aliases: tuple[str, ...]
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)
    options_complete: bool = False


QWEN3 = {"model": "qwen3-235b-a22b", "sys_prompt": "", "thinking_budget": 38}  # thousands of tokens, as its page has it

CATALOGUE = (
    CatalogueEntry(DEFAULT, ("qwen-2-72b", "qwen-qwen2-72b-instruct"), "Gradio 4.32", options_complete=True),
    CatalogueEntry("Qwen/Qwen1.5-110B-Chat-demo", ("qwen-1.5-110b",), "Gradio 4.27", options_complete=True),
    CatalogueEntry("Qwen/Qwen2-7b-instruct-demo", ("qwen-2-7b",), "Gradio 4.33"),
    CatalogueEntry("Qwen/Qwen2.5-72B-Instruct", ("qwen-2.5-72b",), "the API of Qwen2-72B"),
    CatalogueEntry("Qwen/Qwen2.5-Max-Demo", ("qwen-2.5-max",), "Gradio 5, the API of Qwen2-72B"),
    CatalogueEntry(
        "Qwen/Qwen2.5",
        ("qwen-2.5",),
        "Gradio 4.44 with modelscope_studio; radio= is the size",
        {"radio": "72B"},
    ),
    CatalogueEntry("Qwen/Qwen2.5-Coder-demo", ("qwen-2.5-coder",), "radio= is the size", {"radio": "32B"}),
    CatalogueEntry(
        "Qwen/Qwen3-Demo",
        ("qwen-3",),
        "Gradio 5.27 with modelscope_studio; shows its thinking",
        {"settings_form_value": QWEN3},
    ),
)

_BY_NAME = {name.lower(): entry for entry in CATALOGUE for name in (entry.id, *entry.aliases)}
ALIASES = {alias: entry.id for entry in CATALOGUE for alias in entry.aliases}


@dataclass(frozen=True, slots=True)
class Space:
    """Where a Space is.

    Attributes:
        name: its name in messages: its id, or its URL where the id is not known.
        url: the http(s) URL of its Gradio app, without a slash at the end.
        entry: its entry in the catalogue; None if it has none.
    """

    name: str
    url: str
    entry: CatalogueEntry | None = None

    @property
    def id(self) -> str | None:
        """Its id on the Hub; None if only its URL is known."""
        return None if self.name == self.url else self.name


def resolve(space: str) -> Space:
    """Resolves a Space's id (`Qwen/Qwen2-72B-Instruct`), alias (`qwen-2-72b`) or http(s) URL.

    Raises:
        InvalidSpace: it is none of these.
    """
    expected = f"expected a Space id like {DEFAULT}, an alias ({', '.join(sorted(ALIASES))}) or an http(s) URL"
    if not isinstance(space, str):
        raise InvalidSpace(f"{expected}; got {space!r:.80}")
    name = space
    page = re.fullmatch(r"https?://huggingface\.co/spaces/([^/]+/[^/?#]+).*", name)
    if page:
        name = page[1]
    entry = _BY_NAME.get(name.lower())
    if entry is not None:
        name = entry.id
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        return Space(name, f"https://{_subdomain(name)}.{DOMAIN}", entry)
    if not _is_url(name):
        raise InvalidSpace(f"{expected}; got {space!r:.80}")
    return Space(name.rstrip("/"), name.rstrip("/"))


def _subdomain(space_id: str) -> str:
    """`Qwen/Qwen2.5-Max-Demo` -> `qwen-qwen2-5-max-demo`, as the Hub names its hosts."""
    return re.sub(r"[^a-z0-9]+", "-", space_id.lower()).strip("-")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)


def generate_session_hash() -> str:
    """Generates the name of a session: 12 hexadecimal characters of a uuid4."""
    return uuid.uuid4().hex[:12]

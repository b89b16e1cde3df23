"""The Spaces known by name: what is known of each, and how a Space's id becomes its URL. Pure."""

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
    """What is known of a Space before it is asked. It has the last word: it may have been rebuilt since.

    Attributes:
        id: its id on the Hub.
        aliases: its other names here.
        options: what it takes besides the question, its history and the system message, with what to send where the
            Space publishes no default.
        options_complete: whether it takes no other options, by its source.
        description: what it runs and how it answers, for people.
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
        "Qwen/Qwen2.5", ("qwen-2.5",), "Gradio 4.44 with modelscope_studio; radio= is the size", {"radio": "72B"}
    ),
    CatalogueEntry("Qwen/Qwen2.5-Coder-demo", ("qwen-2.5-coder",), "radio= is the size", {"radio": "32B"}),
    CatalogueEntry(
        "Qwen/Qwen3-Demo",
        ("qwen-3",),
        "Gradio 5.27 with modelscope_studio; shows its thinking",
        {"settings_form_value": QWEN3},
    ),
)

_BY_NAME = {name.lower(): known for known in CATALOGUE for name in (known.id, *known.aliases)}
ALIASES = {alias: known.id for known in CATALOGUE for alias in known.aliases}


@dataclass(frozen=True, slots=True)
class Space:
    """Where a Space is.

    Attributes:
        name: what to call it in messages: its id, or its URL if that is all that is known.
        url: the http(s) URL of its Gradio app, without a slash at the end.
        entry: what the catalogue has of it, if it has.
    """

    name: str
    url: str
    entry: CatalogueEntry | None = None

    @property
    def id(self) -> str | None:
        """Its id on the Hub; None if only its URL is known."""
        return None if self.name == self.url else self.name


def resolve(space: str) -> Space:
    """Find a Space by its id (`Qwen/Qwen2-72B-Instruct`), an alias (`qwen-2-72b`) or its http(s) URL.

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
    known = _BY_NAME.get(name.lower())
    if known is not None:
        name = known.id
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        return Space(name, f"https://{_subdomain(name)}.{DOMAIN}", known)
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
    """Name a session on a Space: 12 hexadecimal characters of a uuid4."""
    return uuid.uuid4().hex[:12]

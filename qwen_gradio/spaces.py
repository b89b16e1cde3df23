"""The Spaces known by name: aliases, and how a Space's id becomes its URL. Pure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import InvalidSpace

DEFAULT = "Qwen/Qwen2-72B-Instruct"

ALIASES = {
    "qwen-2-72b": DEFAULT,
    "qwen-qwen2-72b-instruct": DEFAULT,
}

# What the known Spaces take besides the prompt, its history and the system message, so that a wrong option
# is told before any network. A Space that isn't listed is asked what it takes.
OPTIONS: dict[str, frozenset[str]] = {DEFAULT: frozenset()}


@dataclass(frozen=True, slots=True)
class Space:
    """Where a Space is.

    Attributes:
        name: what to call it in messages: its id, or its URL if that is all that is known.
        url: the http(s) URL of its Gradio app, without a slash at the end.
        options: the options that it is known to take; None if it isn't known.
    """

    name: str
    url: str
    options: frozenset[str] | None = None


def find(space: str) -> Space:
    """Find a Space by its id (`Qwen/Qwen2-72B-Instruct`), an alias (`qwen-2-72b`) or its http(s) URL.

    Raises:
        InvalidSpace: it is none of these.
    """
    expected = f"expected a Space id like {DEFAULT}, an alias ({', '.join(sorted(ALIASES))}) or an http(s) URL"
    if not isinstance(space, str):
        raise InvalidSpace(f"{expected}; got {space!r:.80}")
    name = ALIASES.get(space.lower(), space)
    page = re.fullmatch(r"https?://huggingface\.co/spaces/([^/]+/[^/?#]+).*", name)
    if page:
        name = page[1]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        return Space(name, f"https://{_subdomain(name)}.hf.space", OPTIONS.get(name))
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

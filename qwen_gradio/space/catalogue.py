"""A Space's id, alias or URL -> the URL of its app; the catalogue of known Spaces. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidSpace, short_repr

DEFAULT = "Qwen/Qwen2-72B-Instruct"
DOMAIN = "hf.space"  # where the Hub hosts Spaces
STUDIO = "modelscope:"  # before a Studio's id
STUDIO_DOMAIN = "ms.show"  # where ModelScope hosts Studios
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LABEL_CHARS = 63  # of one label of a host name, between its dots (RFC 1035)
MAX_PORT = 65535

_SPACE_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_STUDIO_PAGE = re.compile(r"https?://(?:www\.)?modelscope\.cn/studios/([^/]+/[^/]+)(?:/.*)?")
_HUB_PAGE = re.compile(r"https?://huggingface\.co/spaces/([^/]+/[^/]+)(/.*)?")
_NETLOC = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(?::([0-9]*))?")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_IPV4 = re.compile(r"\d+(\.\d+){3}")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A known Space. The description that it publishes takes precedence, as it may have been rebuilt.

    Attributes:
        id: its id on the Hub.
        aliases: its other names in this package.
        description: its Gradio version and its API, in words.
        options: a default for each known parameter except question, history and system message.
        options_complete: True if `options` has all of them, according to the Space's source; others are then invalid.
        studio: the id of the same app on ModelScope; None if none is known.
    """

    id: str
    aliases: tuple[str, ...]
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)
    options_complete: bool = False
    studio: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which it is asked: its id, and that of its Studio if there is one."""
        return (self.id,) if self.studio is None else (self.id, STUDIO + self.studio)


# The page's own values; `thinking_budget` is in thousands of tokens.
QWEN3 = {"model": "qwen3-235b-a22b", "sys_prompt": "", "thinking_budget": 38}

CATALOGUE = (
    CatalogueEntry(
        DEFAULT,
        ("qwen-2-72b", "qwen-qwen2-72b-instruct"),
        "Gradio 4.32",
        options_complete=True,
        studio="Qwen/Qwen2-72B-Instruct-demo",
    ),
    CatalogueEntry("Qwen/Qwen1.5-110B-Chat-demo", ("qwen-1.5-110b",), "Gradio 4.27", options_complete=True),
    CatalogueEntry("Qwen/Qwen2-7b-instruct-demo", ("qwen-2-7b",), "Gradio 4.33"),
    CatalogueEntry("Qwen/Qwen2.5-72B-Instruct", ("qwen-2.5-72b",), "the API of Qwen2-72B"),
    CatalogueEntry("Qwen/Qwen2.5-Max-Demo", ("qwen-2.5-max",), "Gradio 5, the API of Qwen2-72B"),
    CatalogueEntry(
        "Qwen/Qwen2.5",
        ("qwen-2.5",),
        "Gradio 4.44 with modelscope_studio; radio= is the size",
        {"radio": "72B"},
        studio="Qwen/Qwen2.5",
    ),
    CatalogueEntry(
        "Qwen/Qwen2.5-Coder-demo",
        ("qwen-2.5-coder",),
        "radio= is the size",
        {"radio": "32B"},
        studio="Qwen/Qwen2.5-Coder-demo",
    ),
    CatalogueEntry(
        "Qwen/Qwen3-Demo",
        ("qwen-3",),
        "Gradio 5.27 with modelscope_studio; shows its thinking",
        {"settings_form_value": QWEN3},
    ),
)

_BY_NAME = {name.lower(): entry for entry in CATALOGUE for name in (entry.id, *entry.aliases)}
_BY_STUDIO = {entry.studio.lower(): entry for entry in CATALOGUE if entry.studio}
ALIASES = {alias: entry.id for entry in CATALOGUE for alias in entry.aliases}
_EXPECTED = f"expected a Space id like {DEFAULT}, an alias ({', '.join(sorted(ALIASES))}) or an http(s) URL"


@dataclass(frozen=True, slots=True)
class Space:
    """A Space's name and URL.

    Attributes:
        name: its id, that of a Studio after `modelscope:`, or its URL if the id is unknown.
        url: the http(s) URL of its Gradio app, without a slash at the end.
        entry: its entry in the catalogue, or that of the Space whose Studio it is; None if there is none.
    """

    name: str
    url: str
    entry: CatalogueEntry | None = None

    @property
    def id(self) -> str | None:
        """Its id on the Hub; None if only its URL is known, or if it is a Studio of ModelScope."""
        return None if self.name == self.url or self.is_studio else self.name

    @property
    def is_studio(self) -> bool:
        """True for a Studio of ModelScope, to which no token of the Hub is sent."""
        return (urlsplit(self.url).hostname or "").endswith(f".{STUDIO_DOMAIN}")


def resolve(space: str) -> Space:
    """Return the Space of an id (`Qwen/Qwen2-72B-Instruct`), an alias (`qwen-2-72b`) or an http(s) URL.

    A Studio of ModelScope is one, too, by its page's URL or as `modelscope:OWNER/NAME`.

    Raises:
        InvalidSpace: `space` is none of these, or is a URL with a user name and password.
    """
    if not isinstance(space, str):
        raise InvalidSpace(f"{_EXPECTED}; got {type(space).__name__}")
    name = str.__str__(space)  # a str enum has its own `str()`
    if "@" in unicodedata.normalize("NFKC", name):
        raise InvalidSpace(f"{_EXPECTED} without a user name and password: pass those by auth=(user, password)")
    if name.startswith(STUDIO):
        return _studio(name.removeprefix(STUDIO))
    if "://" in name:
        url = _normalise_url(name)
        studio, page = _STUDIO_PAGE.fullmatch(url), _HUB_PAGE.fullmatch(url)
        if studio is not None:
            return _studio(studio[1])
        if page is None:
            return Space(url, url)
        name = page[1]
    entry = _BY_NAME.get(name.lower())
    space_id = name if entry is None else entry.id
    if not _is_id(space_id):
        raise _invalid(name)
    return Space(space_id, f"https://{_subdomain(space_id)}.{DOMAIN}", entry)


def _is_id(name: str) -> bool:
    return bool(_SPACE_ID.fullmatch(name)) and 0 < len(_subdomain(name)) <= MAX_LABEL_CHARS


def _studio(studio_id: str) -> Space:
    if not _is_id(studio_id):
        raise _invalid(STUDIO + studio_id)
    url = f"https://{_subdomain(studio_id)}.{STUDIO_DOMAIN}"
    return Space(STUDIO + studio_id, url, _BY_STUDIO.get(studio_id.lower()))


def _subdomain(space_id: str) -> str:
    """Return the host name of a Space or a Studio: `Qwen/Qwen2.5-Max-Demo` -> `qwen-qwen2-5-max-demo`."""
    return re.sub(r"[^a-z0-9]+", "-", space_id.lower()).strip("-")


def _normalise_url(text: str) -> str:
    """Return an http(s) URL with its scheme in lower case and its host in ASCII, without default port and query."""
    url = _parse_url(text)
    if url is None:
        raise _invalid(text)
    return url


def _parse_url(text: str) -> str | None:
    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        netloc = _NETLOC.fullmatch(parts.netloc)
        if parts.scheme not in DEFAULT_PORTS or netloc is None:
            return None
        host = _ascii_host(netloc[1])
    except ValueError:
        return None
    port = _parse_port(netloc[2])
    suffix = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}{parts.path}".rstrip("/")


def _parse_port(text: str | None) -> int | None:
    digits = (text or "").lstrip("0")
    port = int(digits[:6] or 0)  # more digits are out of range in any case
    if text and not 0 < port <= MAX_PORT:
        raise InvalidSpace(f"expected a port from 1 to {MAX_PORT}; got {short_repr(text)}")
    return port or None


def _ascii_host(host: str) -> str:
    """Return a host in ASCII.

    Python's codec follows IDNA 2003, browsers do not: a character that the codec replaces ("ß" by "ss") makes the host
    invalid, as the result would be another host than in a browser.

    Raises:
        ValueError: the host is invalid.
    """
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    name = unicodedata.normalize("NFKC", host).lower()
    encoded = name.encode("idna")
    is_exact = name.isascii() or encoded.decode("idna") == name
    if not is_exact or not _HOST.fullmatch(encoded.decode()):
        raise ValueError(host)
    if _IPV4.fullmatch(name):
        ipaddress.IPv4Address(name)
    return encoded.decode()


def _invalid(name: str) -> InvalidSpace:
    """Create the error. It shows no query, and no name with "%40" ("@"), which may contain a password."""
    without_query = re.split(r"[?#]", name)[0]
    return InvalidSpace(_EXPECTED if "%40" in name else f"{_EXPECTED}; got {short_repr(without_query)}")


def generate_session_hash() -> str:
    """Generate a session's name: 12 hexadecimal characters of a uuid4."""
    return uuid.uuid4().hex[:12]

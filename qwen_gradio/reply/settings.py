"""A client's settings, checked before any network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidOption, short_repr
from .events import Timeouts

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.1
HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")  # the same, 5.5


def check_number(name: str, value: object, *, least: int) -> None:
    """Check a whole number.

    Raises:
        InvalidOption: it is none, or too small.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidOption(f"expected a whole number from {least} for {name}, got {short_repr(value)}")


def check_timeouts(timeouts: object) -> Timeouts:
    """Check timeouts.

    Raises:
        InvalidOption: they are no Timeouts.
    """
    if not isinstance(timeouts, Timeouts):
        raise InvalidOption(f"expected Timeouts(...) for timeouts, got {short_repr(timeouts)}")
    return timeouts


def check_fallbacks(fallbacks: Any) -> Sequence[Any]:
    """Check fallbacks: a sequence of them, and not the name of one.

    Raises:
        InvalidOption: they are none.
    """
    if isinstance(fallbacks, str) or not isinstance(fallbacks, Iterable):
        raise InvalidOption(f"expected a list for fallbacks, got {short_repr(fallbacks)}")
    return tuple(fallbacks)


def check_access(*, token: object, auth: object, headers: Mapping[str, str] | None, proxy: object) -> Mapping[str, Any]:
    """Check how a Space is reached, and as whom. No message shows a value, as each may hold a secret.

    Returns:
        the fields of `transport.client.Access`.

    Raises:
        InvalidOption: one is not what is expected.
    """
    if token is not None and not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token)):
        raise InvalidOption("expected a token of visible ASCII characters; does it end in a newline?")
    if auth is not None:
        auth = _check_auth(auth)
    if proxy is not None:
        _check_proxy(proxy)
    return {"token": token, "auth": auth, "headers": _check_headers(headers or {}), "proxy": proxy}


def _check_auth(auth: Any) -> tuple[str, str]:
    if isinstance(auth, tuple | list) and len(auth) == 2:
        user, password = auth
        if isinstance(user, str) and isinstance(password, str):
            return user, password
    raise InvalidOption("expected auth=(user, password), both str")


def _check_proxy(proxy: object) -> None:
    try:
        parts = urlsplit(proxy) if isinstance(proxy, str) else None
        is_valid = parts is not None and parts.scheme in PROXY_SCHEMES and bool(parts.hostname)
        _ = parts.port if parts is not None else None  # raises for a port that is no number
    except ValueError:
        is_valid = False
    if not is_valid:
        raise InvalidOption(f"expected the URL of a proxy: scheme://host:port, the scheme {', '.join(PROXY_SCHEMES)}")


def _check_headers(headers: Any) -> tuple[tuple[str, str], ...]:
    pairs = tuple(headers.items()) if isinstance(headers, Mapping) else None
    if pairs is None or not all(isinstance(one, str) for pair in pairs for one in pair):
        raise InvalidOption("expected a mapping of names to values, all of them str, for headers")
    for name, value in pairs:
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise InvalidOption(f"expected headers as HTTP has them; the one named {short_repr(name)} is not")
    return pairs


def check_not_cleartext(url: str) -> None:
    """Check that nobody on the way can read what is sent to a URL.

    Raises:
        InvalidOption: it is plain http to another machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InvalidOption(
            "token, auth and headers would go over plain http, for everyone on the way to read; use https, "
            "or allow_plain_http=True"
        )

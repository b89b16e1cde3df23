"""A client's settings, checked before any network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidOption, short_repr
from ..transport.access import Access
from .events import Timeouts

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_number(name: str, value: object, *, minimum: int) -> None:
    """Check a whole number.

    Raises:
        InvalidOption: it is none, or too small.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise InvalidOption(f"expected a whole number from {minimum} for {name}, got {short_repr(value)}")


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


def access_to(
    url: str,
    *,
    token: str | None,
    auth: tuple[str, str] | None,
    headers: Mapping[str, str] | None,
    proxy: str | None,
    timeouts: Timeouts,
) -> Access:
    """Check a proxy and credentials, and create an `Access`. No message shows a value, as each may be secret.

    Raises:
        InvalidOption: one is not what is expected.
    """
    return Access(
        url,
        token=token,
        auth=None if auth is None else _check_auth(auth),
        headers=_check_headers(headers or {}),
        proxy=None if proxy is None else _check_proxy(proxy),
        timeout=timeouts.connect,
    )


def _check_auth(auth: Any) -> tuple[str, str]:
    if isinstance(auth, tuple | list) and len(auth) == 2:
        user, password = auth
        if isinstance(user, str) and isinstance(password, str):
            return user, password
    raise InvalidOption("expected auth=(user, password), both str")


def _check_proxy(proxy: object) -> str:
    try:
        if isinstance(proxy, str):
            parts = urlsplit(proxy)
            if parts.scheme in PROXY_SCHEMES and parts.hostname and (parts.port is None or parts.port):
                return proxy
    except ValueError:  # a port that is no number
        pass
    raise InvalidOption(f"expected the URL of a proxy: scheme://host:port, the scheme {', '.join(PROXY_SCHEMES)}")


def _check_headers(headers: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(headers, Mapping):
        raise InvalidOption("expected a mapping of names to values for headers")
    return tuple(headers.items())


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

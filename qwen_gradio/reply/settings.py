"""Checks of a client's settings, before any network access."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidOption, short_repr
from ..transport.access import PROXY_SCHEMES, Access
from .events import Timeouts

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_number(name: str, value: object, *, minimum: int) -> None:
    """Check a whole number.

    Raises:
        InvalidOption: the value is not a whole number, or is below the minimum.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise InvalidOption(f"expected a whole number from {minimum} for {name}, got {short_repr(value)}")


def check_timeouts(timeouts: object) -> Timeouts:
    """Check timeouts.

    Raises:
        InvalidOption: the value is not a `Timeouts`.
    """
    if not isinstance(timeouts, Timeouts):
        raise InvalidOption(f"expected Timeouts(...) for timeouts, got {short_repr(timeouts)}")
    return timeouts


def check_fallbacks(fallbacks: Any) -> Sequence[Any]:
    """Check that fallbacks are an iterable, and not a single name.

    Raises:
        InvalidOption: they are not.
    """
    if isinstance(fallbacks, str) or not isinstance(fallbacks, Iterable):
        raise InvalidOption(f"expected a list for fallbacks, got {short_repr(fallbacks)}")
    return tuple(fallbacks)


def create_access(
    url: str,
    *,
    proxy: str | None,
    timeouts: Timeouts,
    token: str | None = None,
    oauth_token: str | None = None,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Access:
    """Check a proxy and credentials, and create an `Access`. No message shows a value, as each may be secret.

    Raises:
        InvalidOption: a value is invalid.
    """
    return Access(
        url,
        token=token,
        oauth_token=oauth_token,
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
            if parts.scheme in PROXY_SCHEMES and parts.hostname and parts.port != 0:
                return proxy
    except ValueError:  # the port is not a number
        pass
    schemes = ", ".join(PROXY_SCHEMES)
    raise InvalidOption(f"expected the URL of a proxy, scheme://host:port, with one of the schemes {schemes}")


def _check_headers(headers: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(headers, Mapping):
        raise InvalidOption("expected a mapping of names to values for headers")
    return tuple(headers.items())


def check_not_cleartext(url: str) -> None:
    """Check that nobody in between can read what is sent to a URL.

    Raises:
        InvalidOption: the URL is plain http to another machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InvalidOption(
            "token, oauth_token, auth and headers would be sent over plain http, readable in transit; use https, "
            "or allow_plain_http=True"
        )

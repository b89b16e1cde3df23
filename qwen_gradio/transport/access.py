"""Access: the URL of a Space, and the credentials that are sent to it alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import InvalidOption

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
REQUEST_HEADERS = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})


@dataclass(frozen=True)
class Access:
    """The URL of a Space, and the credentials, proxy, timeout and headers of requests to it.

    Attributes:
        url: its http(s) URL. For an id, gradio_client would query the Hub, without the proxy and without a deadline.
        token: a Hugging Face token, sent to this origin alone; if None, not even one saved on this machine is sent.
        oauth_token: a Hugging Face token for the app's code, sent to this origin alone, and only with questions to an
            endpoint that takes one.
        auth: the user name and the password to log in with; None for none.
        proxy: the URL of a proxy for all requests; None for that of the environment (HTTP_PROXY and the like).
        timeout: seconds for each step of a request that isn't a stream; None for no limit.
        headers: names and values, sent with every request to this origin and to no other. They replace gradio_client's
            headers of the same names. Beside an `Authorization`, `token` is sent as `X-HF-Authorization`.

    Raises:
        InvalidOption: the token or a header can't be sent in an HTTP header; the message doesn't contain its value.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    oauth_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("token", "oauth_token"):
            token = getattr(self, name)
            if token is not None and not (_is_header_value(token) and token.split() == [token]):
                raise InvalidOption(f"expected printable ASCII characters without white space for {name}")
        for name, value in self.headers:
            _check_header(name, value)

    @property
    def is_private(self) -> bool:
        """True if it has credentials, headers or a proxy, none of which may be sent to other hosts."""
        return bool(self.token or self.oauth_token or self.auth or self.proxy or self.headers)

    @property
    def has_authorization(self) -> bool:
        """True if one of the headers is `Authorization`."""
        return self._has_header("authorization")

    @property
    def may_be_logged_in(self) -> bool:
        """True if one of the headers is `Cookie`, which may have the session of a login with Hugging Face."""
        return self._has_header("cookie")

    def _has_header(self, wanted: str) -> bool:
        return any(name.lower() == wanted for name, _ in self.headers)


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise InvalidOption("expected names of HTTP headers, of letters, digits and hyphens")  # it may hold a secret
    if name.lower() in REQUEST_HEADERS:
        raise InvalidOption(f"the header {name} is set by each request itself; leave it out")
    if not _is_header_value(value):  # the value may be a secret, so the message omits it
        raise InvalidOption(
            f"expected printable ASCII characters for the header {name}, without white space around the value"
        )


def _is_header_value(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()

"""Access: the address of a Space, and the credentials that are sent to it alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import InvalidOption

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
REQUEST_HEADERS = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})


@dataclass(frozen=True)
class Access:
    """How a Space is reached, and as whom.

    Attributes:
        url: its http(s) URL. An id would make gradio_client ask the Hub, around the proxy and without a deadline.
        token: a Hugging Face token, sent to this origin alone; None sends none, not even one saved on this machine.
        auth: the user name and the password to log in with; None for none.
        proxy: the URL of a proxy for every byte; None leaves it to the environment, that is to HTTP_PROXY and its kin.
        timeout: seconds for each step of a request that isn't a stream; None waits for ever.
        headers: names and values, sent with every request to this origin and to no other, in place of gradio_client's
            own of these names. `Authorization` is sent beside `token`, which then goes as `X-HF-Authorization`.

    Raises:
        InvalidOption: the token or a header can't be sent in a request's head; the message doesn't show it.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and not (_is_header_value(self.token) and self.token.split() == [self.token]):
            raise InvalidOption("expected a token of printable ASCII characters, without white space")
        for name, value in self.headers:
            _check_header(name, value)

    @property
    def is_private(self) -> bool:
        """Whether it holds anything to be kept from other hosts: credentials, or the way through a proxy."""
        return bool(self.token or self.auth or self.proxy or self.headers)

    @property
    def has_authorization(self) -> bool:
        """Whether one of the headers is `Authorization`."""
        return any(name.lower() == "authorization" for name, _ in self.headers)


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise InvalidOption("expected names of HTTP headers, of letters, digits and hyphens")  # it may hold its value
    if name.lower() in REQUEST_HEADERS:
        raise InvalidOption(f"the header {name} is each request's own; leave it out")
    if not _is_header_value(value):  # which may be a secret, so it isn't shown
        raise InvalidOption(
            f"expected printable ASCII characters for the header {name}, without white space around them"
        )


def _is_header_value(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()

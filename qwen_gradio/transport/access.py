"""Access: the address of a Space, and the credentials that are sent to it alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Access:
    """How a Space is reached, and as whom.

    Attributes:
        url: its http(s) URL. An id would make gradio_client ask the Hub, around the proxy and without a deadline.
        token: sent to this host alone; None sends none, not even one saved on this machine.
        auth: the user name and the password to log in with; None for none.
        proxy: the URL of a proxy for every byte; None leaves it to httpx, that is to HTTP_PROXY and its kin.
        timeout: seconds for each step of a request; None for ever.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout: float | None = None

    @property
    def is_private(self) -> bool:
        """Whether something is to be kept from others: a secret, or where this machine is."""
        return bool(self.token or self.auth or self.proxy)

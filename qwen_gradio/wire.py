"""An open stream of events as the event loop reads it: whatever has come, and without ever blocking.

A thread that blocks in `recv` and hands over what comes costs two wake-ups an update, more than all else that is done
for it. So once httpx has opened the stream, its socket is read here, by the h11 that httpcore reads it with. That sees
the same bytes as it would have otherwise, and when all have come, the connection is httpcore's again, and serves on.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import h11
import httpx

from .events import Events

PIECE = 65536  # bytes that are read at a time


class Wire:
    """A stream's socket, and what decodes it.

    Attributes:
        socket: readable when there is something to read.
        has_ended: whether the stream has.
    """

    def __init__(
        self, opened: socket.socket, decoder: h11.Connection, events: Events, is_readable: Callable[[], bool]
    ) -> None:
        opened.settimeout(0)
        self.socket = opened
        self._is_readable = is_readable
        self.has_ended = False
        self._decoder = decoder
        self._events = events
        self._heard = time.monotonic()

    def read(self) -> Iterator[dict[str, Any]]:
        """Give the messages that have come, which may be none.

        Raises, but not before those before it were given:
            httpx.ReadError, httpx.RemoteProtocolError: the connection broke, or carries what is no HTTP.
            Unreadable: the stream carries what is no event of Gradio's.
        """
        try:
            self._decoder.receive_data(self._received())
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return iter(())
        except OSError as exc:
            raise httpx.ReadError(str(exc)) from exc
        self._heard = time.monotonic()
        return self.buffered()

    def _received(self) -> bytes:
        """A piece, with what TLS has deciphered already: of that, the socket knows nothing."""
        piece = self.socket.recv(PIECE)
        while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            piece += self.socket.recv(PIECE)
        return piece

    def buffered(self) -> Iterator[dict[str, Any]]:
        """Give the messages that have been received: some may have come with the head of the response."""
        try:
            while isinstance(event := self._decoder.next_event(), h11.Data):
                yield from self._events.feed(bytes(event.data))
        except h11.RemoteProtocolError as exc:
            raise httpx.RemoteProtocolError(str(exc)) from exc
        self.has_ended = isinstance(event, h11.EndOfMessage)

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing has come for so long; what nobody has read yet has come."""
        return time.monotonic() - self._heard >= seconds and not self._is_readable()


def wire_of(response: httpx.Response, events: Events) -> Wire | None:
    """Take over a response whose head has been read; None where that can't be done, and httpx has to read it.

    That is where the body is compressed, where TLS goes through TLS (an https proxy), over HTTP/2, and where a
    version of httpx or httpcore keeps h11 elsewhere.
    """
    held: Any = response.stream
    for name in ("_stream", "_httpcore_stream", "_stream", "_connection", "_h11_state"):
        held = getattr(held, name, None)
    about = response.extensions["network_stream"].get_extra_info
    opened = about("socket")
    is_plain = response.request.url.scheme == "http"
    # Where TLS goes through TLS, the socket is the outer one, and the inner is an SSLObject; alone it is none.
    is_deciphered = isinstance(opened, ssl.SSLSocket) and not isinstance(about("ssl_object"), ssl.SSLObject)
    is_compressed = "content-encoding" in response.headers
    if not isinstance(held, h11.Connection) or not (is_plain or is_deciphered) or is_compressed:
        return None
    return Wire(opened, held, events, lambda: bool(about("is_readable")))

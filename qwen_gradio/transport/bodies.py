"""The bodies of a session's responses, which can be aborted from any thread, and are limited in size."""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .rebinding import http_module
from .threads import shutdown_socket

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()

MAX_DRAIN_READS = 3


class BodyState(enum.Enum):
    """The state of a response's body: OPEN -> DRAINING -> CLOSED; `Network.cancel` aborts OPEN ones alone."""

    OPEN = enum.auto()
    DRAINING = enum.auto()
    CLOSED = enum.auto()


class Body(http.SyncByteStream):
    """A response's body, which can be aborted; a stream is read to its end, so that its connection can be reused.

    Args:
        network: the session's Network.
        response: the response, of the pool.
        close_response: closes it.
        is_stream: True if it is streamed.
    """

    def __init__(self, network: Any, response: Any, close_response: Callable[[Any], None], *, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.state = BodyState.OPEN
        self.is_exhausted = False
        self._network = network
        self._response = response
        self._close_response = close_response
        self._chunks = iter(response.stream)
        stream = response.extensions.get("network_stream")
        self.socket = stream.get_extra_info("socket") if stream is not None else None

    def __repr__(self) -> str:
        return f"<Body of a {'stream' if self.is_stream else 'response'}: {self.state.name.lower()}>"

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                if not self.is_stream:
                    self._network.check_deadline()
                yield chunk
            self.is_exhausted = True
        except (http.HTTPError, RuntimeError) as exc:  # RuntimeError if the pool was closed meanwhile
            self._network.record_failure(exc)
            if not self.is_stream:
                raise
            raise http.RemoteProtocolError(str(exc)) from exc  # for gradio_client this ends the stream

    def close(self) -> None:
        """Close the body; a stream that ends soon is first read to its end."""
        # After an exception the stream may not end, and no other thread would abort it.
        if sys.exc_info()[1] is None and self._network.start_draining(self):
            with contextlib.suppress(http.HTTPError, RuntimeError):
                for _ in range(MAX_DRAIN_READS):
                    if next(self._chunks, None) is None:
                        break
        self._network.release(self)
        self._close_response(self._response)

    def abort(self) -> None:
        """Shut down the socket, which ends a read in any thread."""
        if self.socket is not None:
            shutdown_socket(self.socket)


class CountedResponse(http.Response):
    """A response whose decompressed body is limited in size."""

    network: Any
    is_stream: bool

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the body's bytes, and count them; httpx's other methods but `iter_raw` call this one."""
        for chunk in super().iter_bytes(chunk_size):
            self.network.count(len(chunk), is_stream=self.is_stream)
            yield chunk

"""The `httpx` that gradio_client's functions see in one session: over a shared pool, to one origin, and cancellable.

It has the names that httpx has. Its clients and responses are httpx's own; only the transport below them is shared.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .pool import Pool, origin_of, tls_context
from .rebinding import SHORTCUTS, http_module
from .threads import shutdown_socket

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()

# A Gradio server sends something every 15 s, however long the app is silent, so three times that without a byte means
# that nobody is there any more, while a shorter time would end healthy streams.
READ_TIMEOUT = 45.0  # seconds
DRAIN_TIMEOUT = 0.5  # seconds in which a stream's end should follow the job's, so that the connection can serve again
MAX_DRAIN_READS = 3
MAX_BODY_BYTES = 32 * 1024 * 1024  # of a response that is no stream, and of a stream between two updates

# What belongs to httpx's Client, and not to a request, in the signatures of `httpx.get` and its kin.
CLIENT_OPTIONS = ("cookies", "proxy", "timeout", "verify", "trust_env", "cert")
OWN_TRANSPORT = ("transport", "mounts")


class BodyState(enum.Enum):
    """Where a response's body is; only an OPEN one is aborted by `Network.cancel`."""

    OPEN = enum.auto()
    DRAINING = enum.auto()
    CLOSED = enum.auto()


class Body(http.SyncByteStream):
    """A response's body: it can be aborted, and is read to its end so that the connection can serve again."""

    def __init__(self, network: Network, response: Any, *, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.state = BodyState.OPEN
        self.is_exhausted = False
        self._network = network
        self._response = response
        self._chunks = iter(response.stream)
        stream = response.extensions.get("network_stream")
        self.socket = stream.get_extra_info("socket") if stream is not None else None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                if not self.is_stream:
                    self._network.check_deadline()
                yield chunk
            self.is_exhausted = True
        except (http.HTTPError, RuntimeError) as exc:  # RuntimeError where the pool was closed meanwhile
            self._network.record_failure(exc)
            if not self.is_stream:
                raise
            raise http.RemoteProtocolError(str(exc)) from exc  # which gradio_client takes for the end of a stream

    def close(self) -> None:
        """Close it; a stream is read to its end first, where that is just to come."""
        # After an exception no end is to come, and nobody else would see that it doesn't.
        if sys.exc_info()[1] is None and self._network.should_drain(self):
            with contextlib.suppress(http.HTTPError, RuntimeError):
                for _ in range(MAX_DRAIN_READS):
                    if next(self._chunks, None) is None:
                        break
        self._network.release(self)
        self._response.close()

    def abort(self) -> None:
        """Shut its socket down."""
        if self.socket is not None:
            shutdown_socket(self.socket)


class CountedResponse(http.Response):
    """A response whose body, as it is once it is decompressed, is bounded."""

    network: Network
    is_stream: bool

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give the body's bytes; all other ways of reading it go through this, but for the raw one."""
        for chunk in super().iter_bytes(chunk_size):
            self.network.count(len(chunk), is_stream=self.is_stream)
            yield chunk


class SharedTransport(http.BaseTransport):
    """The transport of a session's httpx clients: the pool, whatever client asks."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def handle_request(self, request: Any) -> Any:
        """Send a request over the pool."""
        return self._network.send(request)

    def close(self) -> None:
        """The pool outlives the client."""


class Network:
    """Stands in for the `httpx` module in one session. Names that it doesn't define are httpx's.

    Args:
        pool: the Space's connections.
        notify: called when the session got a response, from any thread.
        deadline: the `time.monotonic` after which no body is read on; None for never.

    Attributes:
        requests: how many requests were sent.
        responses: how many were answered.
        streams: how many streams were opened.
        is_cancelled: whether `cancel` was called.
        failure: what went wrong with a stream, which gradio_client turns into a bare CancelledError.
        first_error: the first response that was an HTTP error.
        last_response: the last response.
    """

    def __init__(self, pool: Pool, notify: Callable[[], object] = bool, *, deadline: float | None = None) -> None:
        self.requests = self.responses = self.streams = 0
        self.is_cancelled = False
        self.failure: Exception | None = None
        self.first_error: Any = None
        self.last_response: Any = None
        self.job_thread: int | None = None
        self._pool = pool
        self._notify = notify
        self._deadline = deadline
        self._unread = 0  # bytes since the last update
        self._has_streamed = self._has_updated = self._is_finished = False
        # Reentrant, as a reply's `__del__` may cancel while this thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._bodies: set[Body] = set()

    def __getattr__(self, name: str) -> Any:
        if name in SHORTCUTS:
            return functools.partial(self._shortcut, name)
        return getattr(http, name)

    # --- what gradio_client calls

    @functools.cached_property
    def Client(self) -> Any:  # noqa: N802 - httpx's name
        """httpx.Client, over the pool."""
        network = self

        class Client(http.Client):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **network.client_options(options))
                self.event_hooks["request"].append(network.check_origin)  # at each hop

            def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
                network.prepare(request, is_stream=stream)
                response = super().send(request, stream=stream, **options)
                network.record_response(response)
                return response

        return Client

    @functools.cached_property
    def AsyncClient(self) -> Any:  # noqa: N802 - httpx's name
        """httpx.AsyncClient, with the pool's proxy and TLS context, for this origin alone; its sockets aren't seen."""
        network = self

        async def check(request: Any) -> None:
            network.check_origin(request)

        class AsyncClient(http.AsyncClient):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **{**options, **network.own_options()})
                self.event_hooks["request"].append(check)  # at each hop

        return AsyncClient

    def _shortcut(self, name: str, *args: Any, **options: Any) -> Any:
        """Do what `httpx.get` and its kin do."""
        own = {key: options.pop(key) for key in CLIENT_OPTIONS if key in options}
        client = self.Client(**own)
        if name == "stream":
            return _stream_of(client, *args, **options)
        with client:
            return getattr(client, name)(*args, **options)

    # --- what its clients do

    def own_options(self) -> dict[str, Any]:
        """Give what every client of httpx is made with here."""
        return {"verify": tls_context(), "proxy": self._pool.proxy}

    def client_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give what a client is made with, if gradio_client makes it with these options."""
        if any(options.get(name) for name in OWN_TRANSPORT):
            return {**options, **self.own_options()}  # gradio_client's own transport, which the pool can't stand in for
        kept = {key: value for key, value in options.items() if key not in ("verify", "proxy", "proxies", "cert")}
        return {**kept, "transport": SharedTransport(self)}

    def check_origin(self, request: Any) -> None:
        """Refuse any other host.

        gradio_client asks one about Gradio 3, and a Space may name one as its prefix; the headers carry the token.

        Raises:
            httpx.UnsupportedProtocol: the request goes elsewhere.
        """
        if origin_of(request.url) != self._pool.origin:
            raise http.UnsupportedProtocol(f"gradio_client asked {request.url!s:.200}, which is not this Space")

    def prepare(self, request: Any, *, is_stream: bool) -> None:
        """Set a request's timeouts; gradio_client's is a lower bound for reading."""
        seconds, asked = self._pool.timeout, request.extensions.get("timeout", {}).get("read") or 0.0
        read = max(READ_TIMEOUT, asked) if is_stream or seconds is None else max(seconds, asked)
        if self.is_cancelled and not is_stream:
            read = asked or DRAIN_TIMEOUT
        request.extensions = {
            **request.extensions,
            "timeout": {"connect": seconds, "write": seconds, "pool": seconds, "read": read},
            "trace": self._pool.trace,
            "qwen_gradio.is_stream": is_stream,
        }

    def send(self, request: Any) -> Any:
        """Send a request over the pool."""
        self.check_origin(request)
        self.requests += 1
        response = self._pool.transport.handle_request(request)
        is_stream = bool(request.extensions.get("qwen_gradio.is_stream"))
        body = Body(self, response, is_stream=is_stream)
        with self._changed:
            self._bodies.add(body)
            if is_stream and (self.is_cancelled or self._is_finished):
                body.abort()
        self.streams += is_stream
        counted = CountedResponse(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )
        counted.network, counted.is_stream = self, is_stream
        return counted

    def record_response(self, response: Any) -> None:
        """Note a response, whose body was read unless it is a stream."""
        self.last_response = response
        if self.first_error is None and not response.is_success:
            self.first_error = response
        self.responses += 1
        self._notify()

    def record_failure(self, exc: Exception) -> None:
        """Note what went wrong first."""
        if self.failure is None and not self.is_cancelled:
            self.failure = exc

    def count(self, size: int, *, is_stream: bool) -> None:
        """Count bytes that were read.

        Raises:
            httpx.DecodingError: they are too many.
        """
        self._unread += size
        self._has_streamed = self._has_streamed or is_stream
        if self._unread > MAX_BODY_BYTES:
            exc = http.DecodingError(f"more than {MAX_BODY_BYTES} bytes without an update")
            self.record_failure(exc)
            raise exc

    def check_deadline(self) -> None:
        """Refuse to read on.

        Raises:
            httpx.ReadTimeout: it is too late.
        """
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise http.ReadTimeout("its answer came too slowly")

    def has_progressed(self) -> None:
        """Note that an update came of the bytes so far."""
        self._unread = 0
        self._has_updated = self._has_streamed

    @property
    def has_unread_stream(self) -> bool:
        """Whether a stream brought something of which no update came: it is something else than gradio_client reads."""
        return self._has_streamed and not self._has_updated

    def begin(self) -> None:
        """Forget the requests so far, which were not the question's."""
        self.requests = self.responses = self.streams = self._unread = 0
        self.first_error = self.last_response = self.failure = None

    # --- ending

    def should_drain(self, body: Body) -> bool:
        """Whether a body is read on to its end; from then on, `finish` bounds that."""
        with self._changed:
            is_bounded = self.job_thread not in (None, threading.get_ident())
            if self.is_cancelled or not body.is_stream or body.is_exhausted or not is_bounded:
                return False
            body.state = BodyState.DRAINING
            return True

    def release(self, body: Body) -> None:
        """Let go of a body: its connection may serve another reply from now on, and isn't aborted any more."""
        with self._changed:
            body.state = BodyState.CLOSED
            self._bodies.discard(body)
            self._changed.notify_all()

    def cancel(self) -> bool:
        """Abort the session's stream, or as soon as it is opened; what is only closing may close by itself.

        Returns:
            whether there was one.
        """
        with self._changed:
            self.is_cancelled = True
            return self._abort(lambda body: body.is_stream and body.state is BodyState.OPEN)

    def abort(self) -> None:
        """Abort all that the session still reads."""
        with self._changed:
            self.is_cancelled = True
            self._abort(lambda _: True)

    def _abort(self, chosen: Callable[[Body], bool]) -> bool:
        bodies = [body for body in self._bodies if chosen(body) and body.socket is not None]
        for body in bodies:
            body.abort()
        return bool(bodies)

    def finish(self) -> None:
        """Wait for the end of the stream, now that the job is done; abort what lasts longer than `DRAIN_TIMEOUT`."""
        with self._changed:
            self._is_finished = True
            if not self._changed.wait_for(lambda: not self._bodies, timeout=DRAIN_TIMEOUT):
                self._abort(lambda _: True)


@contextlib.contextmanager
def _stream_of(client: Any, *args: Any, **options: Any) -> Iterator[Any]:
    with client, client.stream(*args, **options) as response:
        yield response

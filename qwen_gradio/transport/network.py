"""Network: the replacement for `httpx` in one session, over a shared pool, to one origin, and cancellable.

It has httpx's names. Its clients and responses subclass httpx's; all sessions share one pool.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .bodies import Body, BodyState, CountedResponse
from .pool import Pool, origin_of, tls_context
from .rebinding import SHORTCUTS, http_module
from .uploads import Uploads, is_upload

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()

READ_TIMEOUT = 45.0  # seconds without a byte of a stream; a Gradio server sends a heartbeat every 15 s
DRAIN_TIMEOUT = 0.5  # seconds for a stream to end after its job, so that the connection can be reused
MAX_BODY_BYTES = 32 * 1024 * 1024  # of a response that isn't streamed, and of a stream between two updates

# The arguments of `httpx.get` and the like that httpx passes to the Client, not to the request.
CLIENT_OPTIONS = ("cookies", "proxy", "timeout", "verify", "trust_env", "cert")
OWN_TRANSPORT = ("transport", "mounts")


class NetworkState(enum.Enum):
    """The state of a session's question: ACTIVE -> FINISHED, and either -> CANCELLED; ACTIVE again for the next."""

    ACTIVE = enum.auto()
    FINISHED = enum.auto()
    CANCELLED = enum.auto()


class StreamState(enum.Enum):
    """The state of a session's stream: EMPTY -> UNREAD at its first byte -> READ at gradio_client's first update."""

    EMPTY = enum.auto()
    UNREAD = enum.auto()
    READ = enum.auto()


class SharedTransport(http.BaseTransport):
    """The transport of a session's httpx clients, which sends their requests over the pool."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def handle_request(self, request: Any) -> Any:
        """Send a request over the pool."""
        return self._network.send(request)

    def close(self) -> None:
        """Do nothing: the pool outlives the client."""


def _client_class(network: Network) -> Any:
    """Make a subclass of httpx.Client that uses a network's pool."""

    class Client(http.Client):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **network.client_options(options))
            self.event_hooks["request"].append(network.admit)  # at each hop

        def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            network.prepare(request, is_stream=stream)
            response = super().send(request, stream=stream, **options)
            network.record_response(response)
            return response

    return Client


def _async_client_class(network: Network) -> Any:
    """Make a subclass of httpx.AsyncClient, limited to the pool's origin; it can't be cancelled by its socket."""

    async def admit(request: Any) -> None:
        network.admit(request)

    class AsyncClient(http.AsyncClient):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, **network.own_options()})
            self.event_hooks["request"].append(admit)  # at each hop

    return AsyncClient


CLIENT_CLASSES = {"Client": _client_class, "AsyncClient": _async_client_class}


class Network:
    """A replacement for the `httpx` module in one session. Names that it doesn't define are httpx's.

    Args:
        pool: the Space's connections.
        deadline: the `time.monotonic` after which reading a body raises, unless it is a stream; None for no deadline.

    Attributes:
        requests: the number of requests that were sent.
        responses: the number of those that were answered, without uploads.
        streams: the number of streams that were opened.
        state: the state of the session's question.
        uploads: the session's uploads.
        failure: the exception that ended a stream; gradio_client raises a bare CancelledError instead.
        first_error: the first response that was an HTTP error.
        last_response: the last response.
        job_thread: the id of the thread that runs the job and calls `finish`; None if gradio_client's executor runs it.
    """

    def __init__(self, pool: Pool, *, deadline: float | None = None) -> None:
        self.requests = self.responses = self.streams = 0
        self.state = NetworkState.ACTIVE
        self.failure: Exception | None = None
        self.first_error: Any = None
        self.last_response: Any = None
        self.job_thread: int | None = None
        self.uploads = Uploads(pool, bool)
        self._pool = pool
        self._notify: Callable[[], object] = bool
        self._deadline = deadline
        self._unread_bytes = 0  # since the last update
        self._stream = StreamState.EMPTY
        # Reentrant, as a reply's `__del__` may cancel while this thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._bodies: set[Body] = set()

    def __repr__(self) -> str:
        return f"<Network {self.state.name.lower()}: {self.requests} requests, stream {self._stream.name.lower()}>"

    def __getattr__(self, name: str) -> Any:
        if name in SHORTCUTS:
            return functools.partial(self._shortcut, name)
        if name in CLIENT_CLASSES:
            setattr(self, name, CLIENT_CLASSES[name](self))
            return vars(self)[name]
        return getattr(http, name)

    # --- called by gradio_client

    def _shortcut(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a request as `httpx.get` and the like do."""
        own = {key: options.pop(key) for key in CLIENT_OPTIONS if key in options}
        client = self.Client(**own)
        if name == "stream":
            return _stream_of(client, *args, **options)
        with client:
            return getattr(client, name)(*args, **options)

    # --- called by its clients

    def own_options(self) -> dict[str, Any]:
        """Return the options for a client that doesn't use the pool."""
        return {"verify": tls_context(), "proxy": self._pool.proxy}

    def client_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options for a client, made from those that gradio_client passed."""
        if any(options.get(name) for name in OWN_TRANSPORT):
            return {**options, **self.own_options()}  # the pool can't replace that transport
        kept = {key: value for key, value in options.items() if key not in ("verify", "proxy", "proxies", "cert")}
        return {**kept, "transport": SharedTransport(self)}

    def admit(self, request: Any) -> None:
        """Add the caller's headers to a request to the Space; refuse any other origin, as they may be secrets.

        gradio_client sends requests to another origin for Gradio 3, and if a Space's prefix is a URL of one.

        Raises:
            httpx.UnsupportedProtocol: the request is to another origin.
        """
        if origin_of(request.url) != self._pool.origin:
            raise http.UnsupportedProtocol(f"gradio_client requested {request.url!s:.200}, which is not this Space")
        request.headers.update(self._pool.headers)

    def prepare(self, request: Any, *, is_stream: bool) -> None:
        """Set a request's timeouts; the read timeout is never less than gradio_client's own."""
        seconds, requested = self._pool.timeout, request.extensions.get("timeout", {}).get("read") or 0.0
        read = self._read_timeout(requested, is_stream=is_stream)
        request.extensions = {
            **request.extensions,
            "timeout": {"connect": seconds, "write": seconds, "pool": seconds, "read": read},
            "trace": self._pool.trace,
            "qwen_gradio.is_stream": is_stream,
        }

    def _read_timeout(self, requested: float, *, is_stream: bool) -> float | None:
        if is_stream:
            return max(READ_TIMEOUT, requested)
        if self.state is NetworkState.CANCELLED:
            return requested or DRAIN_TIMEOUT
        return None if self._pool.timeout is None else max(self._pool.timeout, requested)

    def send(self, request: Any) -> Any:
        """Send a request over the pool."""
        self.admit(request)
        self.requests += 1
        pool: Any = self.uploads if is_upload(request) else self._pool
        response = pool.send(request)
        is_stream = bool(request.extensions.get("qwen_gradio.is_stream"))
        body = Body(self, response, pool.close_response, is_stream=is_stream)
        with self._changed:
            self._bodies.add(body)
            if is_stream and self.state is not NetworkState.ACTIVE:
                body.abort()
        self.streams += is_stream
        counted = CountedResponse(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )
        counted.network, counted.is_stream = self, is_stream
        return counted

    def record_response(self, response: Any) -> None:
        """Record a response; its body has been read unless it is a stream."""
        self.last_response = response
        if self.first_error is None and not response.is_success:
            self.first_error = response
        self.responses += not is_upload(response.request)
        self._notify()

    def record_failure(self, exc: Exception) -> None:
        """Record the first exception, unless the question was cancelled before."""
        if self.failure is None and self.state is not NetworkState.CANCELLED:
            self.failure = exc

    def count(self, size: int, *, is_stream: bool) -> None:
        """Count the bytes that were read since the last update.

        Raises:
            httpx.DecodingError: they exceed `MAX_BODY_BYTES`.
        """
        self._unread_bytes += size
        if is_stream and self._stream is StreamState.EMPTY:
            self._stream = StreamState.UNREAD
        if self._unread_bytes > MAX_BODY_BYTES:
            exc = http.DecodingError(f"more than {MAX_BODY_BYTES} bytes without an update")
            self.record_failure(exc)
            raise exc

    def check_deadline(self) -> None:
        """Raise once the deadline has passed.

        Raises:
            httpx.ReadTimeout: the deadline has passed.
        """
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise http.ReadTimeout("its answer was not complete in time")

    # --- called by the session's job

    def begin(self, notify: Callable[[], object]) -> None:
        """Reset the counts, responses and states for a question.

        Args:
            notify: called after each response, from any thread.
        """
        self.requests = self.responses = self.streams = self._unread_bytes = 0
        self.first_error = self.last_response = self.failure = None
        self.state, self._stream = NetworkState.ACTIVE, StreamState.EMPTY
        self._notify, self.uploads = notify, Uploads(self._pool, notify)

    def record_update(self) -> None:
        """Record that gradio_client has made an update from the bytes so far."""
        self._unread_bytes = 0
        if self._stream is StreamState.UNREAD:
            self._stream = StreamState.READ

    @property
    def has_unread_stream(self) -> bool:
        """True if a stream had bytes but gave no update: gradio_client can't read it."""
        return self._stream is StreamState.UNREAD

    # --- ending

    def start_draining(self, body: Body) -> bool:
        """Start to drain an unfinished stream if `finish` limits the time in another thread; return True if started."""
        with self._changed:
            is_bounded = self.job_thread not in (None, threading.get_ident())
            is_wanted = body.is_stream and not body.is_exhausted and self.state is not NetworkState.CANCELLED
            if is_wanted and is_bounded:
                body.state = BodyState.DRAINING
            return is_wanted and is_bounded

    def release(self, body: Body) -> None:
        """Remove a body that is being closed."""
        with self._changed:
            body.state = BodyState.CLOSED
            self._bodies.discard(body)
            self._changed.notify_all()

    def cancel(self) -> bool:
        """Abort the session's upload or stream, now or as soon as it opens, unless it is being drained.

        Returns:
            True if one was aborted.
        """
        return self._abort(lambda body: body.is_stream and body.state is BodyState.OPEN)

    def abort(self) -> None:
        """Abort every response that the session is still reading."""
        self._abort(lambda _: True)

    def _abort(self, chosen: Callable[[Body], bool]) -> bool:
        if not self._pool.is_of_this_process:  # a shutdown would end the parent's connection
            return False
        with self._changed:
            self.state = NetworkState.CANCELLED
            is_uploading = self.uploads.abort()
            return self._abort_bodies(chosen) or is_uploading

    def _abort_bodies(self, chosen: Callable[[Body], bool]) -> bool:
        bodies = [body for body in self._bodies if chosen(body) and body.socket is not None]
        for body in bodies:
            body.abort()
        return bool(bodies)

    def finish(self, timeout: float = DRAIN_TIMEOUT) -> None:
        """Wait until the session's responses are closed, once its job has ended; abort them after `timeout` seconds."""
        with self._changed:
            if self.state is NetworkState.ACTIVE:
                self.state = NetworkState.FINISHED
            if not self._changed.wait_for(lambda: not self._bodies, timeout=timeout):
                self._abort_bodies(lambda _: True)


@contextlib.contextmanager
def _stream_of(client: Any, *args: Any, **options: Any) -> Iterator[Any]:
    with client, client.stream(*args, **options) as response:
        yield response

"""The only room that knows gradio_client: connect, submit, leave, close; foreign errors become ours.

Nothing here touches an event loop; what blocks says so. A reply gets a session of its own on the Space, because the
server cancels by (session, function): ending one reply would end its siblings. There are two ways to that:

- `SharedConnection`: one connected gradio_client.Client, and a shallow copy of it for each reply. It needs the seams
  that `missing_seams` lists. It is prompt (updates are read on the event loop), light (one pool of connections, one
  TLS context, one thread a reply, which sleeps meanwhile) and leaves a reply by shutting down the socket of its
  stream, which the server sees at once, also while the reply is queued.
- `PlainConnection`: gradio_client's public face alone, a Client for each reply that runs, and `job.cancel()`.
  It serves where an installed version of gradio_client lacks a seam.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import logging
import queue
import re
import socket
import ssl
import threading
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol, TypeAlias

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import gradio_client.exceptions  # type: ignore[import-untyped] # the same
import gradio_client.utils  # type: ignore[import-untyped] # the same
import httpx

from .errors import (
    AppRaised,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    InvalidOption,
    NeedsAuthentication,
    NotAGradioApp,
    ProtocolError,
    QueueFull,
    QwenGradioError,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
)
from .events import Events, Unreadable, changed
from .threads import DaemonThreads, Ear, settle, shut
from .wire import Wire, wire_of

logger = logging.getLogger("qwen_gradio")

# A server sends a heartbeat every 15 s (gradio/routes.py), so three missed ones mean that nobody is there any more,
# while a shorter time would end healthy streams that have nothing to say.
DEAD_AFTER = 45.0  # seconds

BACKLOG = 16  # outputs that wait for the reader
MOST_SAID = 1000  # characters of an app's error that are passed on
LEFT_OVER = 3  # pieces of a stream that are read after a whole reply, in which its end should come
CLOSING = 1.0  # seconds that closing waits for requests that are still out, before it cuts them off

# The protocols that `Client.send_data` and `stream_messages` serve; "sse" (gradio 4.0-4.7) goes another way.
QUEUE_PROTOCOLS = ("sse_v1", "sse_v2", "sse_v2.1", "sse_v3")
OLD_PROTOCOLS = ("ws", "sse")

News: TypeAlias = "dict[str, Any] | Exception | None"
Stage: TypeAlias = Literal["joining", "joined", "queued", "started"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a reply stands before it begins: its place in the queue from 0, how many wait, seconds to go."""

    stage: Stage
    rank: int | None = None
    size: int | None = None
    eta: float | None = None


class Call(Protocol):
    """A reply that was asked for. No method blocks, `result` not once `done`."""

    def done(self) -> bool:
        """Whether it has ended; read this before `take`, or an output that comes between the two is missed."""

    def take(self) -> object:
        """The next output that wasn't taken yet, None if there is none."""

    @property
    def ear(self) -> Ear | None:
        """What hears of the news; None if the bell tells of them."""

    def standing(self) -> Standing:
        """Where it stands."""

    def result(self) -> object:
        """The last output; raises what ended it otherwise, as one of ours."""

    def leave(self) -> None:
        """End it, here and on the Space. May be called again, from any thread, and after its end."""


class Connection(Protocol):
    """A Space that has been reached: what it says of itself, and the way to ask it.

    Attributes:
        config: its `/config`.
        info: its API description.
        polled: whether `submit` blocks and `ring` rings at the end alone.
    """

    config: Mapping[str, Any]
    info: Mapping[str, Any]
    polled: bool

    def submit(self, session: str, api_name: str, arguments: Sequence[Any], ring: Callable[[], None]) -> Call:
        """Ask the Space; `ring` is called from other threads whenever there is news."""

    def close(self) -> None:
        """Leave every call, and close every connection. Blocks, `CLOSING` seconds at most."""


def connect(
    url: str,
    *,
    token: str | None,
    auth: tuple[str, str] | None,
    proxy: str | None,
    seconds: float | None,
    given_up: list[Callable[[], None]] | None = None,
) -> Connection:
    """Connect to a Gradio app: two requests, `/config` and `/info`. Blocks.

    Args:
        url: its http(s) URL. An id would make gradio_client ask the Hub, around the proxy and without a deadline.
        token: sent to this host alone; None sends none, not even one saved on this machine.
        auth: the user name and the password to log in with, in a request more; None for none.
        proxy: the URL of a proxy for every byte; None leaves it to httpx, that is to HTTP_PROXY and its kin.
        seconds: the deadline of each request; None for none.
        given_up: gets a function that makes this fail at once, to be called from another thread.

    Raises:
        QwenGradioError: it can't be reached, or is no Gradio app.
    """
    missing = missing_seams()
    if missing:
        logger.info("gradio_client %s lacks %s: polling instead", gradio_client.__version__, ", ".join(missing))
        return PlainConnection(url, token=token, auth=auth, proxy=proxy, seconds=seconds)
    shared = SharedConnection(url, token=token, auth=auth, proxy=proxy, seconds=seconds, given_up=given_up)
    protocol = shared.config.get("protocol")
    if protocol in QUEUE_PROTOCOLS:
        return shared
    shared.close()
    if protocol not in OLD_PROTOCOLS:
        raise ProtocolError(f"it speaks {protocol!r:.80}, which gradio_client {gradio_client.__version__} doesn't")
    return PlainConnection(url, token=token, auth=auth, proxy=proxy, seconds=seconds)


def missing_seams() -> list[str]:
    """List what `SharedConnection` replaces, and the installed gradio_client lacks."""
    client = gradio_client.Client
    needed = {
        "Client.send_data": ("httpx", "deque", "stream_executor", "stream_messages"),
        "Client.stream_messages": ("httpx", "RemoteProtocolError", "iter_bytes", "json", "loads"),
        "Client.new_helper": (),
        "Client._login": ("httpx",),
        "Client._get_config": ("httpx",),
        "Client._get_api_info": ("httpx",),
        "Client._telemetry_thread": (),
        "Client.submit": ("executor", "new_helper", "endpoints"),
        "Client.__init__": ("helper_executor", "stream_executor", "pending_lock", "pending_messages_per_event"),
        "Endpoint._sse_fn_v1plus": ("helper_executor", "pending_messages_per_event", "pending_lock"),
        "stream_sse_v1plus": ("popleft", "updates", "outputs", "prediction_processor"),
        "check_for_cancel": ("should_cancel",),
    }
    places = {"Client": client, "Endpoint": getattr(gradio_client.client, "Endpoint", None)}
    missing = []
    for path, names in needed.items():
        place, _, attribute = path.rpartition(".")
        code = getattr(getattr(places.get(place, gradio_client.utils), attribute, None), "__code__", None)
        known = _names(code) if code else set()
        missing += [path] if code is None else [f"{name} in {path}" for name in names if name not in known]
    return missing


def _names(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return {*code.co_names, *code.co_freevars, *code.co_varnames}.union(*map(_names, inner))


# --- the network, as one session sees it


@functools.cache
def _tls() -> ssl.SSLContext:
    """One TLS context for the process: making one takes 20-100 ms of CPU, and gradio_client makes one a request."""
    return httpx.create_ssl_context()


class _Network:
    """What `httpx` is to the functions of gradio_client that a session runs: the same names over one shared pool.

    They call `httpx.get`, `httpx.post` and `httpx.Client(...).stream(...)`. TLS, proxy, cookies and deadlines are the
    pool's, whatever they ask for. Here is also where a reply is left: shutting down its stream's socket takes no lock
    and no request, the server sees it at once, and the thread that reads gets an end of file.
    """

    def __init__(self, pool: httpx.Client, origin: str, opened: _Opened, ring: Callable[[], object] = bool) -> None:
        self._pool = pool
        self._origin = origin
        self._extensions = {"trace": opened.trace}
        self._ring = ring
        self.has_joined = False
        self.refused: httpx.Response | None = None  # the first answer that was an error
        self._socket: socket.socket | None = None
        # Between leaving and giving the connection back; leaving may come in the midst of itself, from a `__del__`.
        self._lock = threading.RLock()
        self._giving_back = False
        self.left = False
        self.failure: Exception | None = None  # what gradio_client turns into a bare CancelledError
        self.response: httpx.Response | None = None
        self._messages: deque[dict[str, Any]] = deque()
        self._open = contextlib.ExitStack()  # the stream's response, while it is open
        self._chunks: Iterator[bytes] | None = None
        self.has_ended = False  # the stream
        self.handed: _Handed | None = None  # the stream, while the event loop reads it
        self.hand: Callable[[Wire], _Handed] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(httpx, name)

    def get(self, url: str, *, headers: Mapping[str, str], **_: object) -> httpx.Response:
        return self._answered(self._pool.get(self._ours(url), headers=headers, extensions=self._extensions))

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        **_: object,
    ) -> httpx.Response:
        if self.left:
            raise httpx.RemoteProtocolError("left before it was asked")
        answer = self._pool.post(self._ours(url), headers=headers, json=json, data=data, extensions=self._extensions)
        self.has_joined = True
        self._ring()
        return self._answered(answer)

    def _answered(self, response: httpx.Response) -> httpx.Response:
        self.response = response
        if self.refused is None and not response.is_success:
            self.refused = response
        return response

    def Client(self, **_: object) -> _Network:  # noqa: N802 - httpx's name
        return self

    def __enter__(self) -> _Network:
        return self

    def __exit__(self, *_: object) -> None:
        """The pool outlives the session."""

    @contextlib.contextmanager
    def stream(self, method: str, url: str, **asked: Any) -> Iterator[_Network]:
        """Open the stream, or go on with it: `stream_messages` is called for each piece anew, see `_Reading`."""
        try:
            if self._chunks is None:
                self._chunks = self._opened(method, self._ours(url), asked["params"], asked["headers"])
            yield self
        except (httpx.HTTPError, RuntimeError, Unreadable) as exc:  # RuntimeError if the pool was closed meanwhile
            # The one exception that `stream_messages` takes without printing a traceback.
            self.has_ended = True
            if not self.left:
                self.failure = exc
            raise httpx.RemoteProtocolError(str(exc)) from exc

    def _opened(self, method: str, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[bytes]:
        deadlines = httpx.Timeout(**{**self._pool.timeout.as_dict(), "read": DEAD_AFTER})
        asking = self._pool.stream(
            method, url, params=params, headers=headers, timeout=deadlines, extensions=self._extensions
        )
        response = self._open.enter_context(asking)
        response.raise_for_status()
        kind = response.headers.get("content-type", "text/event-stream").partition(";")[0].strip().lower()
        if kind not in ("text/event-stream", "text/plain"):
            raise Unreadable(f"expected a stream of events, got {kind!r:.80}")
        self._events = Events(self._event_id())
        self._socket = response.extensions["network_stream"].get_extra_info("socket")
        wire = wire_of(response, self._events) if self.hand else None
        if wire and self.hand:
            self.handed = self.hand(wire)
        if self.left:  # `leave` came before there was a socket to shut, and somebody to tell
            raise httpx.RemoteProtocolError("left before the stream opened")
        self._ring()
        return response.iter_bytes()

    def iter_bytes(self) -> Iterator[bytes]:
        """Wait for the next piece, and give an empty event for each message in it, which `loads` then gives itself.

        They were read and checked here: `stream_messages` would print a traceback for what it can't read, and spin or
        stop at what it doesn't know.
        """
        for message in self._piece():
            self._messages.append(message)
            yield b"data:\n\n"

    def _piece(self) -> Iterator[dict[str, Any]]:
        piece = self.handed.told() if self.handed else next(self._chunks or iter(()), None)
        self.has_ended = piece is None
        if isinstance(piece, bytes):
            yield from self._events.feed(piece)
        elif piece is not None:
            yield piece

    def loads(self, _: str) -> dict[str, Any]:
        """Stand in for `json.loads`."""
        return self._messages.popleft()

    def _event_id(self) -> str | None:
        """What the Space called the one event of this session when it was asked."""
        if self.response is None:
            return None
        event_id = self.response.json()["event_id"]  # which gradio_client has looked up too
        if not isinstance(event_id, str):
            raise Unreadable(f"expected a text as event_id, got {event_id!r:.80}")
        return event_id

    def give_back(self) -> None:
        """Read on to the end that follows the server's `close_stream`, so that the connection can serve again.

        From there on it may be another reply's at any moment, and `leave` must not touch it any more.
        """
        with self._lock:
            self._giving_back = True
        with contextlib.suppress(httpx.HTTPError, RuntimeError), self._open:
            if self.handed:
                self.has_ended = self.handed.take_back()
            for _ in range(LEFT_OVER):
                if self.has_ended or next(self._chunks or iter(()), None) is None:
                    break
        self._socket = None

    def _ours(self, url: str) -> str:
        """Refuse any other host: gradio_client asks one about Gradio 3, and headers carry the token."""
        if not url.startswith(self._origin):
            raise httpx.UnsupportedProtocol(f"gradio_client asked {url}, which is not this Space")
        return url

    def end(self, job: Future[Any]) -> None:
        """The job is done. After a whole reply only the end of the stream is still to come; else hang up."""
        if job.exception() is not None:
            self.hang_up()

    def leave(self) -> None:
        """Hang up, or do so as soon as there is something to hang up."""
        self.left = True  # before the socket is looked at: `stream` does the two in the other order
        self.hang_up()
        if self.handed:
            self.handed.tell(None)

    def hang_up(self, *, even_if_given_back: bool = False) -> None:
        """Shut the stream's socket down, if there is one."""
        with self._lock:
            stream = self._socket
            if stream is None or (self._giving_back and not even_if_given_back):
                return
            shut(stream)


class _Opened:
    """The sockets of a pool, so that all can be shut down from another thread, whatever waits at them."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._is_shut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note what is opened; called by httpcore at its steps (its "trace" extension)."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                opened = info["return_value"].get_extra_info("socket")
                self._sockets.add(opened)
                if self._is_shut:
                    shut(opened)

    def shut(self) -> None:
        """Shut down all that are open, and those still to come."""
        with self._lock:
            self._is_shut = True
            for opened in list(self._sockets):
                shut(opened)


def _pool(proxy: str | None, seconds: float | None) -> httpx.Client:
    # Servers close an idle connection after 5 s (uvicorn): a request into one that is just closing would be lost.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=4.0)
    return httpx.Client(verify=_tls(), proxy=proxy, timeout=seconds, limits=limits)


class _Handed:
    """A reply's stream in the hands of the event loop, while the reply's thread sleeps until gradio_client is needed.

    Outputs and the place in the queue are read here; gradio_client sees how the reply ends.

    Attributes:
        ear: hears of what comes, while anything is to come.
        outputs: those that nobody has taken yet.
        standing: where the reply stands, once the Space has told.
    """

    def __init__(self, wire: Wire, process: Callable[..., Any], *, diffs: bool) -> None:
        self.ear: Ear | None = None
        self.outputs = _Backlog()
        self.standing: Standing | None = None
        self._wire = wire
        self._process = process
        self._diffs = diffs
        self._values: list[Any] | None = None
        self._told: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._watched = self.ear = Ear(wire.socket, functools.partial(self._read, wire.read))
        self._read(wire.buffered)

    # --- on the event loop

    def _read(self, read: Callable[[], Iterator[dict[str, Any]]]) -> None:
        try:
            last = next((message for message in read() if not self._took(message)), None)
        except (httpx.HTTPError, Unreadable) as exc:
            self._end(exc)
        except Exception as exc:  # noqa: BLE001 - in an event loop's callback nobody would hear of it
            self._end(Unreadable(f"{type(exc).__name__}: {exc!s:.200}"))
        else:
            if last is not None or self._wire.has_ended:
                self._end(last, None)

    def _end(self, *news: News) -> None:
        self.ear = None
        self._watched.stop()
        for what in news:
            self.tell(what)

    def _took(self, message: dict[str, Any]) -> bool:
        if message["msg"] == "process_generating":
            self._show(message["output"]["data"])
        elif message["msg"] == "estimation":
            self.standing = Standing("queued", *map(message.get, ("rank", "queue_size", "rank_eta")))
        elif message["msg"] == "process_starts":
            self.standing = Standing("started")
        else:
            return False
        return True

    def _show(self, data: list[Any]) -> None:
        """The first is whole, and in what follows, from gradio 4.16 on, each output is what changed in it."""
        try:
            if self._diffs and self._values is not None:
                before = self._values + [None] * (len(data) - len(self._values))
                data = list(map(changed, before, data))
            self._values = data
            self.outputs.append(self._process(*data))
        except Exception as exc:
            raise Unreadable(f"{type(exc).__name__}: {exc!s:.200}") from exc

    # --- in the reply's thread

    def tell(self, news: News) -> None:
        """Wake the thread, from any other: with the end, by a message or without, or with what went wrong."""
        self._told.put(news)

    def told(self) -> dict[str, Any] | None:
        """Wait for the message that ends the reply, which gradio_client must see; None if none has come."""
        while True:
            try:
                news = self._told.get(timeout=DEAD_AFTER)
            except queue.Empty:
                if not self._wire.is_silent(DEAD_AFTER):
                    continue
                news = httpx.ReadTimeout("not even a heartbeat came")
            if isinstance(news, Exception):
                raise news
            return news

    def take_back(self) -> bool:
        """Take the stream from the event loop, if it still has it; whether it was read to its end."""
        self.ear = None
        self._watched.close()
        return self._wire.has_ended


# --- gradio_client, with its seams


def _in_world(function: Any, **world: Any) -> Any:
    """Copy a function of gradio_client that sees other globals; the module is left as it is, for everybody else."""
    globals_ = {**function.__globals__, **world}
    copied = types.FunctionType(
        function.__code__, globals_, function.__name__, function.__defaults__, function.__closure__
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def _headers(*, token: str | Literal[False], library_name: str, library_version: str) -> dict[str, str]:
    """What `huggingface_hub.build_hf_headers` gives, less the telemetry.

    That asks the Hub for a list of agents, around the proxy, to say in the user agent which of them runs it (2.4).
    """
    headers = {"user-agent": f"{library_name}/{library_version}; qwen_gradio"}
    return {**headers, "authorization": f"Bearer {token}"} if token else headers


class _QuietClient(gradio_client.Client):  # type: ignore[misc] # untyped, so Any
    """A Client that talks to its Space alone."""

    def __init__(self, url: str, *, token: str | None, **options: Any) -> None:
        # token=None would send the one that is saved on this machine.
        known = {"token": token or False, "verbose": False, "download_files": False, "analytics_enabled": False}
        connect = _in_world(gradio_client.Client.__init__, build_hf_headers=_headers)
        connect(self, url, **known, **options)

    def _get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._fetch_config()
        # Gradio 4 has no prefix, and gradio_client makes "/" of that, which leads an app under a path to the root.
        return {**config, "api_prefix": config.get("api_prefix") or "."}

    def _fetch_config(self) -> Any:
        return super()._get_config()

    def _login(self, auth: tuple[str, str]) -> None:
        try:
            self._post_login(auth)
        except ValueError as exc:  # for whatever status is not 401, Gradio's own 400 among them
            raise gradio_client.exceptions.AuthenticationError(str(exc)) from exc

    def _post_login(self, auth: tuple[str, str]) -> None:
        super()._login(auth)

    def _telemetry_thread(self) -> None:
        """Report nothing: gradio_client tells its makers of each start, whatever `analytics_enabled` says."""

    def new_helper(self, *args: Any, **kwargs: Any) -> Any:
        helper = super().new_helper(*args, **kwargs)
        # After `cancel` it posts here too, around the proxy; `/cancel`, which does the work, does not.
        helper.reset_url = ""
        return helper


class _Reading(Executor):
    """Reads the stream in the thread that waits for its messages, so that a reply takes one thread and no hand-over.

    `stream_messages` is a loop to the end of the stream, for a thread of its own. Here it is called whenever a message
    is wanted, and finds a stream that ends after the next piece.
    """

    def __init__(self, network: _Network) -> None:
        self._network = network
        self._future: Future[Any] = Future()
        self._read: Callable[[], Any] = bool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._read = functools.partial(fn, *args, **kwargs)
        return self._future

    def go_on(self) -> bool:
        """Read the next piece; False after the last, of which gradio_client's own callback tells whoever waits."""
        if self._future.done():
            return False
        try:
            self._read()
        except BaseException as exc:  # noqa: BLE001 - the future carries it
            self._future.set_exception(exc)
        else:
            if self._network.has_ended:
                self._future.set_result(None)
        return True


class _Mailbox:
    """A deque to `stream_messages`, which puts messages in, and to `stream_sse_v1plus`, which takes them out.

    That one sleeps 50 ms whenever it is empty. So it never is: it reads on instead.
    """

    def __init__(self, reading: _Reading) -> None:
        self._reading = reading
        self._messages: deque[Any] = deque()
        self.append = self._messages.append

    def __len__(self) -> int:
        return 1

    def popleft(self) -> Any:
        while not self._messages:
            if not self._reading.go_on():
                return None  # as gradio_client's callback does
        return self._messages.popleft()


class _Thread(Executor):
    """The one thread of a reply: it asks, reads, and gives the connection back."""

    def __init__(self, threads: DaemonThreads, network: _Network) -> None:
        self._threads = threads
        self._network = network

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._threads.submit(self._run, future, fn, args, kwargs)
        return future

    def _run(self, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        settle(future, fn, args, kwargs)
        self._network.give_back()


class _InlineThreads(Executor):
    """For the two helpers that a job waits for: the reader of its mailbox runs in the job's own thread.

    The other, `check_for_cancel`, polls every 50 ms for `job.cancel()`, which a session never calls.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if fn is not gradio_client.utils.check_for_cancel:
            settle(future, fn, args, kwargs)
        return future


class _Backlog(list[Any]):
    """The outputs of a job that nobody has taken yet: gradio_client keeps all of them, and each is the whole reply."""

    def append(self, output: Any) -> None:
        if len(self) < BACKLOG:
            super().append(output)
        else:  # a reader this slow gets one longer fragment
            self[:] = (output,)


class _Updates:
    """A job's queue of updates, of which only the news matters that there is one."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def put_nowait(self, update: Any) -> None:
        if update.type == "status":  # follows each output
            self._ring()


class _Session(_QuietClient):
    """A Client whose requests go through a `_Network`; `fork` gives each reply a session of its own."""

    network: _Network
    ring: Callable[[], None]

    def __init__(self, url: str, *, network: _Network, token: str | None, auth: tuple[str, str] | None) -> None:
        self.network = network
        super().__init__(url, token=token, auth=auth)
        self.threads = DaemonThreads()
        self.helper_executor = _InlineThreads()

    def _rebound(self, name: str, **more: Any) -> Any:
        """A method of Client for which `httpx` is our network."""
        return types.MethodType(_in_world(getattr(gradio_client.Client, name), httpx=self.network, **more), self)

    def _post_login(self, auth: tuple[str, str]) -> None:
        self._rebound("_login")(auth)

    def _fetch_config(self) -> Any:
        # No heartbeat: it would hold a connection open for a session in which nothing is ever asked.
        return {**self._rebound("_get_config")(), "connect_heartbeat": False}

    def _get_api_info(self) -> Any:
        return self._rebound("_get_api_info")()

    def _stream_heartbeat(self, *_: object) -> None:
        """None here either: up to 2.6 it is started whatever the config says."""

    def send_data(self, *args: Any, **kwargs: Any) -> Any:
        mailbox = functools.partial(_Mailbox, self.stream_executor)
        # Whatever it opens a stream with reads that many times, so it is bound once.
        self.stream_messages = self._rebound("stream_messages", json=self.network)
        return self._rebound("send_data", deque=mailbox)(*args, **kwargs)

    def new_helper(self, *args: Any, **kwargs: Any) -> Any:
        helper = super().new_helper(*args, **kwargs)
        helper.updates = _Updates(self.ring)
        helper.job.outputs = _Backlog()
        process, diffs = helper.prediction_processor, self.protocol != "sse_v1"
        self.network.hand = functools.partial(_Handed, process=process, diffs=diffs)
        return helper

    def fork(self, session: str, api_name: str, network: _Network, ring: Callable[[], None]) -> _Session:
        """Copy this connected Client, with what belongs to one session made new."""
        fork = copy.copy(self)
        fork.session_hash, fork.network, fork.ring = session, network, ring
        fork.executor, fork.stream_executor = _Thread(self.threads, network), _Reading(network)
        fork.stream_open, fork.streaming_future, fork.stream_epoch = False, None, 0
        fork.pending_messages_per_event, fork.pending_event_ids, fork.pending_event_epoch = {}, set(), {}
        fork.pending_lock = threading.Lock()
        fork.endpoints = {}
        for index, endpoint in self.endpoints.items():
            if endpoint.api_name == api_name:
                fork.endpoints[index] = copy.copy(endpoint)
                fork.endpoints[index].client = fork
        return fork


class SharedConnection:
    """One Client, copied for each reply, over one pool of connections."""

    polled = False

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        auth: tuple[str, str] | None,
        proxy: str | None,
        seconds: float | None,
        given_up: list[Callable[[], None]] | None = None,
    ) -> None:
        self._origin = str(httpx.URL(url).copy_with(path="/", query=None, fragment=None))
        self._pool = _pool(proxy, seconds)
        self._opened = _Opened()
        if given_up is not None:
            given_up.append(self._opened.shut)
        self._networks: weakref.WeakSet[_Network] = weakref.WeakSet()  # as long as a thread uses one, it is there
        network = _Network(self._pool, self._origin, self._opened)
        try:
            self._client = _Session(url, network=network, token=token, auth=auth)
            self.config, self.info = _described(self._client)
        except Exception as exc:
            self._pool.close()
            # gradio_client asks for another page when the first is refused; a 404 there says less than a 503 here.
            refused = network.refused
            told = refused if refused is not None and refused.status_code != httpx.codes.NOT_FOUND else network.response
            raise _connect_error(exc, told) from exc

    def submit(self, session: str, api_name: str, arguments: Sequence[Any], ring: Callable[[], None]) -> Call:
        """Ask the Space in a session of its own. Doesn't block: the requests are made by the job's thread."""
        network = _Network(self._pool, self._origin, self._opened, ring)
        fork = self._client.fork(session, api_name, network, ring)
        call = _SharedCall(_submitted(fork, api_name, arguments), network)
        self._networks.add(network)

        def ended(job: Future[Any]) -> None:
            network.end(job)
            fork.endpoints.clear()  # they hold the fork, which holds them
            ring()

        call.job.add_done_callback(ended)
        return call

    def close(self) -> None:
        """Hang up on every reply, wait for the threads to see it, cut off those that don't, and close the pool."""
        for network in list(self._networks):
            network.leave()
            network.hang_up(even_if_given_back=True)  # nothing else is left in the pool
        wait(self._client.threads.running, timeout=CLOSING)
        self._opened.shut()
        self._pool.close()


class PlainConnection:
    """gradio_client's public face alone: a Client for each reply that runs, kept for the next one."""

    polled = True

    def __init__(
        self, url: str, *, token: str | None, auth: tuple[str, str] | None, proxy: str | None, seconds: float | None
    ) -> None:
        self._url, self._token, self._auth, self._proxy, self._seconds = url, token, auth, proxy, seconds
        client = self._client()
        self.config, self.info = _described(client)
        self._idle = [client]
        self._calls: weakref.WeakSet[_PlainCall] = weakref.WeakSet()

    def _client(self) -> gradio_client.Client:
        network = {"timeout": httpx.Timeout(self._seconds, read=DEAD_AFTER), "proxy": self._proxy}
        try:
            return _QuietClient(
                self._url,
                token=self._token,
                auth=self._auth,
                ssl_verify=_tls(),
                httpx_kwargs=network,
            )
        except Exception as exc:
            raise _connect_error(exc, None) from exc

    def submit(self, session: str, api_name: str, arguments: Sequence[Any], ring: Callable[[], None]) -> Call:
        """Ask the Space through a Client of the call's own. Blocks where one has to be connected first."""
        try:
            client = self._idle.pop()
        except IndexError:  # asked for rather than looked up first, as threads come here side by side
            client = self._client()
        client.session_hash = session
        call = _PlainCall(_submitted(client, api_name, arguments))
        self._calls.add(call)

        def ended(job: Future[Any]) -> None:
            # A session whose stream was lost, or in which a job was cancelled, makes later jobs hang.
            if not call.left and job.exception() is None:
                self._idle.append(client)
            ring()

        call.job.add_done_callback(ended)
        return call

    def close(self) -> None:
        """Cancel every reply that runs."""
        for call in list(self._calls):
            call.leave()
        self._idle.clear()


def _submitted(client: gradio_client.Client, api_name: str, arguments: Sequence[Any]) -> gradio_client.client.Job:
    try:
        return client.submit(*arguments, api_name=api_name)
    except (TypeError, ValueError) as exc:  # raised before any request, for parameters that are missing or unknown
        raise InvalidOption(f"{api_name}: {exc}") from exc


def _described(client: gradio_client.Client) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    info = client.view_api(return_format="dict", print_info=False)
    return client.config, info if isinstance(info, dict) else {}


class _JobCall:
    """A gradio_client job, in our words."""

    left = False

    def __init__(self, job: gradio_client.client.Job) -> None:
        self.job = job

    @property
    def ear(self) -> Ear | None:
        return None

    def done(self) -> bool:
        return bool(self.job.done())

    def standing(self) -> Standing:
        update = self.job.status()
        if update.code.name in ("STARTING", "JOINING_QUEUE", "SENDING_DATA"):
            return Standing("joined" if self._has_joined() else "joining")
        if update.code.name in ("IN_QUEUE", "QUEUE_FULL"):
            return Standing("queued", update.rank, update.queue_size, update.eta)
        return Standing("started")

    def result(self) -> object:
        failure = self.job.exception()
        if failure is None:
            return self.job.result()
        if isinstance(failure, CancelledError):
            lost_by = self._lost_by()
            raise _lost_error(lost_by) from (lost_by or failure)
        raise _reply_error(failure, self._response()) from failure

    def _has_joined(self) -> bool:
        """Whether the Space took the question; True where that isn't known."""
        return True

    def _response(self) -> httpx.Response | None:
        """What the Space answered to the question, where that is known."""
        return None

    def _lost_by(self) -> Exception | None:
        """What took the connection away, where that is known: gradio_client says CancelledError."""
        return None


class _SharedCall(_JobCall):
    def __init__(self, job: gradio_client.client.Job, network: _Network) -> None:
        super().__init__(job)
        self._network = network

    def leave(self) -> None:
        self.left = True
        if not self.job.done():  # a stream that is only closing may close by itself, and be used again
            self._network.leave()

    @property
    def ear(self) -> Ear | None:
        handed = self._network.handed
        return handed.ear if handed else None

    def take(self) -> object:
        handed = self._network.handed
        outputs = handed.outputs if handed else self.job.outputs()
        return outputs.pop(0) if outputs else None

    def standing(self) -> Standing:
        handed = self._network.handed
        return (handed and handed.standing) or super().standing()

    def _has_joined(self) -> bool:
        return self._network.has_joined

    def _response(self) -> httpx.Response | None:
        return self._network.response

    def _lost_by(self) -> Exception | None:
        return httpx.CloseError("closed from this side") if self._network.left else self._network.failure


class _PlainCall(_JobCall):
    _taken = 0

    def take(self) -> object:
        outputs = self.job.outputs()
        if self._taken == len(outputs):
            return None
        self._taken = self._taken + 1 if len(outputs) - self._taken <= BACKLOG else len(outputs)
        return outputs[self._taken - 1]

    def leave(self) -> None:
        """Cancel in a thread: `cancel` posts under the job's lock, and waits for the app's step, up to 5 s."""
        if not self.left and not self.job.done():
            self.left = True
            DaemonThreads().submit(self.job.cancel)


# --- foreign errors, most specific first; gradio_client's own are ValueErrors, so the order matters


def _connect_error(exc: Exception, response: httpx.Response | None) -> QwenGradioError:
    what = "it answers, but not as a Gradio app"
    if isinstance(exc, httpx.UnsupportedProtocol):  # gradio_client took it for Gradio 3, see `_Network._ours`
        return NotAGradioApp(f"{what} that can be read")
    if isinstance(exc, httpx.RemoteProtocolError) and not _is_lost(exc):
        return NotAGradioApp(f"it answers, but not in HTTP ({exc})")
    if isinstance(exc, httpx.HTTPError | OSError):
        return _transport_error(exc)
    if isinstance(exc, gradio_client.exceptions.AuthenticationError):
        return NeedsAuthentication(f"it wants to know who asks ({exc})")
    if response is not None and not response.is_success:
        return _status_error(response)
    if isinstance(exc, gradio_client.utils.TooManyRequestsError):
        return RateLimited("it answers with HTTP 429, too many requests")
    return NotAGradioApp(what if isinstance(exc, json.JSONDecodeError) else f"{what}: {str(exc) or repr(exc):.200}")


def _reply_error(exc: Exception, response: httpx.Response | None = None) -> QwenGradioError:
    if isinstance(exc, gradio_client.utils.QueueError):  # any 503 is that to gradio_client
        if response is None or "queue" in _detail(response).lower():
            return QueueFull("its queue is full, or it takes no requests now")
        return _status_error(response)
    if isinstance(exc, gradio_client.utils.TooManyRequestsError):
        return RateLimited("it has had too many requests")
    if isinstance(exc, httpx.HTTPStatusError):
        return _status_error(exc.response)
    if isinstance(exc, FileNotFoundError):
        return InvalidOption(f"a file to be sent is not there ({exc})")
    if isinstance(exc, httpx.HTTPError | OSError):
        return _transport_error(exc)
    if isinstance(exc, gradio_client.exceptions.AuthenticationError):
        return NeedsAuthentication(f"it wants to know who asks ({exc})")
    if isinstance(exc, gradio_client.exceptions.AppError | gradio_client.exceptions.ValidationError):
        return _app_error(str(exc).strip()[:MOST_SAID].rstrip("."))
    return ProtocolError(f"what it sent can't be read ({type(exc).__name__}: {exc!s:.200})")


def _app_error(said: str) -> QwenGradioError:
    """What the app's code raised; ZeroGPU's quota shows as this too, with the time until it is filled up again."""
    if re.search(r"\bGPU (quota|limit)\b|quota exceeded", said, re.IGNORECASE):
        again = re.search(r"\b(\d+):(\d\d):(\d\d)\b", said)
        hours, minutes, seconds = map(int, again.groups()) if again else (0, 0, 0)
        return RateLimited(
            f"its GPU quota is used up: {said}", retry_after=hours * 3600 + minutes * 60 + seconds or None
        )
    return AppRaised(f"its code raised: {said}")


def _lost_error(exc: Exception | None) -> QwenGradioError:
    if isinstance(exc, httpx.HTTPStatusError):
        return _status_error(exc.response)
    if isinstance(exc, Unreadable):
        return ProtocolError(f"what it sent can't be read ({exc})")
    return ConnectionLost(f"the connection ended before the reply was whole ({exc or 'the Space closed it'})")


def _transport_error(exc: Exception) -> QwenGradioError:
    if isinstance(exc, httpx.TimeoutException):
        return DeadlineExceeded("it did not answer in time", deadline="connect")
    if isinstance(exc, httpx.DecodingError) or (isinstance(exc, httpx.RemoteProtocolError) and not _is_lost(exc)):
        return ProtocolError(f"what it sent can't be read ({exc})")
    if isinstance(exc, httpx.ReadError | httpx.WriteError | httpx.CloseError | httpx.RemoteProtocolError):
        return ConnectionLost(f"the connection broke off ({exc})")
    return CannotConnect(f"no connection could be made ({exc})")


def _is_lost(exc: httpx.RemoteProtocolError) -> bool:
    """Whether the peer went away; the same class is raised for what is no HTTP. Told by httpcore's and h11's words."""
    return bool(re.search("disconnected|closed", str(exc)))


def _status_error(response: httpx.Response) -> QwenGradioError:
    status = f"it answers with HTTP {response.status_code} {response.reason_phrase}".rstrip()
    if response.is_redirect:
        return NotAGradioApp(f"{status}, and leads to {response.headers.get('location', '')!r:.200}")
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(status, retry_after=_retry_after(response))
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NeedsAuthentication(status)
    if response.status_code == httpx.codes.NOT_FOUND:
        return SpaceNotFound(status)
    return SpaceUnavailable(status)


def _retry_after(response: httpx.Response) -> float | None:
    """The header's seconds, or those until its date (RFC 9110, 10.2.3)."""
    told = response.headers.get("retry-after", "")
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def _detail(response: httpx.Response) -> str:
    """What FastAPI says of an error; `""` where something else answered."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""

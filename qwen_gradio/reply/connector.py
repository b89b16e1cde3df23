"""SpaceConnector: one connection to a Space, shared by all replies of a client."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from ..errors import DeadlineExceeded, EndpointNotFound, QwenGradioError, RateLimited, UsageError
from ..space.catalogue import Space
from ..space.choice import find_recipe
from ..space.recipe import Recipe
from ..transport.access import Access
from ..transport.hub import TIMEOUT as HUB_TIMEOUT
from ..transport.hub import get_state
from ..transport.threads import CLOSE_TIMEOUT, CannotStartThread, DaemonThreadExecutor, wrap_future
from .deadlines import deadline, fail_at
from .events import Timeouts
from .states import ClientState, transition

if TYPE_CHECKING:  # at runtime it would import gradio_client, which takes a second
    from ..transport.connection import Connection

MAX_REPLY_CHARS = 10_000_000

Connected: TypeAlias = "tuple[Connection, Recipe]"


class SpaceConnector:
    """A Space, the connection to it, and how its page is asked.

    The first reply connects; all others wait for the same connection. If it fails, the next reply connects again. The
    Space's description is fetched again once it is a few minutes old.

    Args:
        space: its name and URL.
        access: its address and the credentials for it.
        api_name: the name of the step that answers; None for the page's own.
        timeouts: the timeouts of a reply's events.
        max_reply_chars: the maximum length of a reply, in characters.
        reuse: True to use another client's description of the Space, if that is a few minutes old at most.

    Attributes:
        state: the state of the connection.
    """

    def __init__(
        self,
        space: Space,
        access: Access,
        *,
        api_name: str | None = None,
        timeouts: Timeouts = Timeouts(),
        max_reply_chars: int = MAX_REPLY_CHARS,
        reuse: bool = False,
    ) -> None:
        self.space = space
        self.timeouts = timeouts
        self.max_reply_chars = max_reply_chars
        self.state = ClientState.NEW
        self._api_name = api_name
        self._access = access
        self._reuse = reuse
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()  # replies may run on several event loops
        self._threads = DaemonThreadExecutor()
        self._connecting: Future[Connected] | None = None
        self._refreshing: Future[Connected] | None = None
        self._fetching_state: Future[str] | None = None
        self._abort_callbacks: list[Callable[[], None]] = []

    def _reset_after_fork(self) -> None:
        """Drop the connection of a parent process, without closing it: that would end the parent's replies."""
        if os.getpid() != self._process:
            self._reset()
            if self.state is not ClientState.CLOSED:
                self._enter(ClientState.NEW)

    async def connect(self) -> Connected:
        """Return the connection and the recipe, connecting first if there is no connection.

        Raises:
            UsageError: the client is closed.
            QwenGradioError: the Space can't be reached, or has no chat endpoint.
        """
        self._reset_after_fork()
        with self._lock:
            self._check_not_closed()
            future = self._connect_or_refresh()
            if self.state is ClientState.NEW:
                self._enter(ClientState.CONNECTING)
        try:
            with fail_at(deadline("connect", self.timeouts.connect)):
                connected = await wrap_future(future)
        except QwenGradioError as exc:
            self._check_not_closed()  # which has made it fail
            await self._handle_failure(future, exc)
            raise
        with self._lock:
            self._check_not_closed()
            if self.state is ClientState.CONNECTING:
                self._enter(ClientState.CONNECTED)
        return connected

    def _check_not_closed(self) -> None:
        if self.state is ClientState.CLOSED:
            raise UsageError("this client is closed; make another")

    def _enter(self, state: ClientState) -> None:
        if self.state is not state:
            self.state = transition(self.state, state)

    def _connect_or_refresh(self) -> Future[Connected]:
        """Return the future of the connection; start to connect, or to refresh its description, if that is needed."""
        refreshed = self._refreshing
        if refreshed is not None and refreshed.done():
            self._refreshing = None
            self._connecting = self._connecting if refreshed.exception() else refreshed
        future = self._connecting
        if future is None or (future.done() and future.exception()):
            self._abort_callbacks = []
            connect = functools.partial(_connect, self._access, self.space, self._api_name)
            future = self._threads.submit(connect, reuse=self._reuse, on_abort=self._abort_callbacks)
            self._connecting = future
        elif future.done() and future.result()[0].is_stale:
            if self._refreshing is None:
                connection = future.result()[0]
                self._refreshing = self._threads.submit(_refresh, connection, self.space, self._api_name)
            future = self._refreshing
        return future

    async def _handle_failure(self, future: Future[Connected], exc: QwenGradioError) -> None:
        with self._lock:
            if future is self._connecting:
                if isinstance(exc, DeadlineExceeded):
                    self._abort()  # stop its requests; it may have succeeded by now
                    self._connecting = None
                    future.add_done_callback(_close)
                if self.state is ClientState.CONNECTING:
                    self._enter(ClientState.NEW)
        if not isinstance(exc, UsageError | EndpointNotFound | RateLimited):
            exc.set_state(await self.fetch_state())

    def _abort(self) -> None:
        for abort in self._abort_callbacks:
            abort()

    async def fetch_state(self) -> str:
        """Fetch from the Hub the state of a Space that doesn't answer, in one request at a time; `""` if unknown."""
        if self.space.id is None:
            return ""
        if self._fetching_state is None or self._fetching_state.done():
            try:
                self._fetching_state = self._threads.submit(get_state, self.space.id, proxy=self._access.proxy)
            except CannotStartThread:
                return ""
        with anyio.move_on_after(HUB_TIMEOUT):
            return await wrap_future(self._fetching_state)
        return ""

    async def aclose(self) -> None:
        """Cancel every reply and close the connection, within 2 seconds, even under cancellation."""
        self._reset_after_fork()
        with self._lock:
            if self.state is ClientState.CLOSED:
                return
            self._enter(ClientState.CLOSED)
            future, self._connecting = self._connecting, None
        if future is None:
            return
        if not future.done():
            self._abort()
        try:
            closed = self._threads.submit(_close, future)
        except CannotStartThread:  # here, or in the thread that connects
            future.add_done_callback(_close)
            return
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await wrap_future(closed)


# The functions below run in a thread: importing gradio_client takes a second, and connecting blocks.


def _connect(access: Access, space: Space, api_name: str | None, **options: Any) -> Connected:
    from ..transport.connection import Connection

    connection = Connection(access, **options)
    try:
        return _with_recipe(connection, space, api_name)
    except BaseException:
        connection.close()
        raise


def _refresh(connection: Connection, space: Space, api_name: str | None) -> Connected:
    """Fetch the description again; the connection stays, as other replies may use it."""
    connection.refresh()
    return _with_recipe(connection, space, api_name)


def _with_recipe(connection: Connection, space: Space, api_name: str | None) -> Connected:
    defaults = space.entry.options if space.entry else {}
    return connection, find_recipe(connection.config, connection.info, api_name=api_name, defaults=defaults)


def _close(connecting: Future[Connected]) -> None:
    """Close a connection; if it is being made, wait for that first."""
    if connecting.exception() is None:
        connecting.result()[0].close()

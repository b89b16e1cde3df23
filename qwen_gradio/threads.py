"""Where threads and the event loop meet: daemon threads that never hold up exit, and a bell that is heard in a task."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import anyio
from anyio.lowlevel import current_token

if TYPE_CHECKING:  # importing it takes 30 ms, and whoever runs an event loop of asyncio has done so
    import asyncio

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """A daemon thread for each call.

    A ThreadPoolExecutor is joined at interpreter exit, so a program that is done would wait for a silent Space.

    Attributes:
        running: the calls that haven't ended.
    """

    def __init__(self) -> None:
        self.running: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start `fn` in a thread of its own."""
        future: Future[T] = Future()
        self.running.add(future)
        future.add_done_callback(self.running.discard)
        thread = threading.Thread(target=settle, args=(future, fn, args, kwargs), daemon=True, name="qwen_gradio")
        thread.start()
        return future


def settle(future: Future[T], fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call `fn` here, and put what comes of it into the future."""
    future.set_running_or_notify_cancel()
    try:
        result = fn(*args, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - the future carries it to whoever asks for the result
        future.set_exception(exc)
        del future, exc  # else the traceback keeps this frame, and the frame the future
    else:
        future.set_result(result)


class Bell:
    """Rung from any thread, heard in the task that made it.

    Ringing never blocks and never raises: it happens under gradio_client's locks. anyio's own way across,
    `from_thread.run_sync`, waits for the loop; the native tokens' calls do not.
    """

    def __init__(self) -> None:
        token: Any = current_token().native_token  # asyncio's loop, or trio's token
        self._wake_soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon
        self._rung = False
        self._heard = anyio.Event()

    def ring(self, *_: object) -> None:
        """Wake the listener; any arguments are ignored, so that this can be a callback."""
        if self._rung:  # one wake-up is on its way, and what it finds includes this
            return
        self._rung = True
        try:
            self._wake_soon(self._hear)
        except RuntimeError:
            self._rung = False  # the loop has ended, and the listener with it

    def _hear(self) -> None:
        self._heard.set()

    async def wait(self) -> None:
        """Wait until it has been rung since the last wait."""
        await self._heard.wait()
        self._heard = anyio.Event()
        self._rung = False


def shut(opened: socket.socket) -> None:
    """Shut a socket down, which all who wait for it hear of; it may have gone by itself."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # not SSLSocket's, which drops state in use


class Overdue(Exception):
    """Raised when what is waited for doesn't come in time."""


class Watch:
    """How long to wait for one thing, however often that is looked for: so long from the first look, and never longer
    than to a moment by the event loop's clock.
    """

    def __init__(self) -> None:
        self.begin(None)

    def begin(self, seconds: float | None, latest: float = math.inf) -> None:
        """Wait for the next thing; None for ever."""
        self._seconds = seconds
        self._latest = latest
        self._ends: float | None = None

    def ends(self, now: float) -> float:
        """Give the moment at which it is overdue."""
        if self._ends is None:
            self._ends = self._latest if self._seconds is None else min(self._latest, now + self._seconds)
        return self._ends

    @property
    def is_the_latest(self) -> bool:
        """Whether that moment is the one that was given."""
        return self._ends == self._latest


class Ear:
    """Hears when a socket has something to read, and reads it, on the event loop of the task that waits for that.

    anyio's `wait_readable` tells the event loop to watch the socket at each wait, and afterwards to stop. On asyncio it
    is watched here until something comes that nobody waits for; that stays where it is, and slows the sender.

    Args:
        opened: the socket; it must not be closed while this is at work.
        read: reads what there is, without blocking.

    The timer of a deadline is not set anew at each wait either: when it rings, it looks whether it is time.

    Attributes:
        is_at_work: whether an event loop watches the socket.
    """

    def __init__(self, opened: socket.socket, read: Callable[[], None]) -> None:
        self._socket = opened
        self._read = read
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = math.inf
        self._let_go = threading.Event()
        self._is_closed = False
        self.is_at_work = False

    async def wait(self, watch: Watch) -> None:
        """Wait until something was read.

        Raises:
            Overdue: it was waited for as long as `watch` says.
        """
        if not self.is_at_work:
            self._begin()
        if not self.is_at_work:
            return  # it was closed meanwhile
        if self._loop is None:
            try:
                await in_time(anyio.wait_readable(self._socket), watch)
                if not self._is_closed:
                    self._read()
            finally:
                self.stop()
        else:
            now = self._loop.time()
            ends = watch.ends(now)
            if ends <= now:  # the timer has no turn while there is something to read at each
                raise Overdue
            self._set_timer(self._loop, ends)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop, ends: float) -> None:
        self._ends = ends
        if self._timer is not None and ends < self._timer.when():
            self._timer.cancel()
            self._timer = None
        if self._timer is None and ends < math.inf:
            self._timer = loop.call_at(ends, self._look_at_the_clock, loop)

    def _look_at_the_clock(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiter is not None and not self._waiter.done():
            if loop.time() >= self._ends:
                self._waiter.set_exception(Overdue())
            else:
                self._set_timer(loop, self._ends)

    def _begin(self) -> None:
        self._let_go.clear()
        self.is_at_work = True
        if self._is_closed:  # `close` does the two in the other order, so one of them sees the other
            self.is_at_work = False
            self._let_go.set()
            return
        token: Any = current_token().native_token
        if hasattr(token, "add_reader"):  # asyncio's, in other words
            try:
                token.add_reader(self._socket, self._heard)
                self._loop = token
            except NotImplementedError:  # Windows: anyio has a thread for this
                pass
            except BaseException:
                self.stop()
                raise

    def _heard(self) -> None:
        waiter = self._waiter
        if waiter is None or self._is_closed:
            self.stop()
        else:
            self._read()
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def stop(self) -> None:
        """Let the socket go; called on the event loop."""
        if self._loop is not None and self.is_at_work:
            self._loop.remove_reader(self._socket)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self.is_at_work = False
        self._let_go.set()

    def close(self) -> None:
        """Wait in another thread until the socket is let go; it is shut down for that, which the event loop hears."""
        self._is_closed = True
        if self.is_at_work:
            shut(self._socket)
        while self.is_at_work and not self._let_go.wait(1.0):
            if self._loop is not None and self._loop.is_closed():
                return


async def in_time(awaited: Awaitable[T], watch: Watch) -> T:
    """Wait for one thing.

    Raises:
        Overdue: it was waited for as long as `watch` says.
    """
    with anyio.CancelScope(deadline=watch.ends(anyio.current_time())):
        return await awaited
    raise Overdue


async def finished(future: Future[T]) -> T:
    """Wait for what a thread does, and give its result; leaving this early leaves the thread to itself."""
    bell = Bell()
    future.add_done_callback(bell.ring)
    if not future.done():
        await bell.wait()
    return future.result()

"""Where threads and the event loop meet: daemon threads that never hold up exit, an event that any thread can set."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio.lowlevel import current_token

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreadExecutor(Executor):
    """Runs each call in a daemon thread of its own.

    A ThreadPoolExecutor is joined at interpreter exit, so a finished program would wait for a silent Space.

    Attributes:
        running: the futures of the calls that haven't ended.
    """

    def __init__(self) -> None:
        self.running: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start `fn` in a thread of its own.

        Raises:
            RuntimeError: the system has no thread left.
        """
        future: Future[T] = Future()
        self.running.add(future)
        future.add_done_callback(self.running.discard)
        thread = threading.Thread(
            target=run_into_future, args=(future, fn, args, kwargs), daemon=True, name="qwen_gradio"
        )
        try:
            thread.start()
        except RuntimeError:
            self.running.discard(future)
            raise
        return future


def run_into_future(future: Future[T], fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call `fn` in this thread, and set the future's result or exception."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - the future's `result` raises it
        future.set_exception(exc)
        del future, exc  # else the traceback keeps this frame, and the frame the future
    else:
        future.set_result(result)


class ThreadsafeEvent:
    """An event that any thread sets, and that the task which made it waits for, again and again.

    `set` never blocks and never raises: it is called under gradio_client's locks. anyio's own way across,
    `from_thread.run_sync`, waits for the loop; the native tokens' calls do not.
    """

    def __init__(self) -> None:
        token: Any = current_token().native_token  # asyncio's loop, or trio's token
        self._call_soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon
        self._is_set = False
        self._event = anyio.Event()

    def set(self, *_: object) -> None:
        """Wake the task; any arguments are ignored, so that this can be a callback."""
        if self._is_set:  # one wake-up is on its way, and what it finds includes this
            return
        self._is_set = True
        try:
            self._call_soon(self._wake)
        except RuntimeError:
            self._is_set = False  # the loop has ended, and the task with it

    def _wake(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Wait until it has been set since the last wait."""
        await self._event.wait()
        self._event = anyio.Event()
        self._is_set = False

    async def wait_for(self, watch: Watch, interval: float) -> None:
        """Wait until it has been set, `interval` seconds at the most.

        Raises:
            Overdue: it has been waited for as long as `watch` says.
        """
        now = anyio.current_time()
        ends = watch.ends(now)
        with anyio.CancelScope(deadline=min(ends, now + interval)):
            await self.wait()
            return
        if anyio.current_time() >= ends:
            raise Overdue


def shutdown_socket(opened: socket.socket) -> None:
    """Shut a socket down, which wakes every thread that waits on it."""
    with contextlib.suppress(OSError):  # it may be closed already
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


async def wrap_future(future: Future[T]) -> T:
    """Wait for a thread's future, and return its result. Cancelling the wait doesn't stop the thread."""
    done = ThreadsafeEvent()
    future.add_done_callback(done.set)
    if not future.done():
        await done.wait()
    return future.result()

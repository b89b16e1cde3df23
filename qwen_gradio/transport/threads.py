"""Threads and event loops: daemon threads, which never delay exit, and an event that any thread can set."""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import socket
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from typing import Any, ParamSpec, TypeGuard, TypeVar

import anyio
from anyio.from_thread import BlockingPortal
from anyio.lowlevel import current_token

from ..errors import TransportError, UsageError

P = ParamSpec("P")
T = TypeVar("T")

CLOSE_TIMEOUT = 2.0  # seconds that closing a client, a reply or an event loop's thread may take


class CannotStartThread(TransportError, RuntimeError):
    """Raised when this process can't start another thread; the Space isn't the cause."""

    advice = "Ask fewer questions at once, or raise the limit of threads and memory"

    @classmethod
    def of(cls, exc: RuntimeError) -> CannotStartThread:
        """Create the error for an exception of `threading.Thread.start`."""
        return cls(f"this process can't start another thread ({exc})")


def is_thread_error(exc: BaseException) -> TypeGuard[RuntimeError]:
    """Return True if `threading.Thread.start` raised this because the process can't start another thread."""
    return type(exc) is RuntimeError and "start new thread" in str(exc)


class DaemonThreadExecutor(Executor):
    """An executor that runs each call in a daemon thread of its own.

    A ThreadPoolExecutor's threads are joined at interpreter exit, so exit would wait for a Space that doesn't answer.

    Attributes:
        running: the futures of the calls that haven't ended.
    """

    def __init__(self) -> None:
        self.running: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a thread of its own.

        Raises:
            CannotStartThread: there are too many threads.
        """
        future: Future[T] = Future()
        self.running.add(future)
        future.add_done_callback(self.running.discard)
        thread = threading.Thread(
            target=run_into_future, args=(future, fn, args, kwargs), daemon=True, name="qwen_gradio"
        )
        try:
            thread.start()
        except RuntimeError as exc:
            self.running.discard(future)
            raise CannotStartThread.of(exc) from exc
        return future


def run_into_future(future: Future[T], fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call `fn` in this thread, and set the future's result or exception."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - the future's `result` raises it
        future.set_exception(exc)
        del future, exc  # breaks a cycle: the traceback refers to this frame, and the frame to the future
    else:
        future.set_result(result)


class ThreadsafeEvent:
    """An event that any thread can set, and one task waits for, repeatedly; it is made in that task.

    `set` never blocks and never raises, as it is called under gradio_client's locks. So it calls the event loop's own
    method: anyio's `from_thread.run_sync` waits for the loop.
    """

    def __init__(self) -> None:
        token: Any = current_token().native_token  # asyncio's loop, or trio's token
        self._call_soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon
        self._is_set = False
        self._event = anyio.Event()

    def set(self, *_: object) -> None:
        """Wake the task; any arguments are ignored, so that this can be a callback."""
        if self._is_set:  # the task is about to wake, and will see this update too
            return
        self._is_set = True
        try:
            self._call_soon(self._wake)
        except RuntimeError:
            self._is_set = False  # the loop has ended, and the task with it

    def _wake(self) -> None:
        self._event.set()

    async def wait(self, interval: float | None = None) -> None:
        """Wait until the event is set, and clear it.

        Args:
            interval: seconds after which to return even if it isn't set; None for no limit.
        """
        if interval is None:
            await self._event.wait()
        else:
            with anyio.move_on_after(interval) as scope:
                await self._event.wait()
            if scope.cancelled_caught:
                return
        self._event = anyio.Event()
        self._is_set = False


def shutdown_socket(opened: socket.socket) -> None:
    """Shut down a socket, which wakes every thread that waits for it."""
    with contextlib.suppress(OSError):  # it may be closed already
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # SSLSocket's would drop state in use


async def wrap_future(future: Future[T]) -> T:
    """Return the result of a thread's future once it is done. Cancelling the wait doesn't stop the thread.

    Raises:
        BaseException: the exception of the thread's call.
    """
    done = ThreadsafeEvent()
    future.add_done_callback(done.set)
    if not future.done():
        await done.wait()
    return future.result()


class LoopState(enum.Enum):
    """The state of a LoopThread: NEW -> RUNNING at the first call, either -> CLOSED; after a fork, RUNNING -> NEW."""

    NEW = enum.auto()
    RUNNING = enum.auto()
    CLOSED = enum.auto()


class LoopThread:
    """An event loop in a thread of its own, from its first use until it is closed. Any thread may use it.

    It is a daemon thread, unlike that of anyio's `start_blocking_portal`, so a client that isn't closed doesn't delay
    exit.
    """

    def __init__(self) -> None:
        self.state = LoopState.NEW
        self.begin()
        _loop_threads.add(self)

    def begin(self) -> None:
        """Initialize without a thread; also called in a forked child, which has none of its parent's threads."""
        if self.state is LoopState.RUNNING:
            self.state = LoopState.NEW
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._stop: Callable[[], object] = bool  # does nothing until a thread runs
        self._thread: Future[None] | None = None

    def start(self, function: Callable[..., Awaitable[T]], *args: Any) -> Future[T]:
        """Call an async function in the event loop, without waiting for it.

        Raises:
            UsageError: the thread is closed.
            TransportError: this process can't start another thread or event loop.
        """
        with self._lock:
            if self.state is LoopState.NEW:
                self._start_thread()
            if self._portal is None:
                raise UsageError("this client is closed; make another")
            return self._portal.start_task_soon(function, *args)

    def _start_thread(self) -> None:
        started: Future[tuple[BlockingPortal, Callable[[], object]]] = Future()
        thread = DaemonThreadExecutor().submit(functools.partial(anyio.run, _serve, started, backend="asyncio"))
        wait([started, thread], return_when=FIRST_COMPLETED)
        if not started.done():  # for example, there are too many open files
            raise TransportError("this process can't start another event loop") from thread.exception()
        self._portal, self._stop = started.result()
        self._thread = thread
        self.state = LoopState.RUNNING

    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Call an async function in the event loop, and return its result; Ctrl-C cancels it.

        Raises:
            UsageError: the thread is closed, or is closed while this waits.
            TransportError: this process can't start another thread or event loop.
        """
        future = self.start(function, *args)
        try:
            return future.result()
        except CancelledError as exc:
            raise UsageError("this client was closed by another thread") from exc
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread, and wait at most `CLOSE_TIMEOUT` for it: a cancelled call may continue for longer."""
        self.close_soon()
        if self._thread is not None:
            wait([self._thread], timeout=CLOSE_TIMEOUT)

    def close_soon(self) -> None:
        """End the thread and cancel its calls, without waiting."""
        with self._lock:
            self._portal = None
            self.state = LoopState.CLOSED
        self._stop()

    def __del__(self) -> None:
        self._stop()


async def _serve(started: Future[tuple[BlockingPortal, Callable[[], object]]]) -> None:
    async with BlockingPortal() as portal:
        stop = ThreadsafeEvent()  # `__del__` sets it, in any thread, even in this one
        started.set_result((portal, stop.set))
        await stop.wait()
        await portal.stop(cancel_remaining=True)


_loop_threads: weakref.WeakSet[LoopThread] = weakref.WeakSet()


def _begin_after_fork() -> None:
    for loop in list(_loop_threads):
        loop.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_after_fork)

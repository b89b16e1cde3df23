"""The hooks on gradio_client, and the replacements for its outputs, updates and thread pools.

Each replacement subclasses the original, as other versions of gradio_client may call more of its methods, and never
raises.
"""

from __future__ import annotations

import asyncio
import enum
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .threads import DaemonThreadExecutor, run_into_future

if TYPE_CHECKING:
    from .network import Network

MAX_PENDING_OUTPUTS = 16  # that weren't received yet
POLLER = "check_for_cancel"  # gradio_client's function that checks every 50 ms if its job was cancelled


class Hook(enum.Enum):
    """A part of gradio_client that is replaced if the installed version has it; the value is the gain."""

    DESCRIPTION = "the Space is described once, not for each reply"
    SESSION = "the caller names the session"
    QUIET = "no heartbeat"
    UPDATES = "updates notify"
    MAILBOXES = "messages are waited for, not polled"
    EXECUTORS = "threads never hold up exit"
    NETWORK = "one pool of connections; a reply is cancelled by its socket"


HOOKS = frozenset(Hook)  # those that may be enabled


class Outputs(list[Any]):
    """A job's outputs, each the whole reply so far: the list keeps the latest alone, `receive_nowait` returns each.

    Args:
        notify: called after each output.

    Attributes:
        is_used: True once gradio_client has appended an output.
    """

    def __init__(self, notify: Callable[[], object]) -> None:
        super().__init__()
        self.is_used = False
        self._notify = notify
        self._pending: deque[Any] = deque()

    def append(self, output: Any) -> None:
        """Add an output; if too many are pending, they are dropped, and the reader gets one longer fragment."""
        if len(self._pending) >= MAX_PENDING_OUTPUTS:
            self._pending.clear()
        self._pending.append(output)
        self.is_used = True  # set before the list changes: a reader that sees the output checks this
        self[:] = [output]
        self._notify()

    def receive_nowait(self) -> Any:
        """Return the next output; None if none is pending."""
        return self._pending.popleft() if self._pending else None


class Updates(asyncio.Queue[Any]):
    """A job's queue of updates: keeps the latest status alone, and notifies. The queue itself stays empty.

    Args:
        notify: called after each update.
        outputs: the job's outputs; None if they don't notify.

    Attributes:
        status: the latest status update; None before the first.
    """

    def __init__(self, notify: Callable[[], object], outputs: Outputs | None) -> None:
        super().__init__()
        self.status: Any = None
        self._notify_reader = notify
        self._outputs = outputs

    def put_nowait(self, item: Any) -> None:
        """Keep an update's status, and notify until the first output."""
        before = self.status
        if getattr(item, "type", None) == "status":
            self.status = item
        # After the first output the status is no longer used.
        if before is None or self._outputs is None or not self._outputs.is_used:
            self._notify_reader()


class _PollerFuture(Future[Any]):
    """The future of a cancel poller, which starts only when its result is waited for."""

    def __init__(self, executor: JobExecutor) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self._executor.start_poller()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._executor.start_poller()
        return super().exception(timeout)


class JobExecutor(ThreadPoolExecutor):
    """An executor that runs each of a client's calls in a daemon thread, with two exceptions.

    The cancel poller starts only when `start_poller` is called. The call that a job submits right after the poller
    runs in the job's own thread, which would otherwise only wait for the result.

    Args:
        threads: runs the calls.
        network: the session's; None if gradio_client's httpx isn't replaced.

    Attributes:
        failure: the first exception of a call that a job submitted; None before.
    """

    def __init__(self, threads: DaemonThreadExecutor, network: Network | None) -> None:
        super().__init__(max_workers=1)
        self._daemon_threads = threads
        self._network = network
        self._local = threading.local()
        self._poller: tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None
        self.failure: Exception | None = None
        self._running = 0
        self._changed = threading.Condition()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` in a daemon thread; see the class for the two exceptions.

        Raises:
            CannotStartThread: there are too many threads.
        """
        is_nested = getattr(self._local, "is_running", False)
        if is_nested and getattr(fn, "__name__", "") == POLLER and self._poller is None:
            self._poller = (_PollerFuture(self), fn, args, kwargs)
            self._local.waits_for_next = True
            return self._poller[0]
        future: Future[Any] = Future()
        if is_nested and getattr(self._local, "waits_for_next", False):
            self._local.waits_for_next = False
            run_into_future(future, fn, args, kwargs)
        else:
            self._count(1)
            try:
                self._daemon_threads.submit(self._run, not is_nested, future, fn, args, kwargs)
            except BaseException:
                self._count(-1)
                raise
        return future

    def _count(self, change: int) -> None:
        with self._changed:
            self._running += change
            self._changed.notify_all()

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until all calls have ended, but the cancel poller. Blocks, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout)

    def start_poller(self) -> None:
        """Start the cancel poller, if it was submitted and hasn't started."""
        poller, self._poller = self._poller, None
        if poller is not None:
            future, fn, args, kwargs = poller
            self._daemon_threads.submit(run_into_future, future, fn, args, kwargs)

    def _run(
        self, is_job: bool, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._local.is_running = True
        try:
            self._run_call(is_job, future, fn, args, kwargs)
        finally:
            self._count(-1)

    def _run_call(
        self, is_job: bool, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if is_job:
            self._poller = None  # discards that of an earlier job
            if self._network is not None:
                self._network.job_thread = threading.get_ident()
        run_into_future(future, fn, args, kwargs)
        if not is_job:
            self._record_failure(future)
        elif self._network is not None:
            self._network.finish()

    def _record_failure(self, future: Future[Any]) -> None:
        failure = future.exception()
        if self.failure is None and isinstance(failure, Exception):
            self.failure = failure

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: gradio_client up to 2.0 calls this with `wait` when a Client is garbage-collected."""

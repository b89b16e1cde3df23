"""Submission: a gradio_client Job whose outputs are read without blocking; `updates` yields them asynchronously."""

from __future__ import annotations

import concurrent.futures
import contextlib
import enum
import functools
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import ConnectionLost, QueueFull, QwenGradioError, RateLimited, UsageError
from .errors import job_error
from .hooks import Hook
from .threads import DaemonThreadExecutor, ThreadsafeEvent

if TYPE_CHECKING:
    from .client import Session, SpaceClient

logger = logging.getLogger("qwen_gradio")

# Seconds between checks of outputs that don't notify, of outputs that haven't notified yet, and of a job whose end
# doesn't notify.
POLL_INTERVAL, UNPROVEN_INTERVAL, FALLBACK_INTERVAL = 0.02, 0.25, 1.0
JOIN_TIMEOUT = 10.0  # seconds for the join of a cancelled question, which can be cancelled on the Space only after it
CANCEL_TIMEOUT = 2.0  # seconds for the Space to answer a cancel
END_TIMEOUT = 0.5  # seconds for a job to end after its stream was aborted

HTTP_CLIENT_ERRORS = range(400, 500)
TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)  # the same question may be accepted later

Stage: TypeAlias = Literal["uploading", "joining", "joined", "queued", "started"]
_UNQUEUED = ("STARTING", "JOINING_QUEUE", "SENDING_DATA")  # gradio_client.utils.Status
_QUEUED = ("IN_QUEUE", "QUEUE_FULL")


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The progress of a question before its first output.

    Attributes:
        stage: "joining" until the join is answered, or "uploading" if files were sent; then "joined", "queued" and
            "started".
        rank: its place in the queue, from 0; None if unknown.
        size: the queue's size; None if unknown.
        eta: seconds until it starts; None if unknown.
        sent: the number of bytes of files that were sent.
    """

    stage: Stage
    rank: int | None = None
    size: int | None = None
    eta: float | None = None
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the endpoint, which is the whole reply so far.

    Attributes:
        value: the endpoint's output, as gradio_client returns it.
        last: True if the job is done, and no output follows.
    """

    value: object
    last: bool = False


class SubmissionState(enum.Enum):
    """The state of a submission: RUNNING -> CANCELLED, and in a forked child either -> INHERITED."""

    RUNNING = enum.auto()
    CANCELLED = enum.auto()
    INHERITED = enum.auto()


class Submission:
    """A submitted question. No method blocks, but `result` before `done`.

    Args:
        client: the session's client.
        job: gradio_client's Job.
        threads: runs the calls that block.
        on_failure: called if the job fails, unless the error is RateLimited or QueueFull.

    Attributes:
        cancelling: done once the question is cancelled on the Space; None before `cancel`, and if closing the stream
            cancels it.
    """

    def __init__(
        self, client: SpaceClient, job: Any, threads: DaemonThreadExecutor, on_failure: Callable[[], None]
    ) -> None:
        self.job = job
        self.cancelling: Future[None] | None = None
        self._client = client  # kept alive: gradio_client's endpoints have weak references to it
        self._session: Session = client.qwen_gradio
        self._threads = threads
        self._on_failure = on_failure
        self._received = 0
        self._latest: object = None
        self._is_notified: bool | None = None  # unknown until the first output
        self._pid = os.getpid()
        self._state = SubmissionState.RUNNING
        self._ended = threading.Event()
        self._is_done: Callable[[], bool] = self._ended.is_set
        self._fallback_interval: float | None = None
        try:
            job.add_done_callback(functools.partial(_set_ended, self._ended))
        except Exception:
            logger.debug("a job has no done callback", exc_info=True)
            self._is_done, self._fallback_interval = job.done, FALLBACK_INTERVAL

    def __repr__(self) -> str:
        return f"<Submission {'done' if self.done() else self.state.name.lower()}>"

    @property
    def state(self) -> SubmissionState:
        """The state: INHERITED in a forked child, otherwise that of this process."""
        return self._state if self._pid == os.getpid() else SubmissionState.INHERITED

    def done(self) -> bool:
        """Return True if the job has ended. Call it before `receive_nowait`, or the last output may be missed."""
        return self._is_done() or self.state is SubmissionState.INHERITED

    @property
    def poll_interval(self) -> float | None:
        """Seconds to wait for a notification before checking all the same; None once notifications work."""
        if self._session.outputs is None:
            return POLL_INTERVAL
        if not self._has_notified():
            return POLL_INTERVAL if self._received else UNPROVEN_INTERVAL
        return self._fallback_interval

    def receive_nowait(self) -> object:
        """Return the next output; None if none is pending."""
        if self.state is SubmissionState.INHERITED:
            return None
        notifying = self._session.outputs
        outputs: Any = notifying if self._has_notified() else self._outputs()
        if notifying is not None and outputs is notifying and notifying.is_used:
            output: object = notifying.receive_nowait()
            return output
        if len(outputs) > self._received:
            self._latest = outputs[self._received]
            self._received += 1
        elif outputs and outputs[-1] != self._latest:  # a list that keeps the latest alone
            self._latest = outputs[-1]
        else:
            return None
        if self._session.network is not None:
            self._session.network.record_update()
        return self._latest

    def _has_notified(self) -> bool:
        """Return True if the job's outputs are the session's, which notify, and have an output."""
        notifying = self._session.outputs
        if self._is_notified is None and notifying is not None and notifying.is_used:
            self._is_notified = self._outputs() is notifying
        return bool(self._is_notified)

    def _outputs(self) -> Any:
        """Return the job's outputs; none if gradio_client raises, or after `cancel`, which may hold the job's lock."""
        if self.state is not SubmissionState.RUNNING:
            return ()
        try:
            return self.job.outputs()
        except Exception:
            logger.debug("a job's outputs can't be read", exc_info=True)
            return ()

    def status(self) -> QueueStatus:
        """Return the question's progress before its first output."""
        status = self._session.updates.status if self._session.updates is not None else None
        if status is None and self.state is SubmissionState.RUNNING:
            status = self._job_status()
        name = _code_name(status)
        if name in _UNQUEUED:
            return QueueStatus("joined") if self._is_join_answered() is not False else self._joining_status()
        if name in _QUEUED:
            return QueueStatus("queued", *(_number(status, field) for field in ("rank", "queue_size", "eta")))
        return QueueStatus("started")

    def _joining_status(self) -> QueueStatus:
        network = self._session.network
        sent = network.uploads.sent if network is not None else 0
        return QueueStatus("uploading", sent=sent) if sent else QueueStatus("joining")

    def _job_status(self) -> Any:
        """Return the job's status; None if gradio_client raises. Waits for the job's lock."""
        try:
            return self.job.status()
        except Exception:
            logger.debug("a job's status can't be read", exc_info=True)
            return None

    def _is_join_answered(self) -> bool | None:
        """Return True if the Space has answered the join; None if its responses aren't recorded."""
        network = self._session.network
        return network.responses > 0 if network is not None and network.requests else None

    def wait(self, timeout: float) -> bool:
        """Wait until the job is done; return True if it is. Blocks, for `timeout` seconds at most."""
        with contextlib.suppress(TimeoutError, concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            self.job.exception(max(timeout, 0.0))
            return True  # the job's callbacks, which `done` waits for, may run a moment later
        return self.done()

    def result(self) -> object:
        """Return the last output. Blocks until the job is done.

        Raises:
            ConnectionLost: it was cancelled.
            UsageError: it was submitted before a fork, in another process.
            QwenGradioError: the job failed; the exception is mapped to this.
        """
        if self.state is SubmissionState.INHERITED:
            raise UsageError("this reply was started before a fork, in another process; start another in this process")
        failure = self.job.exception()
        if failure is None:
            return self.job.result()
        if self.state is SubmissionState.CANCELLED:
            raise ConnectionLost("the connection ended before the reply was whole (closed from this side)") from failure
        network, executor = self._session.network, self._session.executor
        helper_failure = executor.failure if executor is not None else None
        if isinstance(helper_failure or failure, QwenGradioError):  # no thread could be started
            raise helper_failure or failure
        cause = (network.failure if network is not None else None) or helper_failure
        error = job_error(failure, network, helper_failure)
        if not isinstance(error, RateLimited | QueueFull):
            self._on_failure()
        raise error from (cause or failure)

    @property
    def uses_hooks(self) -> bool:
        """True if hooks other than that of the network are used."""
        return bool(self._session.hooks - {Hook.NETWORK})

    @property
    def is_refused(self) -> bool:
        """True if the Space refused the join with an HTTP error that isn't `TRANSIENT`; the question doesn't run."""
        network = self._session.network
        error = network.first_error if network is not None else None
        status = error.status_code if error is not None else 0
        is_of_join = network is not None and network.responses == 1  # a later error is the stream's
        return is_of_join and self.done() and status in HTTP_CLIENT_ERRORS and status not in TRANSIENT

    def cancel(self) -> None:
        """Cancel the question, in this process and on the Space. May be called again, from any thread."""
        if self.state is not SubmissionState.RUNNING or self.done():
            return
        self._state = SubmissionState.CANCELLED
        network = self._session.network
        is_aborted = network.cancel() if network is not None else False
        if sys.is_finalizing():  # `Thread.start` would wait for ever
            return
        with contextlib.suppress(RuntimeError):  # no thread is left
            cancelling = self._threads.submit(self._ensure_cancelled, is_aborted)
            self.cancelling = None if is_aborted else cancelling

    def _ensure_cancelled(self, is_aborted: bool) -> None:
        """Cancel the job by `Job.cancel`, unless aborting its stream ends it.

        `Job.cancel` sends a request under the job's lock. It has no effect before the join is answered.
        """
        network = self._session.network
        if not is_aborted:
            self._wait_for_join()
        if network is not None and network.requests and self._ended.wait(END_TIMEOUT):
            return
        if not self._ended.is_set():
            self._cancel_job()
        if not self._ended.is_set() and network is not None:
            network.abort()

    def _cancel_job(self) -> None:
        if self._session.executor is not None:
            self._session.executor.start_poller()
        kwargs = getattr(self._client, "httpx_kwargs", None)
        if isinstance(kwargs, dict):
            kwargs["timeout"] = CANCEL_TIMEOUT  # the Space may answer after its current step, or never
        for _ in range(2):  # the first may come while the question is being started, and then has no effect
            with contextlib.suppress(Exception):
                self.job.cancel()
            if self._ended.wait(END_TIMEOUT):
                return

    def _wait_for_join(self) -> None:
        waited = 0.0
        while waited < JOIN_TIMEOUT and not self._ended.wait(POLL_INTERVAL):
            answered = self._is_join_answered()
            if answered is None:
                answered = _code_name(self._job_status()) not in ("", "STARTING")
            if answered:
                return
            waited += POLL_INTERVAL


def _set_ended(ended: threading.Event, _: Future[Any]) -> None:
    """Set an event at a job's end. The job keeps its callbacks, so this has no reference to it or its submission."""
    ended.set()


def _code_name(status: Any) -> str:
    """Return the name of a status's code; `""` if there is none."""
    return str(getattr(getattr(status, "code", None), "name", ""))


def _number(status: Any, name: str) -> Any:
    value = getattr(status, name, None)
    return value if isinstance(value, int | float) else None


async def updates(submission: Submission, event: ThreadsafeEvent) -> AsyncGenerator[QueueStatus | Output, None]:
    """Yield a job's status, whenever it changes before the first output, and then each new output.

    A slow reader gets the newest outputs, not a growing queue of old ones. `done` is read before the outputs: in the
    opposite order, an output between the two would be lost.

    Args:
        submission: the job.
        event: set after each update of the job, and at its end.

    Raises:
        QwenGradioError: the job failed; `result` raises it.
    """
    status: QueueStatus | None = None
    has_output = done = False
    while not done:
        done = submission.done()
        while (output := submission.receive_nowait()) is not None:
            has_output = True
            yield Output(output)
        if not has_output and not done and (now := submission.status()) != status:
            status = now
            yield now
        elif not done:
            await event.wait(submission.poll_interval)
    yield Output(submission.result(), last=True)

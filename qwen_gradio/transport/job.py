"""Submission: a gradio_client Job that is followed without blocking; `updates` makes an async generator of it."""

from __future__ import annotations

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

# Seconds between looks at outputs that don't notify, that may notify and haven't yet, and at a job that doesn't.
POLL_INTERVAL, UNPROVEN_INTERVAL, FALLBACK_INTERVAL = 0.02, 0.25, 1.0
JOIN_TIMEOUT = 10.0  # seconds for a cancelled question to be joined, so that it can be cancelled on the Space
CANCEL_TIMEOUT = 2.0  # seconds for the Space to answer a cancel
END_TIMEOUT = 0.5  # seconds for a job to end after its stream was aborted

HTTP_CLIENT_ERRORS = range(400, 500)
TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)  # the same question may be accepted later

Stage: TypeAlias = Literal["joining", "joined", "queued", "started"]
_UNQUEUED = ("STARTING", "JOINING_QUEUE", "SENDING_DATA")  # gradio_client.utils.Status
_QUEUED = ("IN_QUEUE", "QUEUE_FULL")


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The progress of a question before its answer.

    Attributes:
        stage: how far it is.
        rank: its place in the queue, from 0; None if unknown.
        size: the queue's size; None if unknown.
        eta: seconds until it starts; None if unknown.
    """

    stage: Stage
    rank: int | None = None
    size: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the endpoint: the whole reply so far; `last` once the job is done."""

    value: object
    last: bool = False


class SubmissionState(enum.Enum):
    """Whether a submission may be read: RUNNING -> CANCELLED, and in a forked child either -> INHERITED."""

    RUNNING = enum.auto()
    CANCELLED = enum.auto()
    INHERITED = enum.auto()


class Submission:
    """A question that was submitted. No method blocks; `result` doesn't once `done`.

    Args:
        client: the session's client.
        job: gradio_client's.
        threads: run the calls that block.
        on_failure: called if it fails, unless too many requests are the reason.

    Attributes:
        cancelling: ends when the Space knows of a cancel; None where there was none, or closing the stream told it.
    """

    def __init__(
        self, client: SpaceClient, job: Any, threads: DaemonThreadExecutor, on_failure: Callable[[], None]
    ) -> None:
        self.job = job
        self.cancelling: Future[None] | None = None
        self._client = client  # gradio_client's endpoints hold it weakly
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
            job.add_done_callback(functools.partial(_set, self._ended))
        except Exception:
            logger.debug("a job that doesn't notify of its end", exc_info=True)
            self._is_done, self._fallback_interval = job.done, FALLBACK_INTERVAL

    def __repr__(self) -> str:
        return f"<Submission {'done' if self.done() else self.state.name.lower()}>"

    @property
    def state(self) -> SubmissionState:
        """Whether it may be read."""
        return self._state if self._pid == os.getpid() else SubmissionState.INHERITED

    def done(self) -> bool:
        """Whether it has ended. Call it before `receive_nowait`, or an output that comes in between is missed."""
        return self._is_done() or self.state is SubmissionState.INHERITED

    @property
    def look_interval(self) -> float | None:
        """Seconds to wait for a notification before looking without one; None once they have proved to come."""
        if self._session.outputs is None:
            return POLL_INTERVAL
        if not self._has_notified():
            return POLL_INTERVAL if self._received else UNPROVEN_INTERVAL
        return self._fallback_interval

    def receive_nowait(self) -> object:
        """Return the next output; None if there is none yet."""
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
        elif outputs and outputs[-1] != self._latest:  # where only the latest is kept
            self._latest = outputs[-1]
        else:
            return None
        if self._session.network is not None:
            self._session.network.record_update()
        return self._latest

    def _has_notified(self) -> bool:
        """Whether the job's outputs are those of the session, which notify."""
        notifying = self._session.outputs
        if self._is_notified is None and notifying is not None and notifying.is_used:
            self._is_notified = self._outputs() is notifying
        return bool(self._is_notified)

    def _outputs(self) -> Any:
        """The job's outputs; none where gradio_client raises, or holds the job's lock to cancel it."""
        if self.state is not SubmissionState.RUNNING:
            return ()
        try:
            return self.job.outputs()
        except Exception:
            logger.debug("a job's outputs can't be read", exc_info=True)
            return ()

    def status(self) -> QueueStatus:
        """Return its progress before the first output."""
        status = self._session.updates.status if self._session.updates is not None else None
        if status is None and self.state is SubmissionState.RUNNING:
            status = self._job_status()
        name = _code(status)
        if name in _UNQUEUED:
            return QueueStatus("joining" if self._is_join_answered() is False else "joined")
        if name in _QUEUED:
            return QueueStatus("queued", *(_number(status, field) for field in ("rank", "queue_size", "eta")))
        return QueueStatus("started")

    def _job_status(self) -> Any:
        """The job's status; None where gradio_client raises. It waits for the job's lock."""
        try:
            return self.job.status()
        except Exception:
            logger.debug("a job's status can't be read", exc_info=True)
            return None

    def _is_join_answered(self) -> bool | None:
        """Whether the Space has answered the join; None where its answers aren't seen."""
        network = self._session.network
        return network.responses > 0 if network is not None and network.requests else None

    def result(self) -> object:
        """Return the last output.

        Raises:
            QwenGradioError: the job failed; the exception is mapped to one of ours.
        """
        if self.state is SubmissionState.INHERITED:
            raise UsageError("this reply belongs to the process before a fork; ask again in this one")
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
        """Whether more than gradio_client's httpx was replaced."""
        return bool(self._session.hooks - {Hook.NETWORK})

    @property
    def is_refused(self) -> bool:
        """Whether the Space refused the join with an HTTP error, so that it doesn't work on the question."""
        network = self._session.network
        error = network.first_error if network is not None else None
        status = error.status_code if error is not None else 0
        is_of_join = network is not None and network.responses == 1  # a later error is the stream's
        return is_of_join and self.done() and status in HTTP_CLIENT_ERRORS and status not in TRANSIENT

    def cancel(self) -> None:
        """Cancel it, here and on the Space. May be called again, from any thread, and after its end."""
        if self.state is not SubmissionState.RUNNING or self.done():
            return
        self._state = SubmissionState.CANCELLED
        network = self._session.network
        is_aborted = network.cancel() if network is not None else False
        if sys.is_finalizing():  # a thread would never start, and starting it would wait for it
            return
        with contextlib.suppress(RuntimeError):  # no thread is left
            cancelling = self._threads.submit(self._ensure_cancelled, is_aborted)
            self.cancelling = None if is_aborted else cancelling

    def _ensure_cancelled(self, is_aborted: bool) -> None:
        """Cancel the job by gradio_client's means, unless aborting its stream ends it.

        `Job.cancel` waits for the job's lock and posts under it. Before the join is answered it has no effect.
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
        for _ in range(2):  # the first has no effect on a question that is just being started
            with contextlib.suppress(Exception):
                self.job.cancel()
            if self._ended.wait(END_TIMEOUT):
                return

    def _wait_for_join(self) -> None:
        waited = 0.0
        while waited < JOIN_TIMEOUT and not self._ended.wait(POLL_INTERVAL):
            answered = self._is_join_answered()
            if answered is None:
                answered = _code(self._job_status()) not in ("", "STARTING")
            if answered:
                return
            waited += POLL_INTERVAL


def _set(ended: threading.Event, _: Future[Any]) -> None:
    """Note a job's end. The job keeps its callbacks, so they hold neither it nor its submission."""
    ended.set()


def _code(status: Any) -> str:
    """Return the name of a status's code; `""` for none."""
    return str(getattr(getattr(status, "code", None), "name", ""))


def _number(status: Any, name: str) -> Any:
    value = getattr(status, name, None)
    return value if isinstance(value, int | float) else None


async def updates(submission: Submission, news: ThreadsafeEvent) -> AsyncGenerator[QueueStatus | Output, None]:
    """Follow a job: its place in the queue until the first output, then each new output, the last one last.

    A slow reader gets newer outputs, not a growing queue of old ones. `done` is read before the outputs are received:
    the other way round, one that comes between the two would be lost.

    Args:
        submission: the job.
        news: set when there is news of it.

    Raises:
        QwenGradioError: the job failed; only `result` tells.
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
            await news.wait(submission.look_interval)
    yield Output(submission.result(), last=True)

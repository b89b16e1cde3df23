"""A gradio_client Job -> an async generator of its updates, with anyio."""

from __future__ import annotations

import contextlib
import enum
import functools
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import ConnectionLost, QueueFull, RateLimited
from .errors import job_error
from .hooks import Hook
from .threads import DaemonThreadExecutor, ThreadsafeEvent, Watch

if TYPE_CHECKING:
    from .client import Session, SpaceClient

logger = logging.getLogger("qwen_gradio")

# Seconds between looks: where outputs don't notify, where none has come that could have, and once one has.
POLL_INTERVAL, UNPROVEN_INTERVAL, FALLBACK_INTERVAL = 0.02, 0.25, 1.0
JOIN_TIMEOUT = 10.0  # seconds in which a cancelled question should have been taken, so that it can be taken back
CANCEL_TIMEOUT = 2.0  # seconds for which the Space's answer to being cancelled is waited for
END_TIMEOUT = 0.5  # seconds in which a job ends whose stream was aborted

HTTP_CLIENT_ERRORS = range(400, 500)
TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)  # of these, the same question may be taken later

Stage: TypeAlias = Literal["joining", "joined", "queued", "started"]
_WAITING = ("STARTING", "JOINING_QUEUE", "SENDING_DATA")  # gradio_client.utils.Status
_QUEUED = ("IN_QUEUE", "QUEUE_FULL")


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Where a question stands before it is answered: its place in the queue from 0, how many wait, seconds to go."""

    stage: Stage
    rank: int | None = None
    size: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What the endpoint shows now, whole; `last` once the job is done."""

    value: object
    last: bool = False


class SubmissionState(enum.Enum):
    """Whether a submission was cancelled; only a RUNNING one can be."""

    RUNNING = enum.auto()
    CANCELLED = enum.auto()


class Submission:
    """A question that was submitted. No method blocks, `result` not once `done`.

    Args:
        client: the session's client.
        job: gradio_client's.
        threads: run what blocks.
        on_failure: called if it fails, other than by there being too many questions.
    """

    def __init__(
        self, client: SpaceClient, job: Any, threads: DaemonThreadExecutor, on_failure: Callable[[], None]
    ) -> None:
        self.job = job
        self.state = SubmissionState.RUNNING
        self._client = client  # which its endpoints hold weakly
        self._session: Session = client.qwen_gradio
        self._threads = threads
        self._on_failure = on_failure
        self._taken = 0
        self._newest: object = None
        self._outputs_are_kept: bool | None = None  # until an output has come
        self._ended = threading.Event()
        self._is_done: Callable[[], bool] = self._ended.is_set
        try:
            job.add_done_callback(functools.partial(_set, self._ended))
        except Exception:
            logger.debug("a job that doesn't tell of its end", exc_info=True)
            self._is_done = job.done

    def done(self) -> bool:
        """Whether it has ended; look here before `receive_nowait`, or an output that comes in between is missed."""
        return self._is_done()

    @property
    def look_interval(self) -> float:
        """How long to wait for a notification before looking without one, in seconds."""
        if self._is_direct():
            return FALLBACK_INTERVAL
        return POLL_INTERVAL if self._taken or self._session.outputs is None else UNPROVEN_INTERVAL

    def receive_nowait(self) -> object:
        """Give the next output that was not taken yet; None if there is none."""
        kept = self._session.outputs
        outputs: Any = kept if self._is_direct() else self._outputs()
        if kept is not None and outputs is kept and kept.is_used:
            output: object = kept.receive_nowait()
            return output
        if len(outputs) > self._taken:
            self._newest = outputs[self._taken]
            self._taken += 1
        elif outputs and outputs[-1] != self._newest:  # where only the newest is kept
            self._newest = outputs[-1]
        else:
            return None
        if self._session.network is not None:
            self._session.network.has_progressed()
        return self._newest

    def _is_direct(self) -> bool:
        """Whether what is appended to the client's own outputs is what the job gives for its outputs."""
        kept = self._session.outputs
        if self._outputs_are_kept is None and kept is not None and kept.is_used:
            self._outputs_are_kept = self._outputs() is kept
        return bool(self._outputs_are_kept)

    def _outputs(self) -> Any:
        """The job's outputs; none where gradio_client can't tell, or holds the job's lock to cancel it."""
        if self.state is SubmissionState.CANCELLED:
            return ()
        try:
            return self.job.outputs()
        except Exception:
            logger.debug("outputs that gradio_client can't tell", exc_info=True)
            return ()

    def status(self) -> QueueStatus:
        """Say where it stands."""
        updates = self._session.updates
        if updates is not None and updates.status is not None:
            status = updates.status
        else:
            status = None if self.state is SubmissionState.CANCELLED else self._status()
        name = getattr(getattr(status, "code", None), "name", "")
        if name in _WAITING:
            return QueueStatus("joined" if self._has_joined() else "joining")
        if name in _QUEUED:
            return QueueStatus("queued", *(_number(status, field) for field in ("rank", "queue_size", "eta")))
        return QueueStatus("started")

    def _status(self) -> Any:
        try:
            return self.job.status()
        except Exception:
            logger.debug("a status that gradio_client can't tell", exc_info=True)
            return None

    def _has_joined(self) -> bool:
        """Whether the Space took the question; True where its answers aren't seen."""
        network = self._session.network
        return network is None or network.responses > 0 or not network.requests

    def result(self) -> object:
        """Give the last output.

        Raises:
            QwenGradioError: what the job raised, as one of ours.
        """
        failure = self.job.exception()
        if failure is None:
            return self.job.result()
        if self.state is SubmissionState.CANCELLED:
            raise ConnectionLost("the connection ended before the reply was whole (closed from this side)") from failure
        network, threads = self._session.network, self._session.executor
        lost_by = threads.failure if threads is not None else None
        cause = (network.failure if network is not None else None) or lost_by
        error = job_error(failure, network, lost_by)
        if not isinstance(error, RateLimited | QueueFull):
            self._on_failure()
        raise error from (cause or failure)

    @property
    def uses_hooks(self) -> bool:
        """Whether gradio_client was helped with more than where its requests go."""
        return bool(self._session.hooks - {Hook.NETWORK})

    @property
    def is_refused(self) -> bool:
        """Whether the Space refused the question, as something about it was wrong, and so has not taken it."""
        network = self._session.network
        error = network.first_error if network is not None else None
        status = error.status_code if error is not None else 0
        is_the_first = network is not None and network.responses == 1  # an error of the stream comes after it was taken
        return is_the_first and self.done() and status in HTTP_CLIENT_ERRORS and status not in TRANSIENT

    def cancel(self) -> None:
        """End it, here and on the Space. May be called again, from any thread, and after its end."""
        if self.state is not SubmissionState.RUNNING or self.done():
            return
        self.state = SubmissionState.CANCELLED
        network = self._session.network
        is_aborted = network.cancel() if network is not None else False
        if not sys.is_finalizing():  # else a thread would be waited for that never starts
            with contextlib.suppress(RuntimeError):  # there are too many
                self._threads.submit(self._make_sure, is_aborted)

    def _make_sure(self, is_aborted: bool) -> None:
        """End the job where aborting its stream doesn't, or can't.

        `Job.cancel` waits for the job's lock and posts under it. Before the question was taken it comes to nothing.
        """
        network = self._session.network
        if not is_aborted and not self._ended.is_set():
            self._wait_for_join()
        if network is not None and network.requests and self._ended.wait(END_TIMEOUT):
            return
        if self._ended.is_set():
            return
        if self._session.executor is not None:
            self._session.executor.start_poller()
        kwargs = getattr(self._client, "httpx_kwargs", None)
        if isinstance(kwargs, dict):
            kwargs["timeout"] = CANCEL_TIMEOUT  # the Space may answer once its step is done, or not at all
        for _ in range(2):  # a question that is just being begun is missed the first time
            with contextlib.suppress(Exception):
                self.job.cancel()
            time.sleep(END_TIMEOUT)
        if not self._ended.is_set() and network is not None:
            network.abort()

    def _wait_for_join(self) -> None:
        waited = 0.0
        while waited < JOIN_TIMEOUT and not self._ended.wait(POLL_INTERVAL):
            if self._is_known():
                return
            waited += POLL_INTERVAL

    def _is_known(self) -> bool:
        """Whether the Space is known to have taken the question."""
        network = self._session.network
        if network is not None and network.requests:
            return network.responses > 0
        return getattr(getattr(self._status(), "code", None), "name", "STARTING") != "STARTING"


def _set(ended: threading.Event, _: Future[Any]) -> None:
    """Note a job's end. The job keeps its callbacks, so they hold neither it nor its submission."""
    ended.set()


def _number(status: Any, name: str) -> Any:
    value = getattr(status, name, None)
    return value if isinstance(value, int | float) else None


async def updates(
    submission: Submission, news: ThreadsafeEvent, watch: Watch
) -> AsyncGenerator[QueueStatus | Output, None]:
    """Follow a job: where it stands until the first output, then each new output, the last one last.

    A slow reader gets newer outputs, not a growing queue of old ones. `done` is read before the outputs are taken:
    the other way round, one that comes between the two would be lost.

    Args:
        submission: the job.
        news: set when there is news.
        watch: how long to wait for news.

    Raises:
        Overdue: none came.
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
            await news.wait_for(watch, submission.look_interval)
    yield Output(submission.result(), last=True)

"""ClientSession: one session on a Space, in which one function after another is called through one client.

Up to gradio_client 2.0.3 a client opens no stream while an earlier one is open, and a second client in the session
would compete for the server's one queue. So a call waits until the stream before it has ended.
"""

from __future__ import annotations

import contextlib
import contextvars
import enum
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ..errors import QwenGradioError, UsageError
from .client import SpaceClient, release
from .errors import refused_error
from .files import CallFiles
from .job import END_TIMEOUT, Submission
from .network import DRAIN_TIMEOUT
from .threads import DaemonThreadExecutor


class SessionState(enum.Enum):
    """The state of a session: NEW -> USED at its first call, either -> CLOSED."""

    NEW = enum.auto()
    USED = enum.auto()
    CLOSED = enum.auto()


class ClientSession:
    """A session on a Space.

    Args:
        client: its client.
        threads: runs the calls that block.
        on_submit: called with each submission.
        on_failure: called if a call fails; see `Submission`.
        max_file_size: the maximum size of a file, in bytes, as the Space publishes it; any other value for none.

    Attributes:
        state: the state of the session.
    """

    def __init__(
        self,
        client: SpaceClient,
        *,
        threads: DaemonThreadExecutor,
        on_submit: Callable[[Submission], object],
        on_failure: Callable[[], None],
        max_file_size: object = None,
    ) -> None:
        self.state = SessionState.NEW
        self._max_file_size = max_file_size
        self._client = client
        self._threads = threads
        self._on_submit = on_submit
        self._on_failure = on_failure
        self._submission: Submission | None = None
        self._lock = threading.RLock()  # reentrant, as a reply's `__del__` may close it while this thread holds it

    def __repr__(self) -> str:
        return f"<ClientSession {self.state.name.lower()}>"

    @property
    def blocks(self) -> bool:
        """True if `submit` may wait for the stream of an earlier call to end, and so must run in a thread."""
        return self.state is not SessionState.NEW

    def submit(
        self,
        function: str | int,
        arguments: Sequence[Any],
        notify: Callable[[], object],
        *,
        has_files: bool = False,
    ) -> Submission:
        """Call a function; the job's threads make its requests.

        Args:
            function: its name in the API, with the slash; or the id of its listener.
            arguments: its arguments, in order.
            has_files: True if there are `File`s among them, which are uploaded by the job.
            notify: called from other threads after each update of the job.

        Raises:
            UsageError: the session is closed.
            ProtocolError: gradio_client can't submit these arguments to this function.
            QwenGradioError: no thread can be started.
        """
        if self.state is SessionState.USED:
            self._client.qwen_gradio.wait_until_idle(DRAIN_TIMEOUT + END_TIMEOUT)
        with self._lock:
            if self.state is SessionState.CLOSED:
                raise UsageError("this session is closed")
            self.state = SessionState.USED
        self._client.qwen_gradio.begin(notify)
        target = {"api_name": function} if isinstance(function, str) else {"fn_index": function}
        files = CallFiles(self._max_file_size)
        try:
            sent = files.replace(arguments) if has_files else arguments
            job = _context().run(self._client.submit, *sent, **target)
        except QwenGradioError:  # no thread could be started, or a file is invalid
            files.close()
            raise
        except Exception as exc:
            files.close()
            raise refused_error(exc) from exc
        self._submission = Submission(self._client, job, self._threads, self._on_failure)
        self._on_submit(self._submission)
        with contextlib.suppress(Exception):  # without a notification, the job is polled
            job.add_done_callback(_DoneCallback(self, self._client, files, notify))
        return self._submission

    def close(self) -> None:
        """End the session: no other call follows. Cancels nothing; its threads end with the call that runs."""
        with self._lock:
            self.state = SessionState.CLOSED
        if self._submission is None or self._submission.done():
            release(self._client)

    def __del__(self) -> None:
        if not sys.is_finalizing() and self.state is not SessionState.CLOSED:
            self.close()


def _context() -> contextvars.Context:
    """Copy the context, without sniffio's entry for trio: gradio_client runs its job's thread in the copy."""
    context = contextvars.copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        context.run(sniffio.current_async_library_cvar.set, None)
    return context


class _DoneCallback:
    """The done callback of a job. It holds no reference to the job: the job holds its callbacks."""

    def __init__(
        self, session: ClientSession, client: SpaceClient, files: CallFiles, notify: Callable[[], object]
    ) -> None:
        self._session = weakref.ref(session)  # which holds the job
        self._client = client
        self._files = files
        self._notify = notify

    def __call__(self, _: Future[Any]) -> None:
        self._files.close()
        self._notify()
        session = self._session()
        if session is None or session.state is SessionState.CLOSED:
            release(self._client)

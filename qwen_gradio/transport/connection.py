"""Connection: a Space's description and pool, over which questions are submitted, each in a session of its own.

The server cancels by (session, function): cancelling one reply would end its siblings in the same session. Nothing here
touches an event loop; methods that block say so.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

from ..errors import InvalidOption, QwenGradioError, UsageError
from .access import Access
from .client import Description, Session, SpaceClient, available_hooks, describe, privacy_gaps, release
from .errors import connect_error, refused_error
from .hooks import Hook
from .job import Submission
from .network import Network
from .pool import Pool
from .threads import DaemonThreadExecutor

logger = logging.getLogger("qwen_gradio")

CLOSE_TIMEOUT = 1.0  # seconds for the Space to learn of cancelled questions that it has just been sent
ABORT_TIMEOUT = 0.1  # seconds for threads to notice that their sockets were shut down
DESCRIPTION_LIFETIME = 300.0  # seconds for which a Space's description is kept: it may be rebuilt meanwhile


class _Descriptions:
    """The descriptions of Spaces, kept for `DESCRIPTION_LIFETIME`."""

    def __init__(self) -> None:
        self._kept: dict[Access, tuple[Description, float]] = {}
        self._lock = threading.Lock()

    def get(self, access: Access) -> tuple[Description, float] | None:
        """Return a description, and the `time.monotonic` until which it is kept; None if there is none."""
        now = time.monotonic()
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > now}
            return self._kept.get(access)

    def put(self, access: Access, description: Description, until: float) -> None:
        """Keep a description."""
        with self._lock:
            self._kept[access] = (description, until)

    def drop(self, access: Access) -> None:
        """Forget one, if there is one."""
        with self._lock:
            self._kept.pop(access, None)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()

    def renew_lock(self) -> None:
        """Replace the lock in a forked child, where a thread that isn't there may hold it."""
        self._lock = threading.Lock()


descriptions = _Descriptions()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=descriptions.renew_lock)


class Connection:
    """A Space that was connected to. Making one blocks for two requests.

    Args:
        access: how the Space is reached.
        reuse: whether a description of the last minutes will do, without a request.
        on_abort: a list to which a function is added that makes this fail at once, from any thread.

    Attributes:
        config: the Space's `/config`.
        info: its API description.
        hooks: the parts of gradio_client that are replaced.
        blocks: whether `submit` makes requests of its own, and so must run in a thread.

    Raises:
        InvalidOption: credentials or a proxy were given that can't be kept private with the installed gradio_client, or
            the environment's proxy or certificates can't be used.
        QwenGradioError: the Space can't be reached, or is no Gradio app.
    """

    def __init__(
        self, access: Access, *, reuse: bool = False, on_abort: list[Callable[[], None]] | None = None
    ) -> None:
        gaps = privacy_gaps(access)
        if gaps:
            raise InvalidOption(
                f"token, auth, headers and proxy can't be kept to this Space with gradio_client "
                f"{gradio_client.__version__}, which lacks {', '.join(gaps)}; use another version, or leave them out"
            )
        self.hooks = available_hooks()
        self._access = access
        self._pool = Pool(access.url, proxy=access.proxy, timeout=access.timeout, headers=access.headers)
        if on_abort is not None:
            on_abort.append(self._pool.abort)
        self._threads = DaemonThreadExecutor()
        self._lock = threading.Lock()
        self._submissions: weakref.WeakSet[Submission] = weakref.WeakSet()
        try:
            self._describe(*((descriptions.get(access) if reuse else None) or (Description(), 0.0)))
        except BaseException:
            self._pool.close()
            raise
        self._log_hooks()

    def _log_hooks(self) -> None:
        missing = frozenset(Hook) - self.hooks
        lost = f"; lost: {', '.join(sorted(hook.value for hook in missing))}" if missing else ""
        logger.info("gradio_client %s, %d of %d hooks%s", gradio_client.__version__, len(self.hooks), len(Hook), lost)

    def __repr__(self) -> str:
        return f"<Connection to {self._pool.host}: {self._pool.state.name.lower()}>"

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was made in this process, and not before a fork; otherwise it can't be used."""
        return self._pool.is_of_this_process

    def refresh(self) -> None:
        """Fetch the Space's description anew. Blocks.

        Raises:
            QwenGradioError: the Space can't be reached, or is no Gradio app; the description stays as it was.
        """
        self._describe(Description(), 0.0)

    def _describe(self, description: Description, until: float) -> None:
        timeout = self._access.timeout
        network = self._network(deadline=None if timeout is None else time.monotonic() + timeout)
        try:
            client = self._client(network=network, description=description)
            try:
                config, info = describe(client)
            finally:
                release(client)
            blocks = not self._is_offline(description)
        except QwenGradioError:
            raise
        except Exception as exc:
            raise connect_error(exc, network, description.gradio) from exc
        if network is None or network.requests:
            until = time.monotonic() + DESCRIPTION_LIFETIME
        self.config: Mapping[str, Any] = config
        self.info: Mapping[str, Any] = info
        self.blocks, self._description, self._until = blocks, description, until
        descriptions.put(self._access, description, until)

    def _is_offline(self, description: Description) -> bool:
        """Whether another session's client needs no request; making one shows it."""
        network = self._network()
        if network is None or Hook.DESCRIPTION not in self.hooks or not description.results:
            return False
        release(self._client(network=network, description=description))
        return not network.requests

    def _network(self, **options: Any) -> Network | None:
        return Network(self._pool, **options) if Hook.NETWORK in self.hooks else None

    def _client(self, **options: Any) -> SpaceClient:
        return SpaceClient(Session(self._access, **{"threads": self._threads, "hooks": self.hooks, **options}))

    @property
    def is_stale(self) -> bool:
        """Whether to `refresh` before the next question, as the Space may have been rebuilt."""
        return time.monotonic() >= self._until or descriptions.get(self._access) is None

    def submit(
        self,
        session: str,
        api_name: str,
        arguments: Sequence[Any],
        notify: Callable[[], object],
        *,
        use_hooks: bool = True,
    ) -> Submission:
        """Submit a question in a session of its own; a job's threads make its requests.

        It blocks for requests of its own where `blocks` is true, and without the hooks.

        Args:
            session: the session's name.
            api_name: the endpoint's, with the slash.
            arguments: the endpoint's inputs, in order.
            notify: called from other threads whenever there is news.
            use_hooks: whether more of gradio_client than its httpx is replaced.

        Raises:
            UsageError: this connection was made before a fork, in another process.
            ProtocolError: gradio_client refuses to submit this to this Space.
            QwenGradioError: the Space could not be connected to again.
        """
        if not self.is_of_this_process:
            raise UsageError("this connection belongs to the process before a fork; make another in this one")
        client = self._session_client(session, notify, self.hooks if use_hooks else self.hooks & {Hook.NETWORK})
        try:
            job = _context().run(client.submit, *arguments, api_name=api_name)
        except QwenGradioError:  # no thread could be started
            release(client)
            raise
        except Exception as exc:
            release(client)
            raise refused_error(exc) from exc
        submission = Submission(client, job, self._threads, self._forget)
        with self._lock:
            self._submissions.add(submission)
        with contextlib.suppress(Exception):  # without a notification, the job is polled
            job.add_done_callback(_Ended(client, notify))
        return submission

    def _session_client(self, name: str, notify: Callable[[], object], hooks: frozenset[Hook]) -> SpaceClient:
        network = self._network(notify=notify)

        def notify_of_update() -> None:
            if network is not None:
                network.record_update()
            notify()

        options = {"network": network, "description": self._description, "hooks": hooks}
        try:
            client = self._client(**options, name=name, notify=notify_of_update)
        except QwenGradioError:
            raise
        except Exception as exc:
            raise connect_error(exc, network) from exc
        if network is not None:
            network.begin()
        return client

    def disable_hooks(self) -> None:
        """Leave all but the httpx to gradio_client from now on, as the Space refused a question.

        A Space may require something of a session that a replaced part doesn't do, a heartbeat say.
        """
        logger.info("a question was refused: gradio_client's own parts are used from now on, but for its httpx")
        self.hooks &= {Hook.NETWORK}
        self.blocks = True

    def _forget(self) -> None:
        """Forget the Space's description: a question failed, and the Space may have been rebuilt."""
        descriptions.drop(self._access)

    def close(self) -> None:
        """Cancel every reply and close the pool. Blocks; may be called again, and from several threads.

        It waits for one thing only, `CLOSE_TIMEOUT` at the most: that the Space learns of questions that it was just
        sent, or it would work on them to their end. After a fork it does nothing in the child.
        """
        if not self.is_of_this_process:
            return
        with self._lock:
            submissions = list(self._submissions)
        for submission in submissions:
            submission.cancel()
        wait([one.cancelling for one in submissions if one.cancelling is not None], timeout=CLOSE_TIMEOUT)
        self._pool.abort()
        wait(set(self._threads.running), timeout=ABORT_TIMEOUT)
        self._pool.close()


def _context() -> contextvars.Context:
    """Copy the context, less sniffio's mark of trio: gradio_client runs its job's thread in the copy."""
    context = contextvars.copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        context.run(sniffio.current_async_library_cvar.set, None)
    return context


class _Ended:
    """The callback of a job's end. It holds no job, which would keep itself alive."""

    def __init__(self, client: SpaceClient, notify: Callable[[], object]) -> None:
        self._client = client
        self._notify = notify

    def __call__(self, _: Future[Any]) -> None:
        self._notify()
        release(self._client)

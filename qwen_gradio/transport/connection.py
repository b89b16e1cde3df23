"""A Space that has been connected to, and the questions that are submitted to it, each in a session of its own.

The server cancels by (session, function): ending one reply would end its siblings in the same session. Nothing here
touches an event loop; what blocks says so.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

from ..errors import InvalidOption
from .access import Access
from .client import Description, Session, SpaceClient, described, found_hooks, privacy_gaps, release
from .errors import connect_error, refused_error
from .hooks import Hook
from .job import Submission
from .network import Network
from .pool import Pool
from .threads import DaemonThreadExecutor

logger = logging.getLogger("qwen_gradio")

CLOSE_TIMEOUT = 1.0  # seconds that closing waits for requests that are still out, before it aborts them
DESCRIPTION_LIFETIME = 300.0  # seconds for which a Space's description is kept: it may have been rebuilt since


class _Descriptions:
    """What was learned of Spaces, for some minutes."""

    def __init__(self) -> None:
        self._kept: dict[Access, tuple[Description, float]] = {}
        self._lock = threading.Lock()

    def get(self, access: Access) -> tuple[Description, float] | None:
        """Give a description, and the `time.monotonic` until which it is kept; None if there is none."""
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


descriptions = _Descriptions()


class Connection:
    """A Space that has been connected to.

    Making one blocks, as it makes two requests.

    Args:
        access: how the Space is reached.
        reuse: whether what was learned of the Space in the last minutes will do, without a request.
        on_abort: gets a function that makes this fail at once, to be called from another thread.

    Attributes:
        config: its `/config`.
        info: its API description.
        hooks: what helps gradio_client along here.
        blocks: whether `submit` makes requests of its own, and so must run in a thread.

    Raises:
        InvalidOption: a token or a proxy was given, which can't be kept private with the installed gradio_client.
        QwenGradioError: it can't be reached, or is no Gradio app.
    """

    def __init__(
        self, access: Access, *, reuse: bool = False, on_abort: list[Callable[[], None]] | None = None
    ) -> None:
        gaps = privacy_gaps(access)
        if gaps:
            raise InvalidOption(
                f"token, auth and proxy can't be kept to this Space with gradio_client {gradio_client.__version__}, "
                f"which lacks {', '.join(gaps)}; use another version of it, or leave them out"
            )
        self.hooks = found_hooks()
        self._access = access
        self._pool = Pool(access.url, proxy=access.proxy, timeout=access.timeout)
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
        missing = frozenset(Hook) - self.hooks
        lost = f"; lost: {', '.join(sorted(hook.value for hook in missing))}" if missing else ""
        logger.info("gradio_client %s, %d of %d hooks%s", gradio_client.__version__, len(self.hooks), len(Hook), lost)

    def refresh(self) -> None:
        """Have the Space describe itself anew. Blocks.

        Raises:
            QwenGradioError: it can't be reached, or is no Gradio app; what was known of it stays.
        """
        self._describe(Description(), 0.0)

    def _describe(self, description: Description, until: float) -> None:
        network = self._network(deadline=time.monotonic() + (self._access.timeout or DESCRIPTION_LIFETIME))
        try:
            client = self._client(network=network, description=description)
            try:
                config, info = described(client)
            finally:
                release(client)
            blocks = not self._is_offline(description)
        except Exception as exc:
            raise connect_error(exc, network, description.gradio) from exc
        if network is None or network.requests:
            until = time.monotonic() + DESCRIPTION_LIFETIME
        self.config: Mapping[str, Any] = config
        self.info: Mapping[str, Any] = info
        self.blocks, self._description, self._until = blocks, description, until
        descriptions.put(self._access, description, until)

    def _is_offline(self, description: Description) -> bool:
        """Whether another session's client makes no request, which its making shows."""
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
        """Whether to `refresh` before the next question: the Space may have been rebuilt since."""
        kept = descriptions.get(self._access)
        return time.monotonic() >= self._until or kept is None

    def submit(
        self,
        session: str,
        api_name: str,
        arguments: Sequence[Any],
        notify: Callable[[], None],
        *,
        use_hooks: bool = True,
    ) -> Submission:
        """Submit a question in a session of its own.

        It blocks for requests of its own where `blocks` says so, or it isn't helped; a job's threads make the job's.

        Args:
            session: the session's name.
            api_name: the endpoint's, with the slash.
            arguments: what it is called with, in order.
            notify: called from other threads whenever there is news.
            use_hooks: whether gradio_client is helped with more than where its requests go.

        Raises:
            ProtocolError: gradio_client can't ask this Space so.
            QwenGradioError: the Space could not be connected to again.
        """
        network = self._network(notify=notify)

        def has_progressed() -> None:
            if network is not None:
                network.has_progressed()
            notify()

        hooks = self.hooks if use_hooks else self.hooks & {Hook.NETWORK}
        try:
            client = self._client(
                network=network, description=self._description, hooks=hooks, name=session, notify=has_progressed
            )
        except Exception as exc:
            raise connect_error(exc, network) from exc
        if network is not None:
            network.begin()
        try:
            job = _context().run(client.submit, *arguments, api_name=api_name)
        except Exception as exc:
            release(client)
            raise refused_error(exc) from exc
        submission = Submission(client, job, self._threads, self._forget)
        with self._lock:
            self._submissions.add(submission)
        with contextlib.suppress(Exception):  # the job is looked at too
            job.add_done_callback(_Ended(client, notify))
        return submission

    def disable_hooks(self) -> None:
        """Let gradio_client do all as it does, but for where its requests go, as a question was refused.

        A Space may want something of a session that a helped one doesn't do, a heartbeat say.
        """
        logger.info("a question was refused: gradio_client is not helped any more, but for where its requests go")
        self.hooks &= {Hook.NETWORK}
        self.blocks = True

    def _forget(self) -> None:
        """Forget the Space's description, as a question failed and the Space may have been rebuilt."""
        descriptions.drop(self._access)

    def close(self) -> None:
        """Cancel every reply, wait for the threads to see it, abort those that don't, and close the pool. Blocks."""
        with self._lock:
            submissions = list(self._submissions)
        for submission in submissions:
            submission.cancel()
        wait(set(self._threads.running), timeout=CLOSE_TIMEOUT)
        self._pool.close()


def _context() -> contextvars.Context:
    """Copy the context, less what tells httpx that trio runs: gradio_client takes it along into its job's thread."""
    context = contextvars.copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        context.run(sniffio.current_async_library_cvar.set, None)
    return context


class _Ended:
    """Called at a job's end, by the thread that ended it. It holds no job, so that none is kept alive by itself."""

    def __init__(self, client: SpaceClient, notify: Callable[[], None]) -> None:
        self._client = client
        self._notify = notify

    def __call__(self, _: Future[Any]) -> None:
        self._notify()
        release(self._client)

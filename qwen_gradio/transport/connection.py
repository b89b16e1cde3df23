"""Connection: a Space's description and pool, over which sessions are opened.

The server cancels by (session, function), so cancelling one reply would end all others of the same session. Nothing
here uses an event loop; the docstring of a method that blocks ends in "Blocks."
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

from ..errors import InvalidOption, NeedsAuthentication, QwenGradioError, UsageError
from .access import Access
from .client import (
    Description,
    Session,
    SpaceClient,
    available_hooks,
    describe,
    privacy_gaps,
    release,
    requires_oauth_token,
)
from .errors import connect_error
from .hooks import Hook
from .job import Submission
from .network import Network
from .pool import Pool
from .session import ClientSession
from .threads import DaemonThreadExecutor

logger = logging.getLogger("qwen_gradio")

CLOSE_TIMEOUT = 1.0  # seconds for cancelling questions whose joins aren't answered yet
ABORT_TIMEOUT = 0.1  # seconds for threads to notice that their sockets were shut down
DESCRIPTION_LIFETIME = 300.0  # seconds for which a Space's description is kept: the Space may be rebuilt later


class _Descriptions:
    """The descriptions of Spaces, kept for `DESCRIPTION_LIFETIME`."""

    def __init__(self) -> None:
        self._kept: dict[Access, tuple[Description, float]] = {}
        self._lock = threading.Lock()

    def get(self, access: Access) -> tuple[Description, float] | None:
        """Return a Space's description and the `time.monotonic` at which it expires; None if there is none."""
        now = time.monotonic()
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > now}
            return self._kept.get(access)

    def put(self, access: Access, description: Description, until: float) -> None:
        """Keep a Space's description until a `time.monotonic`."""
        with self._lock:
            self._kept[access] = (description, until)

    def drop(self, access: Access) -> None:
        """Remove a Space's description, if there is one."""
        with self._lock:
            self._kept.pop(access, None)

    def clear(self) -> None:
        """Remove all descriptions."""
        with self._lock:
            self._kept.clear()

    def renew_lock(self) -> None:
        """Replace the lock in a forked child: a thread of the parent may have held it at the fork."""
        self._lock = threading.Lock()


descriptions = _Descriptions()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=descriptions.renew_lock)


class Connection:
    """A connection to a Space. The constructor blocks for two requests.

    Args:
        access: the Space's URL, and the credentials for it.
        reuse: True to use a description younger than `DESCRIPTION_LIFETIME`, if there is one, without a request.
        on_abort: a list to which a function is added; called from any thread, it makes the constructor fail at once.

    Attributes:
        config: the Space's `/config`.
        info: its API description.
        hooks: the parts of gradio_client that are replaced.
        blocks: True if `open_session` makes requests of its own, and so must run in a thread.

    Raises:
        InvalidOption: the installed gradio_client can't keep the credentials or the proxy private, or the environment's
            proxy or certificates can't be used.
        QwenGradioError: the Space can't be reached, or is no Gradio app.
    """

    def __init__(
        self, access: Access, *, reuse: bool = False, on_abort: list[Callable[[], None]] | None = None
    ) -> None:
        gaps = privacy_gaps(access)
        if gaps:
            raise InvalidOption(
                f"token, oauth_token, auth, headers and proxy can't be kept to this Space with gradio_client "
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
        self._sessions: weakref.WeakSet[ClientSession] = weakref.WeakSet()
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
        """True if it was made in this process, not before a fork; otherwise it can't be used."""
        return self._pool.is_of_this_process

    def refresh(self) -> None:
        """Fetch the Space's description anew; its API only if the app was started anew. Blocks.

        Raises:
            QwenGradioError: the Space can't be reached, or is no Gradio app; the description stays as it was.
        """
        self._describe(Description(self._description.results), 0.0)

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
        """Return True if a client for another session needs no request; one is made to find out."""
        network = self._network()
        if network is None or Hook.DESCRIPTION not in self.hooks or not description.results:
            return False
        release(self._client(network=network, description=description))
        return not network.requests

    def _network(self, **options: Any) -> Network | None:
        return Network(self._pool, **options) if Hook.NETWORK in self.hooks else None

    def _client(self, **options: Any) -> SpaceClient:
        return SpaceClient(Session(self._access, **{"threads": self._threads, "hooks": self.hooks, **options}))

    def expire(self) -> None:
        """Make `refresh` due."""
        self._until = 0.0

    @property
    def is_stale(self) -> bool:
        """True if `refresh` is due before the next question, as the Space may have been rebuilt."""
        return time.monotonic() >= self._until or descriptions.get(self._access) is None

    def open_session(self, name: str, *, use_hooks: bool = True) -> ClientSession:
        """Open a session on the Space. Blocks for requests of its own if `blocks` is true or `use_hooks` is false.

        Args:
            name: the session's name.
            use_hooks: False to replace no part of gradio_client but its httpx.

        Raises:
            UsageError: this connection was made before a fork, in another process.
            QwenGradioError: the Space can't be reached again.
        """
        if not self.is_of_this_process:
            raise UsageError("this connection was made before a fork, in another process; make one in this process")
        client = self._session_client(name, self.hooks if use_hooks else self.hooks & {Hook.NETWORK})
        session = ClientSession(
            client,
            threads=self._threads,
            on_submit=self._record_submission,
            on_failure=self._drop_description,
            max_file_size=self.config.get("max_file_size"),
        )
        with self._lock:
            self._sessions.add(session)
        return session

    def check_oauth_token(self, api_name: str) -> None:
        """Check that there is a token of an account, if a function requires one.

        Args:
            api_name: the function's name, with the slash.

        Raises:
            NeedsAuthentication: the function requires `oauth_token`, and there is none.
        """
        has_token = self._access.oauth_token or self._access.may_be_logged_in
        if not has_token and requires_oauth_token(self.info, api_name):
            error = NeedsAuthentication(f"its {api_name} acts in the name of a Hugging Face account, and requires one")
            error.advice = "Pass a token of the account as oauth_token="
            raise error

    def _record_submission(self, submission: Submission) -> None:
        with self._lock:
            self._submissions.add(submission)

    def _session_client(self, name: str, hooks: frozenset[Hook]) -> SpaceClient:
        network = self._network()
        try:
            return self._client(network=network, description=self._description, hooks=hooks, name=name)
        except QwenGradioError:
            raise
        except Exception as exc:
            raise connect_error(exc, network) from exc

    def disable_hooks(self) -> None:
        """Disable all hooks but that of the network from now on, as the Space refused a question.

        A Space may require a part of gradio_client that a hook replaces or leaves out, for example the heartbeat.
        """
        logger.info("a question was refused: all hooks but that of the network are disabled from now on")
        self.hooks &= {Hook.NETWORK}
        self.blocks = True

    def _drop_description(self) -> None:
        """Remove the Space's description: a question failed, and the Space may have been rebuilt."""
        descriptions.drop(self._access)

    def close(self) -> None:
        """Cancel every reply and close the pool. May be called again, and from several threads. Blocks.

        Waits at most `CLOSE_TIMEOUT` until questions whose joins aren't answered yet are cancelled on the Space, which
        would otherwise run them to their end. Does nothing in a forked child.
        """
        if not self.is_of_this_process:
            return
        with self._lock:
            submissions, sessions = list(self._submissions), list(self._sessions)
        for session in sessions:
            session.close()
        for submission in submissions:
            submission.cancel()
        wait([one.cancelling for one in submissions if one.cancelling is not None], timeout=CLOSE_TIMEOUT)
        self._pool.abort()
        wait(set(self._threads.running), timeout=ABORT_TIMEOUT)
        self._pool.close()

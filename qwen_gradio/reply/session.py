"""Session: one session on a Space, in which a page's steps run, and one question after another is asked."""

from __future__ import annotations

import contextlib
import contextvars
import enum
import functools
import logging
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import anyio

from ..errors import AppRaised, QwenGradioError, SpaceError, UsageError
from ..space.recipe import Recipe
from ..space.session import PageSession, Step
from ..transport.threads import DaemonThreadExecutor, ThreadsafeEvent, wrap_future
from .deadlines import deadline, fail_at
from .events import Timeouts

if TYPE_CHECKING:  # at runtime this would import gradio_client, which takes a second
    from ..transport.connection import Connection
    from ..transport.job import Output, QueueStatus, Submission
    from ..transport.session import ClientSession

T = TypeVar("T")

logger = logging.getLogger("qwen_gradio")

AFTER_TIMEOUT = 60.0  # seconds for the steps after a reply, for which the next question waits
CHECK_INTERVAL = 5.0  # seconds after a reply in which an app isn't started anew, with the loss of its States

StepUpdate: TypeAlias = "tuple[Step, QueueStatus | Output]"


class SessionState(enum.Enum):
    """The state of a session: OPEN while a question is asked, AFTER while the steps after a reply run, IDLE, CLOSED."""

    OPEN = enum.auto()
    AFTER = enum.auto()
    IDLE = enum.auto()
    CLOSED = enum.auto()


class Session:
    """A session on a Space.

    Args:
        connection: the connection to the Space.
        client: the session on it.
        recipe: how the Space's page is asked.
        timeouts: the timeouts of a reply's events.

    Attributes:
        page: the values of the page's components, and the steps to run.
        submission: the latest call; None before the first.
        state: the state of the session.
    """

    def __init__(self, connection: Connection, client: ClientSession, recipe: Recipe, timeouts: Timeouts) -> None:
        self.page = PageSession(recipe)
        self.submission: Submission | None = None
        self.state = SessionState.OPEN
        self._connection = connection
        self._client = client
        self._timeouts = timeouts
        self._threads = DaemonThreadExecutor()
        self._after: Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Session {self.state.name}>"

    @property
    def _is_closed(self) -> bool:
        return self.state is SessionState.CLOSED

    def fits(self, connection: Connection, recipe: Recipe) -> bool:
        """Return True if it is one on this connection, and the app hasn't been started anew since it was opened."""
        is_open = self.state in (SessionState.AFTER, SessionState.IDLE)
        return is_open and connection is self._connection and recipe.page.app_id == self.page.recipe.page.app_id

    async def updates(self) -> AsyncGenerator[StepUpdate, None]:
        """Run the steps of the question that the page was asked, and yield the updates of each.

        A step in which the app raises an exception is followed by what the page runs then.

        Raises:
            QwenGradioError: a step failed, and none after it has answered.
        """
        failure: QwenGradioError | None = None  # the first, which may be the cause of later ones
        earlier: QwenGradioError | None = None  # the first of a step that the reply needn't depend on
        is_answered_since = False
        while (step := self.page.next_step()) is not None:
            try:
                async with contextlib.aclosing(self._run(step)) as updates:
                    async for update in updates:
                        yield step, update
            except QwenGradioError as exc:  # noqa: PERF203 - once per step
                self._go_on_after(step, exc)
                if step.leads:
                    failure, is_answered_since = failure or exc, False
                else:
                    earlier = earlier or exc
            else:
                is_answered_since = is_answered_since or step.answers
        if failure is not None and not (is_answered_since and self.page.is_answered):
            raise self._explained(failure, earlier)
        if earlier is not None and not self.page.is_answered:
            raise earlier

    async def _run(self, step: Step) -> AsyncGenerator[QueueStatus | Output, None]:
        from ..transport.job import Output, updates  # connecting has imported it; at the top it would take a second

        event = ThreadsafeEvent()
        submission = await self._submit(step, event)
        async with contextlib.aclosing(updates(submission, event)) as job_updates:
            async for update in job_updates:
                if isinstance(update, Output) and update.last:
                    self.page.succeed(step, update.value)
                yield update

    def _go_on_after(self, step: Step, exc: QwenGradioError) -> None:
        """Let the page go on after a step that failed.

        Raises:
            QwenGradioError: the exception, if the reply depends on the step and it is not the app's, or if the
                connection failed.
        """
        if not isinstance(exc, AppRaised if step.leads else SpaceError):
            raise exc
        if isinstance(exc, AppRaised) and not (step.leads and len(self.page.recipe.steps) == 1):
            exc.set_step(step.listener.name)
        self.page.fail(step)
        if not step.leads:
            logger.info("a step before the reply failed: %s", exc)

    def _explained(self, failure: QwenGradioError, earlier: QwenGradioError | None) -> QwenGradioError:
        """Name in an exception of the app what it may have missed: steps that its author hid, or that failed."""
        if isinstance(failure, AppRaised):
            reasons = [
                f"it may need {one.name}, of which its author allows no calls but the page's"
                for one in self.page.recipe.preparation.hidden
            ]
            if earlier is not None:
                reasons.append(f"a step before failed: {earlier.args[0]}")
            failure.add_reasons(reasons)
        return failure

    async def _submit(self, step: Step, event: ThreadsafeEvent) -> Submission:
        submit = functools.partial(self._submit_now, step, event.set)
        if not self._client.blocks and not step.has_files:
            return submit()
        return await _in_thread(submit, self._timeouts, abandoned=_cancel)

    def _submit_now(self, step: Step, notify: Callable[[], object]) -> Submission:
        if self._is_closed:
            raise UsageError("this reply was closed by another task")  # `Reply` catches it and ends
        self.submission = self._client.submit(step.listener.function, step.arguments, notify, has_files=step.has_files)
        if self._is_closed:  # meanwhile, by another thread
            self.submission.cancel()
        return self.submission

    def cancel(self) -> None:
        """Cancel the call that runs, and close the session."""
        self.state = SessionState.CLOSED
        if self.submission is not None:
            self.submission.cancel()
        self._client.close()

    # --- after a reply

    def finish(self, *, keep: bool) -> None:
        """Run the steps after the reply, in a thread.

        Args:
            keep: True to keep the session open for another question; False to close it then.
        """
        step = self.page.next_step_after()
        if step is not None:
            self.state = SessionState.AFTER
            run = functools.partial(self._run_after, step, keep=keep)
            with contextlib.suppress(QwenGradioError):  # no thread can be started
                self._after = self._threads.submit(contextvars.copy_context().run, run)
                return
        self._end(keep=keep)

    def _end(self, *, keep: bool) -> None:
        if self.state is SessionState.CLOSED:
            return
        self.state = SessionState.IDLE if keep else SessionState.CLOSED
        if not keep:
            self._client.close()

    def _run_after(self, first: Step, *, keep: bool) -> None:
        is_usable = False
        try:
            self._call_all(first)
            is_usable = True
        except QwenGradioError as exc:  # the session is closed, or the connection lost
            logger.info("the steps after the reply ended: %s", exc)
        finally:
            self._end(keep=keep and is_usable)

    def _call_all(self, first: Step) -> None:
        until = time.monotonic() + AFTER_TIMEOUT
        step: Step | None = first
        while step is not None:
            try:
                self._call(step, until)
            except SpaceError as exc:
                logger.warning("a step after the reply failed: %s", exc)
                self.page.fail(step)
            step = self.page.next_step_after()

    def _call(self, step: Step, until: float) -> None:
        submission = self._submit_now(step, bool)
        if not submission.wait(until - time.monotonic()):
            submission.cancel()
            raise UsageError(f"{step.listener.name} took too long")
        self.page.succeed(step, submission.result())

    async def wait_until_idle(self) -> bool:
        """Wait until the steps after the last reply have ended; return True if another question can be asked."""
        if self._after is not None:
            with anyio.move_on_after(AFTER_TIMEOUT), contextlib.suppress(Exception):
                await wrap_future(self._after)
        if self.state is not SessionState.IDLE:
            return False
        self.state = SessionState.OPEN
        return True


async def _in_thread(call: Callable[[], T], timeouts: Timeouts, *, abandoned: Callable[[T], object]) -> T:
    """Call a function that blocks in a thread, within the timeout to connect.

    Args:
        call: the function; it runs in a copy of this context.
        timeouts: the timeouts of a reply's events.
        abandoned: called with the function's result if nobody waits for it any more.
    """
    future: Future[T] = DaemonThreadExecutor().submit(contextvars.copy_context().run, call)
    try:
        with fail_at(deadline("connect", timeouts.connect)):
            return await wrap_future(future)
    except BaseException:
        future.add_done_callback(functools.partial(_abandon, abandoned))
        raise


def _abandon(abandoned: Callable[[T], object], done: Future[T]) -> None:
    if done.exception() is None:
        abandoned(done.result())


def _cancel(submission: Submission) -> None:
    submission.cancel()


def _close(client: ClientSession) -> None:
    client.close()


async def open_session(
    connection: Connection, recipe: Recipe, name: str, *, use_hooks: bool, timeouts: Timeouts
) -> Session:
    """Open a session on a Space.

    Args:
        connection: the connection to the Space.
        recipe: how its page is asked.
        name: the session's name.
        use_hooks: False to replace no part of gradio_client but its httpx.
        timeouts: the timeouts of a reply's events.

    Raises:
        NeedsAuthentication: a step requires `oauth_token`, and there is none.
        QwenGradioError: the Space can't be reached again.
    """
    for step in recipe.steps:
        connection.check_oauth_token(step.name)
    open_client = functools.partial(connection.open_session, name, use_hooks=use_hooks)
    if not connection.blocks and use_hooks:
        return Session(connection, open_client(), recipe, timeouts)
    client = await _in_thread(open_client, timeouts, abandoned=_close)
    return Session(connection, client, recipe, timeouts)


class Memory:
    """The session of a Conversation, between two questions."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._since = 0.0  # the `time.monotonic` at which its latest reply was complete

    @property
    def is_to_be_checked(self) -> bool:
        """True if the app may have been started anew since the latest reply: it then has lost the session's States."""
        return self._session is not None and time.monotonic() - self._since >= CHECK_INTERVAL

    def take(self, connection: Connection, recipe: Recipe) -> Session | None:
        """Return the session, which is then no longer here; None if there is none that fits."""
        session, self._session = self._session, None
        if session is None or session.fits(connection, recipe):
            return session
        session.cancel()
        return None

    def put(self, session: Session) -> None:
        """Keep the session of a question that was answered."""
        self._session, self._since = session, time.monotonic()

    def clear(self) -> None:
        """Close the session, if there is one."""
        session, self._session = self._session, None
        if session is not None:
            session.cancel()

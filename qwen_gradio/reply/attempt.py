"""One attempt at a reply, from a Space or a provider: its state, its events, its deadlines."""

from __future__ import annotations

import contextlib
import logging
import reprlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from ..errors import (
    ConnectionLost,
    EmptyReply,
    ProtocolError,
    QueueFull,
    QwenGradioError,
    RateLimited,
    ReplyTooLong,
    SpaceError,
    UsageError,
)
from ..space.catalogue import generate_session_hash
from ..space.recipe import Recipe, fit_options
from ..space.session import PageSession, Step
from ..text.chatbot import Snapshot
from ..text.messages import Chat
from ..text.snapshots import SnapshotDecoder
from .connector import SpaceConnector
from .deadlines import TIMEOUT_OF, Deadline, deadline, fail_at
from .events import Event, Finished, Fragment, Internal, Joined, Kind, Queued, Started, Uploading
from .session import Memory, Session, StepUpdate, open_session
from .states import AttemptState, transition

if TYPE_CHECKING:  # at runtime this would import gradio_client, which takes a second
    from ..transport.connection import Connection
    from ..transport.job import Output, QueueStatus

logger = logging.getLogger("qwen_gradio")


BUSY = (RateLimited, QueueFull)  # errors after which asking again at once is of no use


class Attempt(Protocol):
    """One attempt at a reply, from one Space or provider."""

    @property
    def state(self) -> AttemptState:
        """The state of the attempt."""

    @property
    def decoders(self) -> Mapping[Kind, SnapshotDecoder]:
        """The decoders of the answer and of the thinking; their `text` is the text so far."""

    @property
    def space(self) -> str:
        """The Space's id or URL, or the provider's name."""

    @property
    def is_ended_by_cancel(self) -> bool:
        """True if `cancel` ends a task's wait for the next event at once."""

    async def next(self, total: Deadline | None = None) -> Event:
        """Return the next event, Finished last.

        Args:
            total: the deadline of the whole reply.

        Raises:
            QwenGradioError: the attempt failed, and is over.
        """

    async def fetch_state(self) -> str:
        """Fetch from the Hub the state of a Space that doesn't answer; `""` if unknown, or for a provider."""

    def cancel(self) -> None:
        """Cancel the attempt without waiting. May be called at any time, and more than once."""

    async def aclose(self) -> None:
        """Cancel the attempt, and wait until it is closed, for 2 seconds at most."""


class SpaceAttempt:
    """One attempt at a Space: it connects, unless the client is connected, and asks the page.

    Args:
        connector: the connector of the Space.
        chat: the question, with the turns before it.
        options: values of other parameters of the page, by name.
        ignore_unknown_options: True to drop options that the page doesn't have; False to raise InvalidOption.
        memory: the Conversation's; None for a question without one.
        continuation: the question alone, to be asked in the session in which the turns before were; None if they
            weren't asked in one.
    """

    def __init__(
        self,
        connector: SpaceConnector,
        chat: Chat,
        options: Mapping[str, Any],
        *,
        ignore_unknown_options: bool = False,
        memory: Memory | None = None,
        continuation: Chat | None = None,
    ) -> None:
        self.state = AttemptState.NEW
        self.decoders: dict[Kind, SnapshotDecoder] = {"thinking": SnapshotDecoder(), "answer": SnapshotDecoder()}
        self._connector = connector
        self._chat = chat
        self._options = options
        self._ignore_unknown_options = ignore_unknown_options
        self._memory = memory
        self._continuation = continuation
        self._is_continued = False
        self._uses_hooks = True
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._events: AsyncGenerator[Event | Internal, None] | None = None
        # Seconds of the state's timeout used up by waiting; the time between two calls of `next` doesn't count.
        self._waited = 0.0

    @property
    def space(self) -> str:
        """See `Attempt.space`."""
        return self._connector.space.name

    @property
    def is_ended_by_cancel(self) -> bool:
        """See `Attempt.is_ended_by_cancel`: cancelling closes the stream of fragments, which wakes the reader."""
        return self.state is AttemptState.STREAMING

    async def next(self, total: Deadline | None = None) -> Event:
        """See `Attempt.next`."""
        try:
            events = self._events or await self._begin()
            event = await self._receive(events, total)
            while isinstance(event, Internal):
                event = await self._receive(self._events or events, total)
        except QwenGradioError:
            if not self.state.is_over:
                self._end(AttemptState.FAILED)
            raise
        return event

    async def fetch_state(self) -> str:
        """See `Attempt.fetch_state`."""
        return await self._connector.fetch_state()

    def cancel(self) -> None:
        """See `Attempt.cancel`."""
        if self.state not in (AttemptState.FINISHED, AttemptState.CANCELLED):
            self._end(AttemptState.CANCELLED)

    async def aclose(self) -> None:
        """See `Attempt.aclose`."""
        self.cancel()

    def _end(self, state: AttemptState) -> None:
        self._enter(state)
        if self._session is not None and state is AttemptState.FINISHED:
            self._session.finish(keep=self._memory is not None)
            if self._memory is not None:
                self._memory.put(self._session)
        elif self._session is not None:
            self._session.cancel()
        if self._memory is not None and state is AttemptState.CANCELLED:
            self._memory.clear()  # a fallback may answer, and the session doesn't know of that turn
        self._close_events()

    def _close_events(self) -> None:
        if self._events is not None:
            # The generator is suspended at a `yield` and awaits nothing when it is closed, so one step closes it. If
            # the garbage collector had to, trio would warn. If a task is waiting in it (RuntimeError), cancelling the
            # submission has ended that wait.
            with contextlib.suppress(StopIteration, RuntimeError):
                self._events.aclose().__await__().send(None)

    def _enter(self, state: AttemptState) -> None:
        self.state = transition(self.state, state)
        self._waited = 0.0

    # --- asking

    async def _begin(self) -> AsyncGenerator[Event | Internal, None]:
        """Ask the question, in the Conversation's session if it has one, and return the events of the reply."""
        if self.state is not AttemptState.CONNECTING:
            self._enter(AttemptState.CONNECTING)
        connection, recipe = await self._connector.connect()
        if recipe.has_memory and self._memory is not None and self._memory.is_to_be_checked:
            connection.expire()
            connection, recipe = await self._connector.connect()
        self._check_not_cancelled()
        self._connection = connection
        session = await self._kept_session(connection, recipe)
        self._is_continued = session is not None
        self._session = session or await open_session(
            connection,
            recipe,
            generate_session_hash(),
            use_hooks=self._uses_hooks,
            timeouts=self._connector.timeouts,
        )
        self._check_not_cancelled()
        page = self._session.page
        chat = self._continuation if self._is_continued and self._continuation is not None else self._chat
        page.ask(chat, self._known_options(recipe), is_continued=self._is_continued)
        self._events = _events(self._session.updates(), page, self.decoders, self._connector.max_reply_chars)
        return self._events

    async def _kept_session(self, connection: Connection, recipe: Recipe) -> Session | None:
        """Return the session in which the turns before were asked; None to open one."""
        if self._memory is None:
            return None
        if self._continuation is None or not recipe.remembers:
            self._memory.clear()
            return None
        session = self._session = self._memory.take(connection, recipe)  # closed with this attempt
        if session is None:
            return None
        if session.page.continues(self._known_options(recipe)) and await session.wait_until_idle():
            return session
        session.cancel()
        return None

    def _known_options(self, recipe: Recipe) -> Mapping[str, Any]:
        known = recipe.options
        options = fit_options(self._options, known)
        if not self._ignore_unknown_options:
            return options
        names = [option.name for option in known]
        return {name: value for name, value in options.items() if name in names}

    def _check_not_cancelled(self) -> None:
        if self.state is AttemptState.CANCELLED:
            if self._session is not None:
                self._session.cancel()
            self._close_events()  # `cancel` couldn't, if this task was waiting in the generator
            raise UsageError("this reply was closed by another task")  # `Reply` catches it and ends

    # --- receiving

    async def _receive(
        self, events: AsyncGenerator[Event | Internal, None], total: Deadline | None
    ) -> Event | Internal:
        """Receive the next event within the timeout of the state, and enter the state that follows."""
        name = TIMEOUT_OF[self.state]
        began = anyio.current_time()
        timeout = deadline(name, getattr(self._connector.timeouts, name), waited=self._waited)
        try:
            with fail_at(timeout, total):
                event = await anext(events)
        except StopAsyncIteration:  # an event loop that ends closes the generators that it ran
            raise UsageError("this reply was started in an event loop that has ended") from None
        except QwenGradioError as exc:
            if not self._prepare_to_ask_anew(exc):
                raise
            return await self._receive(await self._begin(), total)
        self._check_not_cancelled()
        self._waited += anyio.current_time() - began
        self._enter_state_of(event)
        return event

    def _enter_state_of(self, event: Event | Internal) -> None:
        if isinstance(event, Fragment):
            if self.state is AttemptState.STREAMING:
                self._waited = 0.0
                return
            self._enter(AttemptState.STREAMING)
            if not self._uses_hooks and self._connection is not None:
                self._connection.disable_hooks()
        elif isinstance(event, Started):
            if self.state is not AttemptState.STARTED:  # the page's next step may start without a place in the queue
                self._enter(AttemptState.STARTED)
        elif isinstance(event, Finished):
            self._end(AttemptState.FINISHED)
        elif isinstance(event, Uploading):
            self._waited = 0.0
        elif self.state in (AttemptState.CONNECTING, AttemptState.STARTED):
            self._enter(AttemptState.QUEUED)

    def _prepare_to_ask_anew(self, exc: QwenGradioError) -> bool:
        """Return True if the question is to be asked once more, in another way.

        A question refused with hooks is asked without them. One that failed in the session of an earlier question is
        asked in a session of its own: an app may fail at the second question of a session.
        """
        session = self._session
        if self.state.is_over or self.state is AttemptState.STREAMING or session is None:
            return False
        submission = session.submission
        if self._uses_hooks and submission is not None and submission.uses_hooks and submission.is_refused:
            self._uses_hooks = False
        elif self._is_continued and isinstance(exc, SpaceError | ConnectionLost) and not isinstance(exc, BUSY):
            logger.info("%s; asking again in another session", exc)
        else:
            return False
        session.cancel()
        self._continuation = None
        self._close_events()
        return True


# --- the updates of the steps as events. No function holds the Reply, so that it is freed once the caller drops it.


async def _events(
    updates: AsyncGenerator[StepUpdate, None],
    page: PageSession,
    decoders: Mapping[Kind, SnapshotDecoder],
    max_chars: int,
) -> AsyncGenerator[Event | Internal, None]:
    from ..transport.job import Output  # connecting has imported it

    is_started = False  # in the latest of the reply's steps
    async with contextlib.aclosing(updates):
        async for step, update in updates:
            event = Started() if isinstance(update, Output) else _queue_event(update)
            if event is not None and not (is_started and isinstance(event, Started)):
                is_started = isinstance(event, Started)
                if not any(decoder.text for decoder in decoders.values()):  # a later step has no events of its own
                    yield event
            if isinstance(update, Output):
                for fragment in _fragments(_read(page, step, update), decoders, max_chars):
                    yield fragment
    for fragment in _fragments(page.final_snapshot(), decoders, max_chars, is_final=True):
        yield fragment
    yield finished_event(decoders)


def _queue_event(status: QueueStatus) -> Event | Internal | None:
    if status.stage == "queued":
        return Queued(None if status.rank is None else status.rank + 1, status.size, status.eta)
    if status.stage == "uploading":
        return Uploading()
    if status.stage == "joined":
        return Joined()
    return Started() if status.stage == "started" else None


def _read(page: PageSession, step: Step, output: Output) -> Snapshot | None:
    try:
        return page.read(step, output.value)
    except ProtocolError:
        logger.debug("skipped an update that can't be read: %s", reprlib.repr(output.value))
        return None


def _fragments(
    read: Snapshot | None, decoders: Mapping[Kind, SnapshotDecoder], max_chars: int, *, is_final: bool = False
) -> Iterator[Fragment]:
    snapshot = read or Snapshot(decoders["answer"].text, decoders["thinking"].text)
    if len(snapshot.answer) + len(snapshot.thinking) > max_chars:
        raise ReplyTooLong(f"its reply is longer than {max_chars} characters")
    for kind, decoder in decoders.items():
        # An empty snapshot doesn't delete text: some Spaces empty the Chatbot.
        text = (snapshot.answer if kind == "answer" else snapshot.thinking) or decoder.text
        if text == decoder.text and not is_final:
            continue
        edit = decoder.finish(text) if is_final else decoder.feed(text)
        if edit is not None:
            yield Fragment(edit.text, edit.start, kind)


def finished_event(decoders: Mapping[Kind, SnapshotDecoder]) -> Finished:
    """Create the last event.

    Raises:
        EmptyReply: there is no answer.
    """
    answer, thinking = decoders["answer"].text, decoders["thinking"].text
    if not answer:
        raise EmptyReply("it thought, but gave no answer" if thinking else "it finished without text")
    return Finished(answer, thinking)

"""One attempt at a reply, from a Space or a provider: its state, its events, its deadlines."""

from __future__ import annotations

import contextlib
import functools
import logging
import reprlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from ..errors import EmptyReply, ProtocolError, QwenGradioError, ReplyTooLong, UsageError
from ..space.catalogue import generate_session_hash
from ..text.chatbot import Snapshot
from ..text.messages import Chat
from ..text.snapshots import SnapshotDecoder
from ..transport.threads import DaemonThreadExecutor, ThreadsafeEvent, wrap_future
from .connector import SpaceConnector
from .deadlines import TIMEOUT_OF, Deadline, deadline, fail_at
from .events import Event, Finished, Fragment, Joined, Kind, Queued, Started
from .states import AttemptState, transition

if TYPE_CHECKING:  # at runtime this would import gradio_client, which takes a second
    from ..transport.connection import Connection
    from ..transport.job import Output, QueueStatus, Submission

logger = logging.getLogger("qwen_gradio")


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
    """One attempt at a Space: it connects, unless the client is connected, and submits the question.

    Args:
        connector: the connector of the Space.
        chat: the question, with the turns before it.
        options: values of other parameters of the endpoint, by name.
        ignore_unknown_options: True to drop options that the endpoint doesn't have; False to raise InvalidOption.
    """

    def __init__(
        self,
        connector: SpaceConnector,
        chat: Chat,
        options: Mapping[str, Any],
        *,
        ignore_unknown_options: bool = False,
    ) -> None:
        self.state = AttemptState.NEW
        self.decoders: dict[Kind, SnapshotDecoder] = {"thinking": SnapshotDecoder(), "answer": SnapshotDecoder()}
        self._connector = connector
        self._chat = chat
        self._options = options
        self._ignore_unknown_options = ignore_unknown_options
        self._connection: Connection | None = None
        self._submission: Submission | None = None
        self._events: AsyncGenerator[Event | Joined, None] | None = None
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
            events = self._events or await self._submit(use_hooks=True)
            event = await self._receive(events, total)
            while isinstance(event, Joined):
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
        if self._submission is not None:
            self._submission.cancel()
        if self._events is not None:
            # The generator is suspended at a `yield` and awaits nothing when it is closed, so one step closes it. If
            # the garbage collector had to, trio would warn. If a task is waiting in it (RuntimeError), cancelling the
            # submission has ended that wait.
            with contextlib.suppress(StopIteration, RuntimeError):
                self._events.aclose().__await__().send(None)

    def _enter(self, state: AttemptState) -> None:
        self.state = transition(self.state, state)
        self._waited = 0.0

    # --- submitting

    async def _submit(self, *, use_hooks: bool) -> AsyncGenerator[Event | Joined, None]:
        """Submit the question, with or without the hooks on gradio_client, and return its events."""
        if self.state is not AttemptState.CONNECTING:
            self._enter(AttemptState.CONNECTING)
        connection, endpoint = await self._connector.connect()
        self._check_not_cancelled()
        self._connection = connection
        arguments = endpoint.arguments(self._chat, self._known_options([option.name for option in endpoint.options]))
        updated = ThreadsafeEvent()
        submit = functools.partial(
            connection.submit,
            generate_session_hash(),
            endpoint.api_name,
            arguments,
            updated.set,
            use_hooks=use_hooks,
        )
        blocks = connection.blocks or not use_hooks
        self._submission = await self._in_thread(submit) if blocks else submit()
        self._check_not_cancelled()
        from ..transport.job import updates  # connecting has imported it; at the top it would take a second

        snapshot_of = functools.partial(endpoint.snapshot, chat=self._chat)
        job_updates = updates(self._submission, updated)
        self._events = _events(job_updates, snapshot_of, self.decoders, self._connector.max_reply_chars)
        return self._events

    def _known_options(self, known: Sequence[str]) -> Mapping[str, Any]:
        if not self._ignore_unknown_options:
            return self._options
        return {name: value for name, value in self._options.items() if name in known}

    def _check_not_cancelled(self) -> None:
        if self.state is AttemptState.CANCELLED:
            if self._submission is not None:
                self._submission.cancel()
            raise UsageError("this reply was closed by another task")  # `Reply` catches it and ends

    async def _in_thread(self, submit: Callable[[], Submission]) -> Submission:
        future = DaemonThreadExecutor().submit(submit)
        try:
            with fail_at(deadline("connect", self._connector.timeouts.connect)):
                return await wrap_future(future)
        except BaseException:  # nobody waits for the reply any more
            future.add_done_callback(_cancel_submission)
            raise

    # --- receiving

    async def _receive(self, events: AsyncGenerator[Event | Joined, None], total: Deadline | None) -> Event | Joined:
        """Receive the next event within the timeout of the state, and enter the state that follows."""
        name = TIMEOUT_OF[self.state]
        began = anyio.current_time()
        timeout = deadline(name, getattr(self._connector.timeouts, name), waited=self._waited)
        try:
            with fail_at(timeout, total):
                event = await anext(events)
        except StopAsyncIteration:  # an event loop that ends closes the generators that it ran
            raise UsageError("this reply was started in an event loop that has ended") from None
        except QwenGradioError:
            if not self._is_refused_with_hooks():
                raise
            return await self._receive(await self._submit(use_hooks=False), total)
        self._check_not_cancelled()
        self._waited += anyio.current_time() - began
        self._enter_state_of(event)
        return event

    def _enter_state_of(self, event: Event | Joined) -> None:
        if isinstance(event, Fragment):
            if self.state is AttemptState.STREAMING:
                self._waited = 0.0
                return
            self._enter(AttemptState.STREAMING)
            if self._submission is not None and self._connection is not None and not self._submission.uses_hooks:
                self._connection.disable_hooks()
        elif isinstance(event, Started):
            self._enter(AttemptState.STARTED)
        elif isinstance(event, Finished):
            self._end(AttemptState.FINISHED)
        elif self.state is AttemptState.CONNECTING:
            self._enter(AttemptState.QUEUED)

    def _is_refused_with_hooks(self) -> bool:
        """Return True if the Space refused a question submitted with hooks; it is then submitted without them."""
        submission = self._submission
        if self.state.is_over or submission is None:
            return False
        return submission.uses_hooks and submission.is_refused


def _cancel_submission(submitted: Future[Submission]) -> None:
    if submitted.exception() is None:
        submitted.result().cancel()


# --- a job's updates as events. No function holds the Reply, so that it is freed once the caller drops it.


async def _events(
    updates: AsyncGenerator[QueueStatus | Output, None],
    snapshot_of: Callable[..., Snapshot | None],
    decoders: Mapping[Kind, SnapshotDecoder],
    max_chars: int,
) -> AsyncGenerator[Event | Joined, None]:
    from ..transport.job import Output  # connecting has imported it

    is_started = False
    async with contextlib.aclosing(updates):
        async for update in updates:
            event = Started() if isinstance(update, Output) else _queue_event(update)
            if event is not None and not (is_started and isinstance(event, Started)):
                is_started = is_started or isinstance(event, Started)
                yield event
            if isinstance(update, Output):
                for fragment in _fragments(update, snapshot_of, decoders, max_chars):
                    yield fragment
    yield finished_event(decoders)


def _queue_event(status: QueueStatus) -> Event | Joined | None:
    if status.stage == "queued":
        return Queued(None if status.rank is None else status.rank + 1, status.size, status.eta)
    if status.stage == "joined":
        return Joined()
    return Started() if status.stage == "started" else None


def _fragments(
    output: Output,
    snapshot_of: Callable[..., Snapshot | None],
    decoders: Mapping[Kind, SnapshotDecoder],
    max_chars: int,
) -> Iterator[Fragment]:
    answer, thinking = decoders["answer"].text, decoders["thinking"].text
    snapshot = _parse(output, snapshot_of) or Snapshot(answer, thinking)
    if len(snapshot.answer) + len(snapshot.thinking) > max_chars:
        raise ReplyTooLong(f"its reply is longer than {max_chars} characters")
    for kind, decoder in decoders.items():
        # An empty snapshot doesn't delete text: some Spaces empty the Chatbot.
        text = (snapshot.answer if kind == "answer" else snapshot.thinking) or decoder.text
        if text == decoder.text and not output.last:
            continue
        edit = decoder.finish(text) if output.last else decoder.feed(text)
        if edit is not None:
            yield Fragment(edit.text, edit.start, kind)


def _parse(output: Output, snapshot_of: Callable[..., Snapshot | None]) -> Snapshot | None:
    try:
        return snapshot_of(output.value, whole=output.last)
    except ProtocolError:
        if output.last:
            raise
        logger.debug("skipped an update that can't be read: %s", reprlib.repr(output.value))
        return None


def finished_event(decoders: Mapping[Kind, SnapshotDecoder]) -> Finished:
    """Create the last event.

    Raises:
        EmptyReply: there is no answer.
    """
    answer, thinking = decoders["answer"].text, decoders["thinking"].text
    if not answer:
        raise EmptyReply("it thought, but gave no answer" if thinking else "it finished without text")
    return Finished(answer, thinking)

"""Reply: the reply to one question, streamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import anyio

from ..errors import QwenGradioError, UsageError
from ..tracebacks import ShortTraceback
from .connector import SpaceConnector
from .events import Event, Finished, Fragment, Kind
from .provider import Provider
from .retries import Attempts, Question, build_attempts
from .states import ReplyState, transition


class Reply:
    """A streamed reply: an async iterator of str fragments, and an async context manager.

    The fragments joined are the reply. The question is sent when the first fragment is awaited. A reply that is ended
    early, by an exception, cancellation or `aclose`, is cancelled on the Space, too. After a `break` this is certain
    only in an `async with` block.

    The model's thinking, if the Space publishes it, is separate from the answer. It is in `thinking`, in `events`, and
    with `include_thinking` in the iterator of str, a blank line between it and the answer.

    A failure before the first fragment is retried if another attempt may succeed; then the fallbacks are tried. A
    failure after the first fragment is raised.

    If the Space rewrites its answer, the iterator of str yields the complete new text. `events` has the offset from
    which the new text replaces the old.
    """

    def __init__(self, attempts: Attempts, *, include_thinking: bool) -> None:
        self._attempts = attempts
        self._include_thinking = include_thinking
        self._state = ReplyState.NEW
        self._reader = anyio.ResourceGuard("waiting for")
        self._wait_scope: anyio.CancelScope | None = None
        self._streamed_kind: Kind | None = None  # of the latest text in the iterator of str
        self._callbacks: list[Callable[[str], object]] = []
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<qwen_gradio.Reply {self.space} {self._state.name}, {len(self.text)} characters>"

    def _repr_markdown_(self) -> str | None:
        """Return the answer for a notebook, and the state unless it is complete; None without text."""
        if not self.text or self._state is ReplyState.FINISHED:
            return self.text or None
        return f"{self.text}\n\n*({self._state.name.lower()})*"

    @property
    def space(self) -> str:
        """The id or URL of the Space that the current attempt is at, or the name of its provider."""
        return self._attempts.current.space

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._attempts.current.decoders["answer"].text

    @property
    def thinking(self) -> str:
        """The thinking so far; `""` if the Space publishes none."""
        return self._attempts.current.decoders["thinking"].text

    @property
    def closed(self) -> bool:
        """True if the reply is over: complete, failed or cancelled."""
        return self._state.is_over

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """Return the next fragment.

        Raises:
            QwenGradioError: the reply failed; `partial` holds the text so far.
        """
        while True:
            with ShortTraceback():
                event = await self._next()
            if event is None:
                raise StopAsyncIteration
            if isinstance(event, Fragment) and (text := self._stream_text(event)):
                return text

    def _stream_text(self, fragment: Fragment) -> str:
        """Return a fragment's text for the iterator of str: the complete text, if the fragment replaces words."""
        if fragment.kind == "thinking" and not self._include_thinking:
            return ""
        text = self._attempts.current.decoders[fragment.kind].stream_text(fragment.start, fragment.text)
        if not text or fragment.kind == self._streamed_kind:
            return text
        before, self._streamed_kind = self._streamed_kind, fragment.kind
        return f"\n\n{text}" if before is not None else text

    def events(self) -> AsyncIterator[Event]:
        """Return an iterator over the events: Queued, Started, Fragment, and Finished at the end.

        Raises:
            QwenGradioError: the reply failed; `partial` holds the text so far.
        """
        return _Events(self._next)

    def add_finished_callback(self, callback: Callable[[str], object]) -> None:
        """Register a function to call with the answer once the reply is complete; not if it fails or is cancelled."""
        self._callbacks.append(callback)

    async def aclose(self) -> None:
        """Cancel the reply, here and on the Space. May be called at any time, and more than once."""
        self._cancel()
        if not self._is_forked:
            if self._wait_scope is not None:
                self._wait_scope.cancel()
            await self._attempts.aclose()

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._cancel()

    def _cancel(self) -> None:
        """Cancel without waiting, and so without a shield: this runs under cancellation and in `__del__`, too."""
        if self._is_forked:
            return
        if not self._state.is_over:
            self._enter(ReplyState.CANCELLED)
        self._attempts.cancel()

    @property
    def _is_forked(self) -> bool:
        """True if this process was forked from the reply's: they share its sockets, which must not be closed here."""
        return os.getpid() != self._process

    def _enter(self, state: ReplyState) -> None:
        self._state = transition(self._state, state)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """Let `aclose` in another task end a wait, where cancelling the attempt alone doesn't."""
        if self._attempts.current.is_ended_by_cancel:
            yield
            return
        with anyio.CancelScope() as self._wait_scope:
            yield

    async def _next(self) -> Event | None:
        """Return the next event; None after the last. Any exception ends the reply."""
        if self._state.is_over:
            return None
        if self._is_forked:
            raise UsageError("this reply belongs to the process that this one was forked from; ask again")
        if self._state is ReplyState.NEW:
            self._enter(ReplyState.WAITING)
        event: Event | None = None
        try:
            with self._reader, self._waiting():
                event = await self._attempts.next()
        except anyio.BusyResourceError:
            raise UsageError("expected one reader of a reply at a time; another task is waiting for it") from None
        except QwenGradioError:
            if self._state.is_over:  # it failed because another task has closed it
                return None
            self._enter(ReplyState.FAILED)
            await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise
        if self._state.is_over:  # closed by another task meanwhile
            self._attempts.cancel()
            return None
        self._enter_state_of(event)
        return event

    def _enter_state_of(self, event: Event) -> None:
        if isinstance(event, Fragment) and self._state is ReplyState.WAITING:
            self._enter(ReplyState.STREAMING)
        elif isinstance(event, Finished):
            self._enter(ReplyState.FINISHED)
            self._attempts.cancel()
            for callback in self._callbacks:
                callback(event.text)


def create_reply(
    question: Question, choices: Sequence[SpaceConnector | Provider], *, retries: int, include_thinking: bool = False
) -> Reply:
    """Create the reply to a question.

    Args:
        question: the question.
        choices: the Space or provider to try first, and then the fallbacks in order.
        retries: the maximum number of retries of each choice.
        include_thinking: True to include the thinking in the iterator of str.
    """
    factories = build_attempts(choices, question)
    attempts = Attempts(factories, retries=retries, total=question.timeouts.total, rotation=question.rotation)
    return Reply(attempts, include_thinking=include_thinking)


async def collect(reply: Reply) -> str:
    """Return the text of a reply once it is complete.

    Raises:
        QwenGradioError: the reply failed; `partial` is the text before the error.
    """
    async with reply:
        async for _ in reply:
            pass
    return reply.text


class _Events:
    """A Reply as an iterator of events. It has nothing to close: closing the Reply ends it."""

    def __init__(self, next_event: Callable[[], Awaitable[Event | None]]) -> None:
        self._next_event = next_event

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        with ShortTraceback():
            event = await self._next_event()
        if event is None:
            raise StopAsyncIteration
        return event

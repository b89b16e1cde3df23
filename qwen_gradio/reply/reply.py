"""Reply: one question's answer as it comes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import anyio

from ..errors import QwenGradioError, UsageError
from .connector import SpaceConnector
from .events import Event, Finished, Fragment
from .provider import Provider
from .retries import Attempts, Question, build_attempts
from .states import ReplyState, transition

OVER = (ReplyState.FINISHED, ReplyState.FAILED, ReplyState.CANCELLED)


class Reply:
    """A reply as it comes: an async iterator of str fragments, and an async context manager.

    The fragments joined are the reply. The question is sent when the first of them is asked for. Ending early, by
    `break`, an exception, cancellation or `aclose`, stops the Space's work; `async with` makes sure of it.

    The model's thinking before the answer, where the Space shows it, is kept apart: it is in `thinking`, among the
    `events`, and in the str stream if `include_thinking` was given.

    Before the first fragment, a failure for which that can help is tried again, and then the fallbacks are asked. From
    then on, it is raised.

    Should the Space rewrite its answer, the str stream gives the new text whole, while `events` tells from which
    character on it replaces the old.
    """

    def __init__(self, attempts: Attempts, *, include_thinking: bool) -> None:
        self._attempts = attempts
        self._include_thinking = include_thinking
        self._state = ReplyState.NEW
        self._reader = anyio.ResourceGuard("waiting for")
        self._callbacks: list[Callable[[str], object]] = []
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<qwen_gradio.Reply {self.space} {self._state.name}, {len(self.text)} characters>"

    @property
    def space(self) -> str:
        """The Space's id or URL, or that of the fallback that is asked instead."""
        return self._attempts.current.space

    @property
    def text(self) -> str:
        """The answer so far, as the Space shows it."""
        return self._attempts.current.decoders["answer"].text

    @property
    def thinking(self) -> str:
        """The thinking so far, as the Space shows it; `""` where it shows none."""
        return self._attempts.current.decoders["thinking"].text

    @property
    def closed(self) -> bool:
        """Whether it is over: whole, failed, or ended early."""
        return self._state in OVER

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """Return the next fragment.

        Raises:
            QwenGradioError: the reply failed; `partial` holds the text so far.
        """
        while True:
            event = await self._next()
            if event is None:
                raise StopAsyncIteration
            if isinstance(event, Fragment) and (text := self._text_of(event)):
                return text

    def _text_of(self, fragment: Fragment) -> str:
        """Return a fragment's text for the str stream: the new text whole, where it takes something back."""
        if fragment.kind == "thinking" and not self._include_thinking:
            return ""
        decoder = self._attempts.current.decoders[fragment.kind]
        before = decoder.before
        if fragment.start == len(before):
            return fragment.text
        if fragment.start < len(before) and not fragment.text and not before[fragment.start :].strip():
            return ""  # white space at the end was taken back, which is not worth the whole again
        return decoder.text

    def events(self) -> AsyncIterator[Event]:
        """Iterate over all that happens: Queued, Started, Fragment, and Finished at the end.

        Raises:
            QwenGradioError: the reply failed; `partial` holds the text so far.
        """
        return _Events(self._next)

    def add_finished_callback(self, callback: Callable[[str], object]) -> None:
        """Call a function with the answer once the reply is whole; not if it fails or is ended early."""
        self._callbacks.append(callback)

    async def aclose(self) -> None:
        """End the reply, here and on the Space. May be called at any time, and again."""
        self._cancel()
        if not self._is_forked:
            await self._attempts.aclose()

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._cancel()

    def _cancel(self) -> None:
        """Cancel without waiting, so that it works under cancellation and in `__del__`, and needs no shield."""
        if self._is_forked:
            return
        if self._state not in OVER:
            self._enter(ReplyState.CANCELLED)
        self._attempts.cancel()

    @property
    def _is_forked(self) -> bool:
        """Whether this process is a fork of the reply's: it has the same sockets, and must leave them alone."""
        return os.getpid() != self._process

    def _enter(self, state: ReplyState) -> None:
        self._state = transition(self._state, state)

    async def _next(self) -> Event | None:
        """Return the next event, None after the last. Any exception while it is waited for ends the reply."""
        if self._state in OVER:
            return None
        if self._is_forked:
            raise UsageError("this reply belongs to the process that this one was forked from; ask again")
        if self._state is ReplyState.NEW:
            self._enter(ReplyState.WAITING)
        try:
            with self._reader:
                event = await self._attempts.next()
        except anyio.BusyResourceError:
            raise UsageError("expected one reader of a reply at a time; another task is waiting for it") from None
        except QwenGradioError:
            if self._state in OVER:  # closed by another task, which is why it failed
                return None
            self._enter(ReplyState.FAILED)
            await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise
        if self._state in OVER:  # closed by another task meanwhile
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


def reply_to(
    question: Question, choices: Sequence[SpaceConnector | Provider], *, retries: int, include_thinking: bool = False
) -> Reply:
    """Make the reply to a question.

    Args:
        question: the question.
        choices: whom to ask: the first, and then the fallbacks.
        retries: how often each of them is asked again, where that can help.
        include_thinking: whether the str stream has the thinking, too.
    """
    attempts = Attempts(build_attempts(choices, question), retries=retries, total=question.timeouts.total)
    return Reply(attempts, include_thinking=include_thinking)


class _Events:
    """A Reply as an iterator of events. It owns nothing: ending it early is ending the Reply."""

    def __init__(self, next_event: Callable[[], Awaitable[Event | None]]) -> None:
        self._next_event = next_event

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._next_event()
        if event is None:
            raise StopAsyncIteration
        return event

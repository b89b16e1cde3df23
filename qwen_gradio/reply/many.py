"""Many questions, answered concurrently: their results in order, errors included."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
from anyio.lowlevel import checkpoint, current_token

from ..errors import InvalidMessages, QwenGradioError, UsageError, short_repr
from ..text.messages import Message
from ..transport.threads import CLOSE_TIMEOUT, LoopState, LoopThread, ThreadsafeEvent
from .reply import Reply
from .settings import check_number

Prompt: TypeAlias = "str | Sequence[Message]"

LOOKAHEAD = 4  # the maximum number of results not yet received, as a multiple of `concurrency`


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one of many questions.

    Attributes:
        index: the index of the question, from 0.
        messages: the question: a prompt or messages.
        text: the answer; with an error, the text before the error.
        thinking: the model's thinking; `""` if the Space publishes none.
        error: the error with which the reply failed; None if it is complete.
    """

    index: int
    messages: Prompt
    text: str = ""
    thinking: str = ""
    error: QwenGradioError | None = None


class Window:
    """A sliding window of submitted questions, answered on an event loop in a thread of its own.

    Args:
        stream: creates the reply to a prompt.
        concurrency: the maximum number of questions answered at a time.
        on_result: called from that thread for each result.

    Attributes:
        pending: the futures of the results that are not yet received, in order.
    """

    def __init__(
        self, stream: Callable[[Prompt], Reply], concurrency: int, on_result: Callable[[], object] = lambda: None
    ) -> None:
        check_number("concurrency", concurrency, minimum=1)
        self.pending: deque[Future[Result]] = deque()
        self._stream = stream
        self._concurrency = concurrency
        self._on_result = on_result
        self._next_index = 0
        self._process = os.getpid()
        self._loop = LoopThread()

    @property
    def has_capacity(self) -> bool:
        """True if another question may be submitted."""
        if self._loop.state is LoopState.CLOSED:
            return False
        running = sum(not future.done() for future in self.pending)
        return running < self._concurrency and len(self.pending) < LOOKAHEAD * self._concurrency

    def submit(self, prompt: Prompt) -> None:
        """Submit another question."""
        future = self._loop.start(self._answer, self._next_index, prompt)
        self._next_index += 1
        self.pending.append(future)
        future.add_done_callback(lambda _: self._on_result())

    async def _answer(self, index: int, prompt: Prompt) -> Result:
        try:
            async with self._stream(prompt) as reply:
                async for _ in reply:
                    pass
        except QwenGradioError as exc:
            return Result(index, prompt, exc.partial, error=exc)
        return Result(index, prompt, reply.text, reply.thinking)

    def receive_nowait(self) -> Result | None:
        """Return the next result, in the order of the questions; None if it is not ready."""
        if self.pending and os.getpid() != self._process:
            raise UsageError("these results belong to the process that this one was forked from; ask again")
        pending = self.pending
        return pending.popleft().result() if pending and pending[0].done() else None

    def close(self) -> None:
        """Cancel all replies, without waiting. No result follows."""
        self.pending = deque()  # and not cleared, as another thread may be reading it
        self._loop.close_soon()


class Results:
    """The results of many questions, in order: an async iterator, and an async context manager.

    An exception, cancellation or `aclose` cancels the replies that are not complete; so does deletion, as after
    a `break`.
    """

    def __init__(
        self,
        stream: Callable[[Prompt], Reply],
        prompts: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        concurrency: int,
    ) -> None:
        self._prompts: Iterator[Prompt] | AsyncIterator[Prompt] | None = _iterate(prompts)
        self._reader = anyio.ResourceGuard("waiting for")
        self._next_prompt: anyio.CancelScope | None = None  # while one is awaited
        self._event_loop: object = None  # the one that waits
        self._result_events: list[ThreadsafeEvent] = []  # one event, of that event loop
        self._window = Window(stream, concurrency, functools.partial(_set_each, self._result_events))

    def __aiter__(self) -> AsyncIterator[Result]:
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        try:
            with self._reader:
                result = await self._next()
        except anyio.BusyResourceError:
            raise UsageError("expected one reader of results at a time; another task is waiting for them") from None
        except BaseException:
            self._window.close()
            raise
        if result is None:
            self._window.close()
            raise StopAsyncIteration
        return result

    async def _next(self) -> Result | None:
        """Wait for the next result; None after the last."""
        await checkpoint()  # else a loop over results that are ready would never let other tasks run
        if self._event_loop is not (event_loop := current_token().native_token):
            self._event_loop = event_loop
            self._result_events[:] = [ThreadsafeEvent()]
        while (result := self._window.receive_nowait()) is None:
            if self._prompts is not None and self._window.has_capacity:
                await self._submit_next(self._prompts)
            elif self._window.pending:
                await self._result_events[0].wait()
            else:
                break
        return result

    async def _submit_next(self, prompts: Iterator[Prompt] | AsyncIterator[Prompt]) -> None:
        try:
            with anyio.CancelScope() as self._next_prompt:
                prompt = await anext(prompts) if isinstance(prompts, AsyncIterator) else next(prompts)
        except (StopIteration, StopAsyncIteration):
            self._prompts = None
        finally:
            self._next_prompt = None
        if self._prompts is not None:  # else closed by another task
            self._window.submit(prompt)

    async def aclose(self) -> None:
        """Cancel all replies, and close the prompts if they are an async generator. May be called more than once."""
        prompts, self._prompts = self._prompts, None
        self._window.close()
        if self._next_prompt is not None:  # another task waits in it, and cancelling that closes it
            self._next_prompt.cancel()
        elif isinstance(prompts, AsyncGenerator):
            with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
                await prompts.aclose()

    async def __aenter__(self) -> Results:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_window"):
            self._window.close()


class SyncResults:
    """The results of many questions, in order: an iterator, and a context manager. See `Results`."""

    def __init__(self, stream: Callable[[Prompt], Reply], prompts: Iterable[Prompt], *, concurrency: int) -> None:
        self._prompts: Iterator[Prompt] | None = iter(_check_iterable(prompts, Iterable))
        self._window = Window(stream, concurrency)

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        """Return the next result."""
        try:
            while (result := self._window.receive_nowait()) is None:
                if self._prompts is not None and self._window.has_capacity:
                    self._submit_next(self._prompts)
                elif pending := self._window.pending:
                    wait([future for future in pending if not future.done()], return_when=FIRST_COMPLETED)
                else:
                    raise StopIteration
        except BaseException:
            self._window.close()
            raise
        return result

    def _submit_next(self, prompts: Iterator[Prompt]) -> None:
        try:
            prompt = next(prompts)
        except StopIteration:
            self._prompts = None
        else:
            self._window.submit(prompt)

    def close(self) -> None:
        """Cancel all replies. May be called more than once."""
        self._prompts = None
        self._window.close()

    def __enter__(self) -> SyncResults:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_window"):
            self._window.close()


def _set_each(events: Sequence[ThreadsafeEvent]) -> None:
    """Set the events. Unlike a method, this holds no Results, so that they are freed once the caller drops them."""
    for event in events:
        event.set()


def _iterate(prompts: Any) -> Iterator[Prompt] | AsyncIterator[Prompt]:
    checked = _check_iterable(prompts, Iterable | AsyncIterable)
    return aiter(checked) if isinstance(checked, AsyncIterable) else iter(checked)


def _check_iterable(prompts: Any, expected: Any) -> Any:
    if isinstance(prompts, str | bytes) or not isinstance(prompts, expected):
        raise InvalidMessages(f"expected an iterable of prompts, got {short_repr(prompts)}")
    return prompts

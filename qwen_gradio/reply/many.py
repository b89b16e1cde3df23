"""Many questions: so many at once, their results in order, errors among them."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio

from ..errors import InvalidMessages, QwenGradioError, short_repr
from ..text.messages import Message
from ..transport.threads import LoopThread, ThreadsafeEvent
from .deadlines import CLOSE_TIMEOUT
from .reply import Reply
from .settings import check_number

Prompt: TypeAlias = "str | Sequence[Message]"

LOOKAHEAD = 4  # times `concurrency`: how many questions may be begun before the result that is next in order


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one of many questions.

    Attributes:
        index: its place among them, from 0.
        messages: the prompt or the messages.
        text: the answer; with an error, the text so far.
        thinking: the model's thinking; `""` where the Space shows none.
        error: the error that it failed with; None if the answer is whole.
    """

    index: int
    messages: Prompt
    text: str = ""
    thinking: str = ""
    error: QwenGradioError | None = None


class Window:
    """The questions that are asked at a time, on an event loop in a thread of their own.

    Args:
        stream: makes the reply to a prompt.
        concurrency: how many are asked at once.
        on_result: called from that thread when there is a result.
    """

    def __init__(
        self, stream: Callable[[Prompt], Reply], concurrency: int, on_result: Callable[[], object] = bool
    ) -> None:
        check_number("concurrency", concurrency, least=1)
        self.pending: deque[Future[Result]] = deque()
        self._stream = stream
        self._concurrency = concurrency
        self._on_result = on_result
        self._begun = 0
        self._loop = LoopThread()

    @property
    def has_room(self) -> bool:
        """Whether another question may be begun."""
        running = sum(not future.done() for future in self.pending)
        return running < self._concurrency and len(self.pending) < LOOKAHEAD * self._concurrency

    def begin(self, prompt: Prompt) -> None:
        """Ask another question."""
        future = self._loop.start(self._answer, self._begun, prompt)
        self._begun += 1
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

    def next_nowait(self) -> Result | None:
        """Return the result that is next in order; None if it isn't there yet."""
        return self.pending.popleft().result() if self.pending and self.pending[0].done() else None

    def close(self) -> None:
        """Cancel what is asked, without waiting."""
        self._loop.close_soon()


class Results:
    """The results of many questions, in order: an async iterator, and an async context manager.

    Ending early, by `break`, an exception, cancellation or `aclose`, cancels what is asked.
    """

    def __init__(
        self,
        stream: Callable[[Prompt], Reply],
        prompts: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        concurrency: int,
    ) -> None:
        self._prompts: Iterator[Prompt] | AsyncIterator[Prompt] | None = _iterator_of(prompts)
        self._news: list[ThreadsafeEvent] = []  # one, once there is an event loop
        self._window = Window(stream, concurrency, functools.partial(_set_each, self._news))

    def __aiter__(self) -> AsyncIterator[Result]:
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        if not self._news:
            self._news.append(ThreadsafeEvent())
        try:
            while True:
                result = self._window.next_nowait()
                if result is not None:
                    return result
                if self._prompts is not None and self._window.has_room:
                    await self._begin_another()
                elif self._window.pending:
                    await self._news[0].wait()
                else:
                    break
        except BaseException:
            self._window.close()
            raise
        self._window.close()
        raise StopAsyncIteration

    async def _begin_another(self) -> None:
        prompts = self._prompts
        try:
            prompt = await anext(prompts) if isinstance(prompts, AsyncIterator) else next(prompts)  # type: ignore[arg-type] # it is no None
        except (StopIteration, StopAsyncIteration):
            self._prompts = None
        else:
            self._window.begin(prompt)

    async def aclose(self) -> None:
        """Cancel what is asked, and close the prompts if they are an async generator. May be called again."""
        prompts, self._prompts = self._prompts, None
        self._window.pending.clear()
        self._window.close()
        if isinstance(prompts, AsyncGenerator):
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
        self._prompts: Iterator[Prompt] | None = iter(_checked(prompts, Iterable))
        self._window = Window(stream, concurrency)

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        """Return the next result."""
        while True:
            result = self._window.next_nowait()
            if result is not None:
                return result
            if self._prompts is not None and self._window.has_room:
                self._begin_another(self._prompts)
            elif self._window.pending:
                wait([future for future in self._window.pending if not future.done()], return_when=FIRST_COMPLETED)
            else:
                self._window.close()
                raise StopIteration

    def _begin_another(self, prompts: Iterator[Prompt]) -> None:
        try:
            prompt = next(prompts)
        except StopIteration:
            self._prompts = None
        else:
            self._window.begin(prompt)

    def close(self) -> None:
        """Cancel what is asked. May be called again."""
        self._prompts = None
        self._window.pending.clear()
        self._window.close()

    def __enter__(self) -> SyncResults:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_window"):
            self._window.close()


def _set_each(events: Sequence[ThreadsafeEvent]) -> None:
    """Set the events. It holds no Results, so that those which nobody holds are freed at once."""
    for event in events:
        event.set()


def _iterator_of(prompts: Any) -> Iterator[Prompt] | AsyncIterator[Prompt]:
    checked = _checked(prompts, Iterable | AsyncIterable)
    return aiter(checked) if isinstance(checked, AsyncIterable) else iter(checked)


def _checked(prompts: Any, expected: Any) -> Any:
    if isinstance(prompts, str | bytes) or not isinstance(prompts, expected):
        raise InvalidMessages(f"expected an iterable of prompts, got {short_repr(prompts)}")
    return prompts

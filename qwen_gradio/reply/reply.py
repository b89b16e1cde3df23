"""Reply: a question as it is answered, by trying again and by turning to others where that is needed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import anyio

from ..errors import AllFailed, QwenGradioError, SpaceUnavailable, UsageError
from .attempt import NO_END, Attempt, Total, deadline
from .events import Event, Finished, Fragment

logger = logging.getLogger("qwen_gradio")
logging.getLogger("stamina").addHandler(logging.NullHandler())  # it warns of each pause, which is ours to tell

# Between two goes: exponential, with jitter, in seconds. What a Space asks for itself (`retry_after`) goes before, but
# whoever waits for a reply is not kept waiting longer than LONGEST for the next go.
FIRST_PAUSE, LONGEST_PAUSE, JITTER, LONGEST = 0.5, 10.0, 0.5, 60.0


class Reply:
    """A reply as it comes: an async iterator of str fragments, and an async context manager.

    The fragments joined are the reply. The question is sent when the first of them is asked for. Leaving early, by
    `break`, an exception, cancellation or `aclose`, stops the Space's work; `async with` is the sure way to it.

    What a model thinks before it answers, where the Space shows it, is kept apart: it is in `thinking`, among the
    `events`, and in the str stream if `include_thinking` was asked for.

    Before the first fragment, a failure that trying again can help is tried again, and then the fallbacks are asked.
    After it, it is raised.

    Should the Space rewrite what it had shown, the str stream gives the new text whole, while `events` tells from which
    character on it replaces the old.
    """

    def __init__(
        self, choices: Sequence[Callable[[], Attempt]], *, retries: int, total: float | None, include_thinking: bool
    ) -> None:
        self._choices = list(choices)
        self._choice = self._choices.pop(0)
        self._attempt = self._choice()
        self._allowed = self._retries = retries
        self._total = total
        self._whole = NO_END
        self._include_thinking = include_thinking
        self._failed: list[QwenGradioError] = []
        self._begun = False
        self._over = False
        self._awaited = False
        self._on_finished: Callable[[str], None] | None = None

    def __repr__(self) -> str:
        return f"<qwen_gradio.Reply from {self.space}: {len(self.text)} characters{', ended' * self._over}>"

    @property
    def space(self) -> str:
        """Who answers: the Space's id or URL, or that of the fallback that was turned to."""
        return self._attempt.space

    @property
    def text(self) -> str:
        """The answer so far, as the Space shows it."""
        return self._attempt.decoders["answer"].text

    @property
    def thinking(self) -> str:
        """What was thought so far, as the Space shows it; `""` where it shows none."""
        return self._attempt.decoders["thinking"].text

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """Give the next fragment.

        Raises:
            QwenGradioError: the reply failed; `partial` holds what had come.
        """
        while True:
            event = await self._next()
            if event is None:
                raise StopAsyncIteration
            if not isinstance(event, Fragment) or (event.kind == "thinking" and not self._include_thinking):
                continue
            decoder = self._attempt.decoders[event.kind]
            given_before = decoder.before
            if event.start == len(given_before):
                return event.text
            if event.start < len(given_before) and not event.text and not given_before[event.start :].strip():
                continue  # white space at the end was taken back, which is not worth the whole again
            if decoder.text:
                return decoder.text

    def events(self) -> AsyncIterator[Event]:
        """Iterate over all that happens: Queued, Started, Fragment, and Finished at the end.

        Raises:
            QwenGradioError: the reply failed; `partial` holds what had come.
        """
        return _Events(self)

    async def aclose(self) -> None:
        """End the reply, here and on the Space. It can be called at any time, and again."""
        self._leave()
        await self._attempt.aclose()

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        """Nothing here waits, so it works under cancellation and in `__del__`, and needs no shield."""
        self._over = True
        self._attempt.leave()

    async def _next(self) -> Event | None:
        """Give the next event, None after the last. Whatever is raised while it is waited for ends the reply."""
        if self._over:
            return None
        if self._awaited:
            raise UsageError("expected one reader of a reply at a time; another task is waiting for its next fragment")
        self._awaited = True
        try:
            event = await (self._attempt.next(self._whole) if self._begun else self._first())
        except QwenGradioError as exc:
            if self._over:  # left by another task, which is why the call failed
                return None
            await self._explain(exc)
            await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise
        finally:
            self._awaited = False
        if self._over:  # closed by another task meanwhile
            self._attempt.leave()
            return None
        self._begun = self._begun or isinstance(event, Fragment)
        if isinstance(event, Finished):
            self._leave()
            if self._on_finished is not None:
                self._on_finished(event.text)
        return event

    def _in_all(self) -> contextlib.AbstractContextManager[None]:
        """The deadline of the whole reply."""
        if self._total is None:
            return contextlib.nullcontext()
        now = anyio.current_time()
        if self._whole.seconds != self._total:  # it begins now
            self._whole = Total(now + self._total, self._total)
        return deadline("total", max(0.0, self._whole.ends - now), self._total)

    async def _explain(self, exc: QwenGradioError) -> None:
        """Say in the error who failed, with what had come."""
        if not exc.space:
            exc.space, exc.partial = self._attempt.space, self.text
        if isinstance(exc, SpaceUnavailable) and not exc.state:
            exc.found(await self._attempt.state())

    async def _first(self) -> Event:
        """Give the next event before the first fragment: if there is none, ask again, and then the next choice."""
        with self._in_all():
            while True:
                try:
                    return await self._retried()
                except QwenGradioError as exc:  # noqa: PERF203 - once a choice
                    await self._turn_to_the_next(exc)
        raise AssertionError("unreachable")  # pragma: no cover - `deadline` raises

    async def _turn_to_the_next(self, exc: QwenGradioError) -> None:
        """Or raise, if there is none, or if it is the question itself that is wrong."""
        is_ours = isinstance(exc, UsageError) and not self._failed
        if self._over or is_ours or not (self._choices or self._failed):
            raise exc
        await self._explain(exc)
        self._failed.append(exc)
        if not self._choices:
            raise AllFailed("none of them answered", self._failed, space=self._failed[0].space) from exc
        logger.info("%s; turning to the next", exc)
        await self._attempt.aclose()
        if self._over:  # closed by another task meanwhile
            raise exc
        self._choice, self._retries = self._choices.pop(0), self._allowed
        self._attempt = self._choice()

    async def _retried(self) -> Event:
        try:
            return await self._attempt.next()
        except QwenGradioError as exc:
            if not self._worth_retrying(exc):
                raise
            failed: QwenGradioError | None = exc
        import stamina  # here, as most replies don't need it

        async for go in stamina.retry_context(
            self._pause,
            attempts=self._retries + 1,
            timeout=None,
            wait_initial=FIRST_PAUSE,
            wait_max=LONGEST_PAUSE,
            wait_jitter=JITTER,
        ):
            with go:
                if failed is not None:  # the first go has been
                    first, failed = failed, None
                    raise first
                if self._over:
                    raise UsageError("this reply was closed before it was asked for again")  # to `_next`, which ends it
                self._attempt = self._choice()
                return await self._attempt.next()
        raise AssertionError("unreachable")  # pragma: no cover - the last go raises or returns

    def _pause(self, exc: Exception) -> bool | float:
        """Whether to try again, or after how many seconds; asked by stamina."""
        if not isinstance(exc, QwenGradioError) or not self._worth_retrying(exc):
            return False
        self._retries -= 1
        self._attempt.leave()
        logger.info("%s: %s; trying again", self._attempt.space, exc)
        return getattr(exc, "retry_after", None) or True

    def _worth_retrying(self, exc: QwenGradioError) -> bool:
        pause = getattr(exc, "retry_after", None) or 0.0
        return exc.retryable and self._retries > 0 and not self._over and pause <= LONGEST


class _Events:
    """A Reply as an iterator of events. It owns nothing, so leaving it is leaving the Reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._reply._next()
        if event is None:
            raise StopAsyncIteration
        return event

"""The attempts at one question: how they are built, when another one follows, and after how long."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import AllFailed, QwenGradioError, SpaceUnavailable, UsageError
from ..text.messages import Chat, Message
from .attempt import Attempt, SpaceAttempt
from .connector import SpaceConnector
from .deadlines import Deadline, deadline, fail_at
from .events import Event, Timeouts
from .provider import Provider, ProviderAttempt
from .states import AttemptState

T = TypeVar("T")

logger = logging.getLogger("qwen_gradio")
logging.getLogger("stamina").addHandler(logging.NullHandler())  # it warns of each retry, which is logged here

# Seconds between two attempts: exponential, with jitter. A Space's own `retry_after` takes precedence, up to
# MAX_RETRY_AFTER: nobody waits longer than that for the next attempt.
INITIAL_DELAY, MAX_DELAY, JITTER, MAX_RETRY_AFTER = 0.5, 10.0, 0.5, 60.0


@dataclass(frozen=True)
class Question:
    """One question, in each form that an attempt may need.

    Attributes:
        chat: for a Space.
        messages: for another provider: the same, OpenAI-style.
        options: other parameters of the Space's endpoint.
        ignore_unknown_options: whether the first choice, too, gets only the options that it takes.
        timeouts: how long to wait for another provider.
        max_reply_chars: how many characters another provider's reply may have.
        provider_options: what another provider gets besides.
    """

    chat: Chat
    messages: Sequence[Message]
    timeouts: Timeouts
    max_reply_chars: int
    options: Mapping[str, Any] = field(default_factory=dict)
    ignore_unknown_options: bool = False
    provider_options: Mapping[str, Any] = field(default_factory=dict)


def build_attempts(choices: Sequence[SpaceConnector | Provider], question: Question) -> list[Callable[[], Attempt]]:
    """Make what makes an attempt at each choice; all but the first get only those of the options that they take."""
    factories: list[Callable[[], Attempt]] = []
    for number, choice in enumerate(choices):
        if isinstance(choice, SpaceConnector):
            ignore = question.ignore_unknown_options or number > 0
            factories.append(
                functools.partial(SpaceAttempt, choice, question.chat, question.options, ignore_unknown_options=ignore)
            )
        else:
            factories.append(
                functools.partial(
                    ProviderAttempt,
                    choice,
                    question.messages,
                    timeouts=question.timeouts,
                    max_reply_chars=question.max_reply_chars,
                    **question.provider_options,
                )
            )
    return factories


class Retries:
    """How often something is tried again, and after how long.

    Args:
        allowed: how often, at the most.
    """

    def __init__(self, allowed: int) -> None:
        self.remaining = allowed

    def should_retry(self, exc: BaseException) -> bool:
        """Whether trying again can help, and soon enough."""
        retry_after = getattr(exc, "retry_after", None) or 0.0
        is_retryable = isinstance(exc, QwenGradioError) and exc.retryable
        return is_retryable and self.remaining > 0 and retry_after <= MAX_RETRY_AFTER

    def delay(self, exc: Exception) -> bool | float:
        """Decide for stamina: False for no other try, True for its own delay, or the Space's own in seconds."""
        if not self.should_retry(exc):
            return False
        self.remaining -= 1
        logger.info("%s; trying again", exc)
        return getattr(exc, "retry_after", None) or True

    async def run(self, call: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[T]] | None = None) -> T:
        """Call until there is a result.

        Args:
            call: the first time.
            again: any other time; None for the same.

        Raises:
            QwenGradioError: the last failure.
        """
        try:
            return await call()
        except QwenGradioError as exc:
            if not self.should_retry(exc):
                raise
            failure: QwenGradioError | None = exc
        import stamina  # here, as most replies don't need it

        retrying = stamina.retry_context(
            self.delay,
            attempts=self.remaining + 1,
            timeout=None,
            wait_initial=INITIAL_DELAY,
            wait_max=MAX_DELAY,
            wait_jitter=JITTER,
        )
        async for attempt in retrying:
            with attempt:
                if failure is not None:
                    first, failure = failure, None
                    raise first
                return await (again or call)()
        raise AssertionError("unreachable")  # pragma: no cover - the last attempt raises or returns


class Attempts:
    """The attempts at one question, one after the other.

    Until the first fragment, a failure for which that can help is followed by another attempt at the same choice, and
    then the fallbacks have their turn. From the first fragment on, a failure is raised.

    Args:
        factories: what makes an attempt at each choice, in order.
        retries: how often each choice is tried again.
        total: the timeout of the whole reply, in seconds; None for none.

    Attributes:
        current: the latest attempt.
    """

    def __init__(self, factories: Sequence[Callable[[], Attempt]], *, retries: int, total: float | None) -> None:
        self.current = factories[0]()
        self._factories = deque(factories)  # the first is the current one's
        self._allowed = retries
        self._retries = Retries(retries)
        self._failures: list[QwenGradioError] = []
        self._total_timeout = total
        self._total: Deadline | None = None

    async def next(self) -> Event:
        """Return the next event, Finished last.

        Raises:
            AllFailed: there were several choices, and all have failed.
            QwenGradioError: the only one failed, or the one that had begun to answer.
        """
        if self._total is None:
            self._total = deadline("total", self._total_timeout)
        try:
            if self.current.state is AttemptState.STREAMING:
                return await self.current.next(self._total)
            with fail_at(self._total):
                return await self._next_before_streaming()
        except QwenGradioError as exc:
            if not self._is_cancelled:
                await self._annotate(exc)
            raise

    async def _next_before_streaming(self) -> Event:
        while True:
            try:
                return await self._retries.run(self.current.next, self._try_again)
            except QwenGradioError as exc:  # noqa: PERF203 - once a choice
                await self._fall_back(exc)

    async def _try_again(self) -> Event:
        self._check_not_cancelled()
        self.current = self._factories[0]()
        return await self.current.next()

    async def _fall_back(self, exc: QwenGradioError) -> None:
        """Turn to the next choice; raise if there is none, or if the question itself is wrong."""
        is_wrong_question = isinstance(exc, UsageError) and not self._failures
        is_only_choice = len(self._factories) == 1 and not self._failures
        if self._is_cancelled or is_wrong_question or is_only_choice:
            raise exc
        await self._annotate(exc)
        self._failures.append(exc)
        self._factories.popleft()
        if not self._factories:
            raise AllFailed("none of them answered", self._failures, space=self._failures[0].space) from exc
        logger.info("%s; asking the next fallback", exc)
        await self.current.aclose()
        self.current = self._factories[0]()
        self._retries = Retries(self._allowed)

    @property
    def _is_cancelled(self) -> bool:
        return self.current.state is AttemptState.CANCELLED

    def _check_not_cancelled(self) -> None:
        if self._is_cancelled:
            raise UsageError("this reply was closed before the question was asked again")  # to `Reply`, which ends

    async def _annotate(self, exc: QwenGradioError) -> None:
        """Add to an error who failed, the text so far, and the state of a Space that doesn't answer."""
        if not exc.space:
            exc.space, exc.partial = self.current.space, self.current.decoders["answer"].text
        if isinstance(exc, SpaceUnavailable) and not exc.state:
            exc.set_state(await self.current.fetch_state())

    def cancel(self) -> None:
        """End the current attempt without waiting; no other follows."""
        self.current.cancel()

    async def aclose(self) -> None:
        """End the current attempt, and wait for its cleaning up; no other follows."""
        await self.current.aclose()

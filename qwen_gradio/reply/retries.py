"""The attempts at one question: their construction, retries with backoff, fallbacks."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import AllFailed, QwenGradioError, SpaceUnavailable, UsageError
from ..text.files import File
from ..text.messages import Chat, Message
from .attempt import Attempt, SpaceAttempt
from .connector import SpaceConnector
from .deadlines import Deadline, deadline, fail_at
from .events import Event, Timeouts
from .provider import Provider, ProviderAttempt
from .rotation import Rotation
from .session import Memory
from .states import AttemptState

T = TypeVar("T")

logger = logging.getLogger("qwen_gradio")
logging.getLogger("stamina").addHandler(logging.NullHandler())  # it warns of each retry; this module logs them itself

# Seconds between two attempts: exponential backoff with jitter. A Space's own `retry_after` takes precedence; if it is
# longer than MAX_RETRY_AFTER, there is no retry.
INITIAL_DELAY, MAX_DELAY, JITTER, MAX_RETRY_AFTER = 0.5, 10.0, 0.5, 60.0


@dataclass(frozen=True)
class Question:
    """One question, for Spaces and for providers.

    Attributes:
        chat: the question and the turns before it, for a Space.
        messages: the same as OpenAI-style messages, for a provider.
        extra_files: the files that aren't among the messages.
        timeouts: the timeouts of a provider, and `total`; a Space's others are its connector's.
        max_reply_chars: the maximum length of a provider's reply, in characters; a Space's is its connector's.
        options: values of other parameters of a Space's endpoint, by name.
        ignore_unknown_options: True to drop options that the first choice doesn't have; fallbacks always do that.
        provider_options: keyword arguments for a provider.
        memory: the Conversation's, for the first choice; None for a question without one.
        continuation: the question alone, if the turns before were asked in the session that `memory` keeps.
        rotation: the order of the choices, if questions are spread over them; None for their own order.
    """

    chat: Chat
    messages: Sequence[Message]
    timeouts: Timeouts
    max_reply_chars: int
    extra_files: Sequence[File] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    ignore_unknown_options: bool = False
    provider_options: Mapping[str, Any] = field(default_factory=dict)
    memory: Memory | None = None
    continuation: Chat | None = None
    rotation: Rotation | None = None


def build_attempts(choices: Sequence[SpaceConnector | Provider], question: Question) -> list[Callable[[], Attempt]]:
    """Return one function per choice that creates an attempt at it; the fallbacks ignore unknown options.

    Where questions are spread, none does: a misspelt option would go unnoticed.
    """
    factories: list[Callable[[], Attempt]] = []
    for number, choice in enumerate(choices):
        if isinstance(choice, SpaceConnector):
            ignore = question.ignore_unknown_options or (number > 0 and question.rotation is None)
            factories.append(
                functools.partial(
                    SpaceAttempt,
                    choice,
                    question.chat,
                    question.options,
                    ignore_unknown_options=ignore,
                    memory=None if number else question.memory,
                    continuation=None if number else question.continuation,
                )
            )
        else:
            factories.append(
                functools.partial(
                    ProviderAttempt,
                    choice,
                    question.messages,
                    files=question.extra_files,
                    timeouts=question.timeouts,
                    max_reply_chars=question.max_reply_chars,
                    options=question.provider_options,
                )
            )
    return factories


class Retries:
    """The retries of one call: their number, and the backoff between them.

    Args:
        allowed: the maximum number of retries.

    Attributes:
        remaining: the number of retries that are left.
    """

    def __init__(self, allowed: int) -> None:
        self.remaining = allowed

    def should_retry(self, exc: BaseException) -> bool:
        """Return True if another attempt may succeed, is allowed, and need not wait too long."""
        retry_after = getattr(exc, "retry_after", None) or 0.0
        is_retryable = isinstance(exc, QwenGradioError) and exc.retryable
        return is_retryable and self.remaining > 0 and retry_after <= MAX_RETRY_AFTER

    def delay(self, exc: Exception) -> bool | float:
        """Return stamina's next step: False for no retry, True for its own backoff, or the Space's delay in seconds."""
        if not self.should_retry(exc):
            return False
        self.remaining -= 1
        logger.info("%s; trying again", exc)
        return getattr(exc, "retry_after", None) or True

    async def run(self, call: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[T]] | None = None) -> T:
        """Call a function, with retries, and return its result.

        Args:
            call: the function to call.
            again: the function to call in retries; None for `call`.

        Raises:
            QwenGradioError: the last failure.
        """
        try:
            return await call()
        except QwenGradioError as exc:
            if not self.should_retry(exc):
                raise
            failure: QwenGradioError | None = exc
        import stamina  # not at the top, as most replies need no retry

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

    A failure before the first fragment is followed by another attempt at the same choice, if that may succeed, and
    then by attempts at the fallbacks. A failure after the first fragment is raised.

    Args:
        factories: one function per choice that creates an attempt at it; the fallbacks last.
        retries: the maximum number of retries of each choice.
        total: the timeout of the complete reply, in seconds; None for no timeout.
        rotation: the order in which the choices are tried, which learns of their failures; None for their own order.

    Attributes:
        current: the latest attempt.
    """

    def __init__(
        self,
        factories: Sequence[Callable[[], Attempt]],
        *,
        retries: int,
        total: float | None,
        rotation: Rotation | None = None,
    ) -> None:
        self._rotation = rotation
        self._order = deque(rotation.next_order() if rotation else range(len(factories)))
        self._factories = deque(factories[number] for number in self._order)
        self.current = self._factories[0]()  # the first is always the current attempt's
        self._allowed = retries
        self._retries = Retries(retries)
        self._failures: list[QwenGradioError] = []
        self._total_timeout = total
        self._total: Deadline | None = None

    async def next(self) -> Event:
        """Return the next event, Finished last.

        Raises:
            AllFailed: all of several choices failed.
            QwenGradioError: the only choice failed, or the current one after its first fragment.
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
                self._report(exc)
                await self._annotate(exc)
            raise

    async def _next_before_streaming(self) -> Event:
        while True:
            try:
                return await self._retries.run(self._try_first, self._try_again)
            except QwenGradioError as exc:  # noqa: PERF203 - once per choice
                await self._fall_back(exc)

    async def _try_first(self) -> Event:
        try:
            return await self.current.next()
        except QwenGradioError as exc:
            self._report(exc)
            raise

    async def _try_again(self) -> Event:
        self._check_not_cancelled()
        self.current = self._factories[0]()
        return await self._try_first()

    def _report(self, exc: QwenGradioError) -> None:
        """Tell the rotation of a failure of the current choice."""
        if self._rotation is not None and self._order:
            self._rotation.report(self._order[0], exc)

    async def _fall_back(self, exc: QwenGradioError) -> None:
        """Make the next choice current; raise if there is none, or if the question itself is invalid."""
        is_invalid_question = isinstance(exc, UsageError) and not self._failures and self._rotation is None
        is_only_choice = len(self._factories) == 1 and not self._failures
        if self._is_cancelled or is_invalid_question or is_only_choice:
            raise exc
        await self._annotate(exc)
        self._failures.append(exc)
        self._factories.popleft()
        self._order.popleft()
        if not self._factories:
            raise AllFailed("none of them answered", self._failures, space=self._failures[0].space) from exc
        logger.info("%s; trying the next fallback", exc)
        await self.current.aclose()
        self.current = self._factories[0]()
        self._retries = Retries(self._allowed)

    @property
    def _is_cancelled(self) -> bool:
        return self.current.state is AttemptState.CANCELLED

    def _check_not_cancelled(self) -> None:
        if self._is_cancelled:
            raise UsageError("this reply was closed before the next attempt")  # `Reply` catches it and ends

    async def _annotate(self, exc: QwenGradioError) -> None:
        """Set an error's `space` and `partial`, and the `state` of a Space that doesn't answer."""
        if not exc.space:
            exc.space, exc.partial = self.current.space, self.current.decoders["answer"].text
        if isinstance(exc, SpaceUnavailable) and not exc.state:
            exc.set_state(await self.current.fetch_state())

    def cancel(self) -> None:
        """Cancel the current attempt without waiting; no other follows."""
        self.current.cancel()

    async def aclose(self) -> None:
        """Cancel the current attempt, and wait until it is closed; no other follows."""
        await self.current.aclose()

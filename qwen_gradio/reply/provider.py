"""ProviderAttempt: one attempt at a reply from a provider, in place of a Space."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import anyio

from ..errors import ProviderFailed, QwenGradioError, ReplyTooLong, UsageError
from ..text.files import File
from ..text.messages import Message, with_files
from ..text.snapshots import SnapshotDecoder
from ..transport.threads import CLOSE_TIMEOUT
from .attempt import finished_event
from .deadlines import TIMEOUT_OF, Deadline, deadline, fail_at
from .events import Event, Fragment, Kind, Timeouts
from .states import AttemptState, transition

logger = logging.getLogger("qwen_gradio")


class Provider(Protocol):
    """A source of replies other than a Space: the part of g4f's contract that is used here."""

    def create_async_generator(self, model: str, messages: Sequence[Message], **options: Any) -> AsyncIterator[Any]:
        """Return an iterator over the fragments of the reply."""


def provider_name(provider: object) -> str:
    """Return a provider's name, for messages."""
    return str(getattr(provider, "__name__", None) or type(provider).__name__)


class ProviderAttempt:
    """One attempt at a provider. Output that isn't text is dropped, as g4f's lists of providers do.

    Args:
        provider: the provider.
        messages: OpenAI-style messages.
        files: files of the question that aren't among the messages; they are added as OpenAI's parts.
        timeouts: the timeouts of the reply's events.
        max_reply_chars: the maximum length of the reply, in characters.
        options: keyword arguments for the provider; without `model`, it uses its default.
    """

    def __init__(
        self,
        provider: Provider,
        messages: Sequence[Message],
        *,
        files: Sequence[File] = (),
        timeouts: Timeouts,
        max_reply_chars: int,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.space = provider_name(provider)
        self.state = AttemptState.NEW
        self.decoders: dict[Kind, SnapshotDecoder] = {"thinking": SnapshotDecoder(), "answer": SnapshotDecoder()}
        self._timeouts = timeouts
        self._max_chars = max_reply_chars
        arguments = {"model": "", **options}
        self._create_generator = functools.partial(provider.create_async_generator, **arguments)
        self._messages = messages
        self._files = files
        self._generator: AsyncIterator[Any] | None = None

    @property
    def is_ended_by_cancel(self) -> bool:
        """See `Attempt.is_ended_by_cancel`: cancelling doesn't reach the provider's generator."""
        return False

    async def next(self, total: Deadline | None = None) -> Event:
        """See `Attempt.next`."""
        if self.state is AttemptState.NEW:
            self._enter(AttemptState.STARTED)
        try:
            return await self._receive(total)
        except QwenGradioError:
            if not self.state.is_over:
                self._enter(AttemptState.FAILED)
            raise

    def _enter(self, state: AttemptState) -> None:
        self.state = transition(self.state, state)

    async def _receive(self, total: Deadline | None) -> Event:
        decoder, name = self.decoders["answer"], TIMEOUT_OF[self.state]
        with fail_at(deadline(name, getattr(self._timeouts, name)), total):
            fragment = await self._next_fragment()
        if self.state is AttemptState.CANCELLED:
            raise UsageError("this reply was closed by another task")  # `Reply` catches it and ends
        if fragment is None:
            finished = finished_event(self.decoders)
            self._enter(AttemptState.FINISHED)
            return finished
        start = len(decoder.text)
        if start + len(fragment) > self._max_chars:
            raise ReplyTooLong(f"its reply is longer than {self._max_chars} characters")
        decoder.finish(decoder.text + fragment)
        if self.state is AttemptState.STARTED:
            self._enter(AttemptState.STREAMING)
        return Fragment(fragment, start)

    async def _next_fragment(self) -> str | None:
        """Receive the next fragment; None after the last."""
        try:
            if self._generator is None:
                self._generator = aiter(self._create_generator(messages=with_files(self._messages, self._files)))
            async for fragment in self._generator:
                if isinstance(fragment, str) and fragment:
                    return fragment
        except QwenGradioError:
            raise
        except Exception as exc:
            raise ProviderFailed(f"it failed ({type(exc).__name__}: {exc!s:.200})") from exc
        return None

    async def fetch_state(self) -> str:
        """See `Attempt.fetch_state`."""
        return ""

    def cancel(self) -> None:
        """See `Attempt.cancel`; `aclose` closes the generator, as that has to be awaited."""
        if self.state not in (AttemptState.FINISHED, AttemptState.CANCELLED):
            self._enter(AttemptState.CANCELLED)

    async def aclose(self) -> None:
        """See `Attempt.aclose`."""
        is_finished = self.state is AttemptState.FINISHED
        self.cancel()
        generator, self._generator = self._generator, None
        close = getattr(generator, "aclose", None)
        if close is None or is_finished:
            return
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            try:
                await close()
            except Exception:
                logger.debug("%s raised an exception when it was closed", self.space, exc_info=True)

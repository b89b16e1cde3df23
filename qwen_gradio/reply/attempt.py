"""One go at a reply, at a Space or at another provider: its events and its deadlines."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import reprlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import anyio

from ..errors import (
    DeadlineExceeded,
    EmptyReply,
    ProtocolError,
    ProviderFailed,
    QwenGradioError,
    ReplyTooLong,
    UsageError,
)
from ..space import catalogue
from ..space.recipe import Endpoint
from ..text.chatbot import Snapshot
from ..text.messages import Chat, Message
from ..text.snapshots import Decoder
from ..transport.threads import DaemonThreadExecutor, Overdue, ThreadsafeEvent, Watch, wrap_future
from .events import JOINED, Event, Finished, Fragment, Kind, Queued, Started, Timeouts

if TYPE_CHECKING:  # at runtime it would import gradio_client, which takes a second
    from ..transport.connection import Connection
    from ..transport.job import Output, QueueStatus, Submission

logger = logging.getLogger("qwen_gradio")

CLOSING = 2.0  # seconds that another provider may take to clean up


WAITED_FOR = {
    "connect": "it did not answer",
    "queue": "no turn came",
    "first": "it began, and said nothing",
    "silence": "nothing new came",
    "total": "the reply was not whole",
}


@contextlib.contextmanager
def deadline(name: str, seconds: float | None, allowed: float | None = None) -> Iterator[None]:
    """Wrap one await, never a yield of an async generator.

    Args:
        name: the field of Timeouts.
        seconds: how long is left; None for ever.
        allowed: how long it was in all, if that is another number.

    Raises:
        DeadlineExceeded: it took longer.
    """
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise _overdue(name, allowed or seconds)


class Total(NamedTuple):
    """The deadline of the whole reply: when that is, by the event loop's clock, and how many seconds were allowed."""

    ends: float = math.inf
    seconds: float = math.inf


NO_END = Total()


def _overdue(name: str, seconds: float | None) -> DeadlineExceeded:
    return DeadlineExceeded(f"{WAITED_FOR[name]} for {seconds:g} s", deadline=name)


class Attempt(Protocol):
    """One go at a reply, at one Space or provider."""

    @property
    def space(self) -> str:
        """Whom it asks."""

    @property
    def decoders(self) -> Mapping[Kind, Decoder]:
        """What it has shown so far."""

    async def next(self, total: Total = NO_END) -> Event:
        """Give the next event, Finished last. Raises QwenGradioError."""

    async def state(self) -> str:
        """Ask the Hub in which state a Space is that doesn't answer."""

    def leave(self) -> None:
        """End it, without waiting. May be called again."""

    async def aclose(self) -> None:
        """End it, and wait for what must be waited for."""


# --- one go at a Space


class Asked(Protocol):
    """A Space that can be asked.

    Attributes:
        timeouts: how long to wait for what.
        max_reply_chars: how much it may say.
    """

    @property
    def space(self) -> str:
        """Its id, or its URL."""

    timeouts: Timeouts
    max_reply_chars: int

    async def _connected(self) -> tuple[Connection, Endpoint]: ...

    async def _state(self) -> str: ...


class SpaceAttempt:
    """One go at a Space: connecting, if that hasn't been done, and one job."""

    def __init__(self, asked: Asked, chat: Chat, options: Mapping[str, Any], *, lenient: bool = False) -> None:
        self.space = asked.space
        self.decoders: dict[Kind, Decoder] = {"thinking": Decoder(), "answer": Decoder()}
        self._asked = asked
        self._chat = chat
        self._options = options
        self._lenient = lenient  # a fallback is asked with what it takes of another Space's options
        self._connection: Connection | None = None
        self._submission: Submission | None = None
        self._is_helped = True
        self._source: AsyncGenerator[Event, None] | None = None
        self._watch = Watch()
        self._waiting_for = "connect"
        self._left = self._allowed = asked.timeouts.connect
        self._over = False

    async def next(self, total: Total = NO_END) -> Event:
        """See Attempt."""
        if self._source is None:
            self._source = await self._ask()
        while True:
            began = None if self._waiting_for == "silence" else anyio.current_time()
            self._watch.begin(self._left, total.ends)
            try:
                event = await anext(self._source)
            except QwenGradioError:
                if not await self._ask_unhelped():
                    raise
                continue
            except Overdue:
                if self._watch.is_the_latest:
                    raise _overdue("total", total.seconds) from None
                raise _overdue(self._waiting_for, self._allowed or 0.0) from None
            except StopAsyncIteration:  # an event loop that ends closes the generators that were begun in it
                raise UsageError("this reply was begun in an event loop that has ended") from None
            if isinstance(event, Fragment):
                if self._waiting_for != "silence":
                    self._wait_for("silence")
                    if not self._is_helped and self._connection is not None:
                        self._connection.disable_hooks()
            elif isinstance(event, Started):
                self._wait_for("first")
            elif self._waiting_for == "connect":
                self._wait_for("queue")
            elif self._left is not None and began is not None:  # what the reader does meanwhile is not counted
                self._left = max(0.0, self._left - (anyio.current_time() - began))
            if event is not JOINED:
                return event

    async def _ask_unhelped(self) -> bool:
        """Ask again with gradio_client as it is, if the Space refused what it was helped with; whether that was so."""
        submission = self._submission
        if self._over or submission is None or not (submission.uses_hooks and submission.is_refused):
            return False
        self._is_helped = False
        self._source = await self._ask()
        return True

    def _wait_for(self, name: str) -> None:
        self._waiting_for = name
        self._allowed = getattr(self._asked.timeouts, name)
        self._left = self._allowed

    async def state(self) -> str:
        """See Attempt."""
        return await self._asked._state()

    def leave(self) -> None:
        """See Attempt."""
        self._over = True
        if self._submission is not None:
            self._submission.cancel()
        if self._source is not None:
            # It rests at a `yield` and awaits nothing on its way out, so one step ends it. Left to the garbage
            # collector it would be the event loop's affair, of which trio warns. While a task waits in it
            # (RuntimeError), leaving the call ends it.
            with contextlib.suppress(StopIteration, RuntimeError):
                self._source.aclose().__await__().send(None)

    async def aclose(self) -> None:
        """See Attempt."""
        self.leave()

    async def _ask(self) -> AsyncGenerator[Event, None]:
        connection, endpoint = await self._asked._connected()
        self._connection = connection
        if self._over:
            raise UsageError("this reply was closed while it was being asked for")  # to `_next`, which ends it
        options = self._options
        if self._lenient:
            taken = {option.name for option in endpoint.options}
            options = {name: value for name, value in options.items() if name in taken}
        arguments = endpoint.arguments(self._chat, options)
        from ..transport.job import updates  # imported by now; at the top it would take a second

        news = ThreadsafeEvent()
        session = catalogue.generate_session_hash()
        submit = functools.partial(
            connection.submit, session, endpoint.api_name, arguments, news.set, use_hooks=self._is_helped
        )
        blocks = connection.blocks or not self._is_helped
        self._submission = await self._in_thread(submit) if blocks else submit()
        if self._over:
            self._submission.cancel()
        read = functools.partial(endpoint.snapshot, chat=self._chat)
        followed = updates(self._submission, news, self._watch)
        return _events(followed, read, self.decoders, self._asked.max_reply_chars)

    async def _in_thread(self, submit: Callable[[], Submission]) -> Submission:
        future = DaemonThreadExecutor().submit(submit)
        try:
            with deadline("connect", self._asked.timeouts.connect):
                return await wrap_future(future)
        except BaseException:  # nobody will read the reply
            future.add_done_callback(_cancel_submission)
            raise


def _cancel_submission(submitted: Future[Submission]) -> None:
    if submitted.exception() is None:
        submitted.result().cancel()


async def _events(
    news: AsyncGenerator[QueueStatus | Output, None],
    read: Callable[..., Snapshot | None],
    decoders: Mapping[Kind, Decoder],
    most: int,
) -> AsyncGenerator[Event, None]:
    """Understand what a job brings. It knows no Reply, so that a Reply which nobody holds is freed at once."""
    from ..transport.job import Output  # imported by now

    started = False
    async with contextlib.aclosing(news):
        async for update in news:
            if isinstance(update, Output):
                if not started:
                    started = True
                    yield Started()
                try:
                    snapshot = read(update.value, whole=update.last)
                except ProtocolError:
                    if update.last:
                        raise
                    logger.debug("an update that can't be read: %s", reprlib.repr(update.value))
                    snapshot = None
                if snapshot is None:
                    snapshot = Snapshot(decoders["answer"].text, decoders["thinking"].text)
                if len(snapshot.answer) + len(snapshot.thinking) > most:
                    raise ReplyTooLong(f"it said more than {most} characters")
                for kind, decoder in decoders.items():
                    # A Chatbot that is emptied says nothing; what was said stands.
                    text = (snapshot.answer if kind == "answer" else snapshot.thinking) or decoder.text
                    if text == decoder.text and not update.last:
                        continue
                    splice = decoder.finish(text) if update.last else decoder.feed(text)
                    if splice is not None:
                        yield Fragment(splice.text, splice.start, kind)
            elif update.stage == "joined":
                yield JOINED
            elif update.stage == "queued":
                position = None if update.rank is None else update.rank + 1
                yield Queued(position, update.size, update.eta)
            elif update.stage == "started" and not started:
                started = True
                yield Started()
    answer, thinking = decoders["answer"].text, decoders["thinking"].text
    if not answer:
        raise EmptyReply("it thought, but gave no answer" if thinking else "it finished without a word")
    yield Finished(answer, thinking)


# --- one go at another provider


class Provider(Protocol):
    """What can stand in for a Space: g4f's contract, as far as it is used here."""

    def create_async_generator(self, model: str, messages: Sequence[Message], **options: Any) -> AsyncIterator[Any]:
        """Ask, and give the reply's fragments."""


def name_of(provider: object) -> str:
    """What to call a provider in messages."""
    return str(getattr(provider, "__name__", None) or type(provider).__name__)


class ProviderAttempt:
    """One go at a provider. What it gives besides text is left out, as in a list of g4f's providers."""

    def __init__(
        self,
        provider: Provider,
        messages: Sequence[Message],
        *,
        timeouts: Timeouts,
        max_reply_chars: int,
        model: str = "",
        **options: Any,
    ) -> None:
        self.space = name_of(provider)
        self.decoders: dict[Kind, Decoder] = {"thinking": Decoder(), "answer": Decoder()}
        self._timeouts = timeouts
        self._most = max_reply_chars
        self._make = functools.partial(provider.create_async_generator, model=model, messages=messages, **options)
        self._generator: AsyncIterator[Any] | None = None
        self._finished = False

    async def next(self, total: Total = NO_END) -> Event:
        """See Attempt."""
        text = self.decoders["answer"].text
        name = "silence" if text else "first"
        left = None if total is NO_END else max(0.0, total.ends - anyio.current_time())
        with deadline("total", left, total.seconds), deadline(name, getattr(self._timeouts, name)):
            fragment = await self._fragment()
        if fragment is None:
            self._finished = True
            if not text:
                raise EmptyReply("it finished without a word")
            return Finished(text)
        if len(text) + len(fragment) > self._most:
            raise ReplyTooLong(f"it said more than {self._most} characters")
        self.decoders["answer"].finish(text + fragment)
        return Fragment(fragment, len(text))

    async def _fragment(self) -> str | None:
        """Its next fragment, None after the last."""
        try:
            if self._generator is None:
                self._generator = aiter(self._make())
            async for fragment in self._generator:
                if isinstance(fragment, str) and fragment:
                    return fragment
        except QwenGradioError:
            raise
        except Exception as exc:
            raise ProviderFailed(f"it failed ({type(exc).__name__}: {exc!s:.200})") from exc
        return None

    async def state(self) -> str:
        """See Attempt."""
        return ""

    def leave(self) -> None:
        """Nothing can be done without waiting."""

    async def aclose(self) -> None:
        """See Attempt."""
        close = getattr(self._generator, "aclose", None)
        if close is not None and not self._finished:
            self._finished = True
            with anyio.move_on_after(CLOSING, shield=True):
                try:
                    await close()
                except Exception:
                    logger.debug("%s, when it was left", self.space, exc_info=True)

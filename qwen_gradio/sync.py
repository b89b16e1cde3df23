"""QwenClient: AsyncQwenClient for ordinary code, run on an event loop in a thread of its own. No logic of its own."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from .client import MOST_CHARS, AsyncQwenClient, Conversation, Fallback, Inspection
from .reply.events import Event, Timeouts
from .reply.reply import Reply
from .space import catalogue
from .text.messages import Message
from .transport.threads import DaemonThreadExecutor

T = TypeVar("T")


class _Loop:
    """The event loop's thread, from the first use until it is closed.

    A daemon thread, which anyio's `start_blocking_portal` has not: a client that nobody closes must not hold up exit.
    """

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = None
        self._thread: Future[None] | None = None

    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run `function` there and wait; Ctrl-C while waiting cancels it there."""
        if self._portal is None:
            started: Future[BlockingPortal] = Future()
            self._thread = DaemonThreadExecutor().submit(
                functools.partial(anyio.run, _serve, started, backend="asyncio")
            )
            self._portal = started.result()
        future = self._portal.start_task_soon(function, *args)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread."""
        portal, self._portal = self._portal, None
        if portal is not None and self._thread is not None:
            portal.start_task_soon(portal.stop, True)
            self._thread.result()


async def _serve(started: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        started.set_result(portal)
        await portal.sleep_until_stopped()


class SyncReply:
    """A reply as it comes: an iterator of str fragments, and a context manager. See `Reply`."""

    def __init__(self, reply: Reply, loop: _Loop) -> None:
        self._reply = reply
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._reply).replace("Reply", "SyncReply", 1)

    @property
    def space(self) -> str:
        """Who answers; see `Reply.space`."""
        return self._reply.space

    @property
    def text(self) -> str:
        """The answer so far, as the Space shows it."""
        return self._reply.text

    @property
    def thinking(self) -> str:
        """What was thought so far; see `Reply.thinking`."""
        return self._reply.thinking

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Give the next fragment; raises as `Reply.__anext__` does."""
        fragment: str | None = self._loop.run(anext, self._reply, None)
        if fragment is None:
            raise StopIteration
        return fragment

    def events(self) -> Iterator[Event]:
        """Iterate over all that happens; see `Reply.events`."""
        events = self._reply.events()
        while (event := self._loop.run(anext, events, None)) is not None:
            yield event

    def close(self) -> None:
        """End the reply, here and on the Space. It can be called at any time, and again."""
        self._loop.run(self._reply.aclose)

    def __enter__(self) -> SyncReply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncConversation:
    """A chat with memory. See `Conversation`."""

    def __init__(self, conversation: Conversation, loop: _Loop) -> None:
        self._conversation = conversation
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._conversation).replace("Conversation", "SyncConversation", 1)

    @property
    def messages(self) -> list[Message]:
        """The turns so far; see `Conversation.messages`."""
        return self._conversation.messages

    def stream(self, messages: str | Sequence[Message], **options: Any) -> SyncReply:
        """Ask the next question; see `Conversation.stream`."""
        return SyncReply(self._conversation.stream(messages, **options), self._loop)

    def ask(self, messages: str | Sequence[Message], **options: Any) -> str:
        """Ask the next question and wait for the whole reply; see `Conversation.ask`."""
        return _collected(self.stream(messages, **options))


class QwenClient:
    """Chats with a Space, from code that isn't async. Arguments and errors are `AsyncQwenClient`'s.

    Use it in a `with` statement, or call `close`.
    """

    def __init__(
        self,
        space: str = catalogue.DEFAULT,
        *,
        api_name: str | None = None,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        proxy: str | None = None,
        timeouts: Timeouts = Timeouts(),
        retries: int = 2,
        fallbacks: Sequence[Fallback] = (),
        max_reply_chars: int = MOST_CHARS,
        allow_plain_http: bool = False,
    ) -> None:
        self._client = AsyncQwenClient(
            space,
            api_name=api_name,
            auth=auth,
            token=token,
            proxy=proxy,
            timeouts=timeouts,
            retries=retries,
            fallbacks=fallbacks,
            max_reply_chars=max_reply_chars,
            allow_plain_http=allow_plain_http,
        )
        self._loop = _Loop()

    def __repr__(self) -> str:
        return repr(self._client).replace("AsyncQwenClient", "QwenClient")

    @property
    def space(self) -> str:
        """The Space's id, or its URL."""
        return self._client.space

    def stream(
        self,
        messages: str | Sequence[Message],
        *,
        system: str | None = None,
        include_thinking: bool = False,
        **options: Any,
    ) -> SyncReply:
        """Ask, and give the reply as it comes; see `AsyncQwenClient.stream`."""
        reply = self._client.stream(messages, system=system, include_thinking=include_thinking, **options)
        return SyncReply(reply, self._loop)

    def ask(self, messages: str | Sequence[Message], *, system: str | None = None, **options: Any) -> str:
        """Ask, and give the whole reply; see `AsyncQwenClient.ask`."""
        return _collected(self.stream(messages, system=system, **options))

    def conversation(self, *, system: str | None = None) -> SyncConversation:
        """Begin a chat that remembers its turns."""
        return SyncConversation(self._client.conversation(system=system), self._loop)

    def inspect(self) -> Inspection:
        """Connect, if that hasn't been done, and give what was recognised; see `AsyncQwenClient.inspect`."""
        return self._loop.run(self._client.inspect)

    def __enter__(self) -> QwenClient:
        try:
            self._loop.run(self._client.__aenter__)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave every reply, close the connection and end the event loop's thread; see `AsyncQwenClient.aclose`."""
        if not self._client.closed:
            self._loop.run(self._client.aclose)
            self._loop.close()


def _collected(reply: SyncReply) -> str:
    with reply:
        for _ in reply:
            pass
    return reply.text

"""QwenClient: AsyncQwenClient for ordinary code, run on an event loop in a thread of its own. No logic of its own."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .client import AsyncQwenClient, Conversation, Fallback, Inspection
from .errors import UsageError
from .reply.connector import MAX_REPLY_CHARS
from .reply.events import Event, Timeouts
from .reply.many import Prompt, SyncResults
from .reply.reply import Reply
from .space import catalogue
from .text.messages import Message
from .transport.threads import LoopState, LoopThread


class SyncReply:
    """A reply as it comes: an iterator of str fragments, and a context manager. See `Reply`."""

    def __init__(self, reply: Reply, loop: LoopThread) -> None:
        self._reply = reply
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._reply).replace("Reply", "SyncReply", 1)

    @property
    def space(self) -> str:
        """The Space's id or URL; see `Reply.space`."""
        return self._reply.space

    @property
    def text(self) -> str:
        """The answer so far, as the Space shows it."""
        return self._reply.text

    @property
    def thinking(self) -> str:
        """The thinking so far; see `Reply.thinking`."""
        return self._reply.thinking

    @property
    def closed(self) -> bool:
        """Whether it is over; see `Reply.closed`."""
        return self._reply.closed

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next fragment; raises as `Reply.__anext__` does."""
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
        """End the reply, here and on the Space. May be called at any time, and again."""
        if self._loop.state is LoopState.RUNNING:  # else it was never begun, or has ended with the client
            self._loop.run(self._reply.aclose)

    def __enter__(self) -> SyncReply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncConversation:
    """A chat with memory. See `Conversation`."""

    def __init__(self, conversation: Conversation, loop: LoopThread) -> None:
        self._conversation = conversation
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._conversation).replace("Conversation", "SyncConversation", 1)

    @property
    def messages(self) -> list[Message]:
        """The turns so far; see `Conversation.messages`."""
        return self._conversation.messages

    @messages.setter
    def messages(self, messages: list[Message]) -> None:
        self._conversation.messages = messages

    @property
    def system(self) -> str | None:
        """The system message; see `Conversation.system`."""
        return self._conversation.system

    @system.setter
    def system(self, system: str | None) -> None:
        self._conversation.system = system

    def stream(self, messages: str | Sequence[Message], **options: Any) -> SyncReply:
        """Ask the next question; see `Conversation.stream`."""
        return SyncReply(self._conversation.stream(messages, **options), self._loop)

    def ask(self, messages: str | Sequence[Message], **options: Any) -> str:
        """Ask the next question and wait for the whole reply; see `Conversation.ask`."""
        return _collect(self.stream(messages, **options))


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
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        timeouts: Timeouts = Timeouts(),
        retries: int = 2,
        fallbacks: Sequence[Fallback] = (),
        max_reply_chars: int = MAX_REPLY_CHARS,
        allow_plain_http: bool = False,
    ) -> None:
        self._client = AsyncQwenClient(
            space,
            api_name=api_name,
            auth=auth,
            token=token,
            headers=headers,
            proxy=proxy,
            timeouts=timeouts,
            retries=retries,
            fallbacks=fallbacks,
            max_reply_chars=max_reply_chars,
            allow_plain_http=allow_plain_http,
        )
        self._loop = LoopThread()

    def __getstate__(self) -> Any:
        return self._client

    def __setstate__(self, client: AsyncQwenClient) -> None:
        self._client, self._loop = client, LoopThread()

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
        ignore_unknown_options: bool = False,
        **options: Any,
    ) -> SyncReply:
        """Ask, and give the reply as it comes; see `AsyncQwenClient.stream`."""
        reply = self._client.stream(
            messages,
            system=system,
            include_thinking=include_thinking,
            ignore_unknown_options=ignore_unknown_options,
            **options,
        )
        return SyncReply(reply, self._loop)

    def ask(self, messages: str | Sequence[Message], *, system: str | None = None, **options: Any) -> str:
        """Ask, and give the whole reply; see `AsyncQwenClient.ask`."""
        return _collect(self.stream(messages, system=system, **options))

    def map(
        self, prompts: Iterable[Prompt], *, concurrency: int = 8, system: str | None = None, **options: Any
    ) -> SyncResults:
        """Ask many questions, and give their results in order, as they come; see `AsyncQwenClient.map`."""
        stream = functools.partial(self._client.stream, system=system, **options)
        return SyncResults(stream, prompts, concurrency=concurrency)

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
        """Cancel every reply, close the connection and end the event loop's thread; see `AsyncQwenClient.aclose`.

        May be called again, from any thread, and while other threads ask: their calls raise UsageError, or end.
        """
        if self._loop.state is not LoopState.CLOSED:
            with contextlib.suppress(UsageError):  # another thread has just closed it
                self._loop.run(self._client.aclose)
            self._loop.close()


def _collect(reply: SyncReply) -> str:
    with reply:
        for _ in reply:
            pass
    return reply.text

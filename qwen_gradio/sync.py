"""QwenClient: AsyncQwenClient for synchronous code, run on an event loop in a thread. It adds no logic."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .client import AsyncQwenClient, Fallback
from .conversation import Conversation
from .errors import UsageError
from .inspection import Inspection
from .reply.connector import MAX_REPLY_CHARS
from .reply.events import Event, Timeouts
from .reply.many import Prompt, SyncResults
from .reply.reply import Reply
from .space import catalogue
from .text.files import Files
from .text.messages import Message
from .tracebacks import ShortTraceback
from .transport.threads import LoopState, LoopThread


class SyncReply:
    """A streamed reply: an iterator of str fragments, and a context manager. See `Reply`."""

    def __init__(self, reply: Reply, loop: LoopThread) -> None:
        self._reply = reply
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._reply).replace("Reply", "SyncReply", 1)

    def _repr_markdown_(self) -> str | None:
        return self._reply._repr_markdown_()

    @property
    def space(self) -> str:
        """The id or URL of the Space; see `Reply.space`."""
        return self._reply.space

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._reply.text

    @property
    def thinking(self) -> str:
        """The thinking so far; see `Reply.thinking`."""
        return self._reply.thinking

    @property
    def closed(self) -> bool:
        """True if the reply is over; see `Reply.closed`."""
        return self._reply.closed

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next fragment.

        Raises:
            QwenGradioError: the reply failed; `partial` is the text before the error.
        """
        with ShortTraceback():
            fragment: str | None = self._loop.run(anext, self._reply, None)
        if fragment is None:
            raise StopIteration
        return fragment

    def events(self) -> Iterator[Event]:
        """Iterate over the events; see `Reply.events`."""
        events = self._reply.events()
        while True:
            with ShortTraceback():
                event: Event | None = self._loop.run(anext, events, None)
            if event is None:
                return
            yield event

    def close(self) -> None:
        """Cancel the reply, here and on the Space. May be called at any time, and more than once."""
        if self._loop.state is LoopState.RUNNING:  # otherwise it was never started, or was closed with the client
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

    def _repr_markdown_(self) -> str | None:
        return self._conversation._repr_markdown_()

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

    def stream(self, messages: str | Sequence[Message], *, files: Files = (), **options: Any) -> SyncReply:
        """Stream the reply to the next question; see `Conversation.stream`."""
        return SyncReply(self._conversation.stream(messages, files=files, **options), self._loop)

    def ask(self, messages: str | Sequence[Message], *, files: Files = (), **options: Any) -> str:
        """Return the complete reply to the next question; see `Conversation.ask`."""
        with ShortTraceback():
            return _collect(self.stream(messages, files=files, **options))


class QwenClient:
    """A client that chats with a Space, for synchronous code. Arguments and errors are `AsyncQwenClient`'s.

    Use it in a `with` statement, or call `close`.
    """

    def __init__(
        self,
        space: str = catalogue.DEFAULT,
        *,
        api_name: str | None = None,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        oauth_token: str | None = None,
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
            oauth_token=oauth_token,
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
        files: Files = (),
        include_thinking: bool = False,
        ignore_unknown_options: bool = False,
        **options: Any,
    ) -> SyncReply:
        """Stream the reply to a question; see `AsyncQwenClient.stream`."""
        reply = self._client.stream(
            messages,
            system=system,
            files=files,
            include_thinking=include_thinking,
            ignore_unknown_options=ignore_unknown_options,
            **options,
        )
        return SyncReply(reply, self._loop)

    def ask(
        self, messages: str | Sequence[Message], *, system: str | None = None, files: Files = (), **options: Any
    ) -> str:
        """Return the complete reply to a question; see `AsyncQwenClient.ask`."""
        with ShortTraceback():
            return _collect(self.stream(messages, system=system, files=files, **options))

    def map(
        self,
        prompts: Iterable[Prompt],
        *,
        concurrency: int = 8,
        spread: bool = False,
        system: str | None = None,
        **options: Any,
    ) -> SyncResults:
        """Ask many questions concurrently; see `AsyncQwenClient.map`."""
        stream = functools.partial(self._client.stream_each(spread=spread), system=system, **options)
        return SyncResults(stream, prompts, concurrency=concurrency)

    def conversation(self, *, system: str | None = None, messages: Iterable[Message] = ()) -> SyncConversation:
        """Create a chat that remembers its turns; `system` is its system message."""
        return SyncConversation(self._client.conversation(system=system, messages=messages), self._loop)

    def inspect(self) -> Inspection:
        """Return a description of the Space; see `AsyncQwenClient.inspect`."""
        with ShortTraceback():
            return self._loop.run(self._client.inspect)

    def __enter__(self) -> QwenClient:
        try:
            with ShortTraceback():
                self._loop.run(self._client.__aenter__)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel every reply, close the connection and end the event loop's thread; see `AsyncQwenClient.aclose`.

        May be called from any thread, more than once, and while other threads await replies: their calls end, or raise
        UsageError.
        """
        if self._loop.state is not LoopState.CLOSED:
            with contextlib.suppress(UsageError):  # another thread has just closed the loop
                self._loop.run(self._client.aclose)
            self._loop.close()


def _collect(reply: SyncReply) -> str:
    with reply:
        for _ in reply:
            pass
    return reply.text

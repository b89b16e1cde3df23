"""AsyncQwenClient, Reply and Conversation: what a caller does, with its deadlines and events."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import anyio

from . import endpoints, spaces
from .chatbot import Snapshot
from .errors import (
    DeadlineExceeded,
    EmptyReply,
    EndpointNotFound,
    InvalidOption,
    QwenGradioError,
    RateLimited,
    SpaceError,
    SpaceUnavailable,
    TransportError,
    UsageError,
)
from .fragments import Decoder
from .jobs import Output, updates
from .messages import Chat, Message
from .messages import read as messages_of
from .threads import Bell, DaemonThreads, finished

if TYPE_CHECKING:  # at runtime it would import gradio_client, which takes a second
    from .connection import Call, Connection, Standing

logger = logging.getLogger("qwen_gradio")

CLOSING = 2.0  # seconds that closing a client may take
STATING = 5.0  # seconds that the Hub is waited for, about a Space that doesn't answer
PROXY_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds; None waits for ever.

    Attributes:
        connect: for the Space to describe itself, and for it to take a question.
        silence: for the next event of a reply: a move in the queue, its start, a fragment.
    """

    connect: float | None = 20.0
    silence: float | None = 60.0

    def __post_init__(self) -> None:
        for name in ("connect", "silence"):
            seconds = getattr(self, name)
            if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
                raise InvalidOption(f"expected a number of seconds above 0 or None for {name}, got {seconds!r}")


@dataclass(frozen=True, slots=True)
class Queued:
    """The question waits its turn.

    Attributes:
        position: its place, 1 being next; None if the Space doesn't tell.
        size: how many wait in all; None if the Space doesn't tell.
        eta: seconds until its turn, by the Space's estimate; None if it has none.
    """

    position: int | None
    size: int | None
    eta: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """The Space works on the answer."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """From character `start` on, the answer (or the thinking) is now `text`; nearly always it ended there before."""

    text: str
    start: int
    kind: Kind = "answer"


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is whole: this is the answer, and what was thought on the way there, where the Space shows it."""

    text: str
    thinking: str = ""


Kind: TypeAlias = Literal["answer", "thinking"]
Event: TypeAlias = Queued | Started | Fragment | Finished


class Reply:
    """A reply as it comes: an async iterator of str fragments, and an async context manager.

    The fragments joined are the reply. The question is sent when the first of them is asked for. Leaving early, by
    `break`, an exception, cancellation or `aclose`, stops the Space's work; `async with` is the sure way to it.

    What a model thinks before it answers, where the Space shows it, is kept apart: it is in `thinking`, among the
    `events`, and in the str stream if `include_thinking` was asked for.

    Should the Space rewrite what it had shown, the str stream gives the new text whole, while `events` tells from which
    character on it replaces the old.
    """

    def __init__(self, client: AsyncQwenClient, chat: Chat, options: dict[str, Any], *, include_thinking: bool) -> None:
        self._client = client
        self._chat = chat
        self._options = options
        self._include_thinking = include_thinking
        self._decoders: dict[Kind, Decoder] = {"thinking": Decoder(), "answer": Decoder()}
        self._call: Call | None = None
        self._source: AsyncGenerator[Event, None] | None = None
        self._over = False
        self._awaited = False
        self._on_finished: Callable[[str], None] | None = None

    def __repr__(self) -> str:
        return f"<qwen_gradio.Reply from {self._client.space}: {len(self.text)} characters{', ended' * self._over}>"

    @property
    def text(self) -> str:
        """The answer so far, as the Space shows it."""
        return self._decoders["answer"].text

    @property
    def thinking(self) -> str:
        """What was thought so far, as the Space shows it; `""` where it shows none."""
        return self._decoders["thinking"].text

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """Give the next fragment.

        Raises:
            QwenGradioError: the reply failed; `partial` holds what had come.
        """
        while True:
            shown = {kind: len(decoder.text) for kind, decoder in self._decoders.items()}
            event = await self._next()
            if event is None:
                raise StopAsyncIteration
            if not isinstance(event, Fragment) or (event.kind == "thinking" and not self._include_thinking):
                continue
            if new := event.text if event.start == shown[event.kind] else self._decoders[event.kind].text:
                return new

    def events(self) -> AsyncIterator[Event]:
        """Iterate over all that happens: Queued, Started, Fragment, and Finished at the end.

        Raises:
            QwenGradioError: the reply failed; `partial` holds what had come.
        """
        return _Events(self)

    async def aclose(self) -> None:
        """End the reply, here and on the Space. It can be called at any time, and again."""
        self._leave()

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        """Nothing here waits, so it works under cancellation and in `__del__`, and needs no shield."""
        self._over = True
        if self._call is not None:
            self._call.leave()
        if self._source is not None:
            # It rests at a `yield` and awaits nothing on its way out, so one step ends it. Left to the garbage
            # collector it would be the event loop's affair, of which trio warns. While a task waits in it
            # (RuntimeError), leaving the call ends it.
            with contextlib.suppress(StopIteration, RuntimeError):
                self._source.aclose().__await__().send(None)

    async def _next(self) -> Event | None:
        """Give the next event, None after the last. Whatever is raised while it is waited for ends the reply."""
        if self._over:
            return None
        if self._awaited:
            raise UsageError("expected one reader of a reply at a time; another task is waiting for its next fragment")
        self._awaited = True
        try:
            if self._source is None:
                self._source = await self._ask()
            with _deadline("silence", self._client.timeouts.silence):
                event = await anext(self._source)
        except QwenGradioError as exc:
            if self._over:  # left by another task, which is why the call failed
                return None
            exc.space, exc.partial = self._client.space, self.text
            self._leave()
            if isinstance(exc, SpaceUnavailable):
                exc.state = exc.state or await self._client._state()
            raise
        except BaseException:
            self._leave()
            raise
        finally:
            self._awaited = False
        if isinstance(event, Finished):
            self._leave()
            if self._on_finished is not None:
                self._on_finished(event.text)
        return event

    async def _ask(self) -> AsyncGenerator[Event, None]:
        connection, endpoint = await self._client._connected()
        if self._over:
            raise UsageError("this reply was closed while it was being asked for")  # to `_next`, which ends it
        arguments = endpoint.arguments(self._chat, self._options)
        bell = Bell()
        asking = functools.partial(
            connection.submit, spaces.generate_session_hash(), endpoint.api_name, arguments, bell.ring
        )
        self._call = await self._in_thread(asking) if connection.polled else asking()
        if self._over:
            self._call.leave()
        read = functools.partial(endpoint.snapshot, chat=self._chat)
        return _events(updates(self._call, None if connection.polled else bell), read, self._decoders)

    async def _in_thread(self, asking: Callable[[], Call]) -> Call:
        future = DaemonThreads().submit(asking)
        try:
            with _deadline("connect", self._client.timeouts.connect):
                return await finished(future)
        except BaseException:  # nobody will read the reply
            future.add_done_callback(_leave_unread)
            raise


def _leave_unread(asked: Future[Call]) -> None:
    if asked.exception() is None:
        asked.result().leave()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was recognised of a Space.

    Attributes:
        space: its id, or its URL.
        url: the URL of its Gradio app.
        gradio: the version of its Gradio.
        endpoint: the endpoint that is asked, and what it takes.
        endpoints: the names of all the endpoints that it documents.
    """

    space: str
    url: str
    gradio: str
    endpoint: endpoints.Endpoint
    endpoints: tuple[str, ...]


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


async def _events(
    news: AsyncGenerator[Standing | Output, None],
    read: Callable[..., Snapshot | None],
    decoders: Mapping[Kind, Decoder],
) -> AsyncGenerator[Event, None]:
    """Understand what a job brings. It knows no Reply, so that a Reply which nobody holds is freed at once."""
    started = False
    async with contextlib.aclosing(news):
        async for update in news:
            if isinstance(update, Output):
                if not started:
                    started = True
                    yield Started()
                snapshot = read(update.value, whole=update.last)
                if snapshot is None:
                    logger.debug("an update that can't be read, or shows no answer yet: %.200r", update.value)
                    snapshot = Snapshot(decoders["answer"].text, decoders["thinking"].text)
                for kind, decoder in decoders.items():
                    text = snapshot.answer if kind == "answer" else snapshot.thinking
                    splice = decoder.finish(text) if update.last else decoder.feed(text)
                    if splice is not None:
                        yield Fragment(splice.text, splice.start, kind)
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


class Conversation:
    """A chat with memory: what was asked and answered goes along with the next question.

    A turn is kept once its reply is whole; a reply that failed or was left leaves no trace.

    Attributes:
        system: the system message; None leaves the Space its own.
        messages: the turns so far, as `{"role", "content"}` dicts. They may be changed between questions.
    """

    def __init__(self, client: AsyncQwenClient, *, system: str | None = None) -> None:
        self.system = system
        self.messages: list[Message] = []
        self._client = client

    def __repr__(self) -> str:
        return f"<qwen_gradio.Conversation with {self._client.space}: {len(self.messages)} messages>"

    def stream(self, messages: str | Sequence[Message], **options: Any) -> Reply:
        """Ask the next question; see `AsyncQwenClient.stream`."""
        new = [{"role": "user", "content": messages}] if isinstance(messages, str) else [*messages]
        reply = self._client.stream([*self.messages, *new], system=self.system, **options)
        reply._on_finished = lambda text: self.messages.extend([*new, {"role": "assistant", "content": text}])
        return reply

    async def ask(self, messages: str | Sequence[Message], **options: Any) -> str:
        """Ask the next question and wait for the whole reply; see `AsyncQwenClient.ask`."""
        return await _collected(self.stream(messages, **options))


class AsyncQwenClient:
    """Chats with a Space, on asyncio and trio alike.

    Making one touches no network: it connects at the first question, or on `async with`. Replies run side by side
    over the one connection, each in a session of its own.

    Args:
        space: a Space id (`Qwen/Qwen2-72B-Instruct`), an alias (`qwen-2-72b`) or the http(s) URL of a Gradio app.
        api_name: the endpoint to ask, as in `/chat`; None finds the one that chats.
        auth: the user name and the password that the app asks for, if it does.
        token: a Hugging Face token, sent to this Space alone; None sends none, not even one saved on this machine.
        proxy: the http(s) or socks5 URL of a proxy for every byte; None leaves it to HTTP_PROXY and its kin.
        timeouts: how long to wait for what.

    Raises:
        InvalidSpace: `space` is no id, alias or URL.
        InvalidOption: `proxy` is no URL of a proxy.
    """

    def __init__(
        self,
        space: str = spaces.DEFAULT,
        *,
        api_name: str | None = None,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        proxy: str | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        if proxy is not None and not str(proxy).startswith(PROXY_SCHEMES):
            raise InvalidOption(f"expected the URL of a proxy ({', '.join(PROXY_SCHEMES)}…), got {proxy!r}")
        self._space = spaces.find(space)
        self._api_name = api_name
        self._auth = auth
        self._token = token
        self._proxy = proxy
        self.timeouts = timeouts
        self._connecting: Future[tuple[Connection, endpoints.Endpoint]] | None = None
        self._stating: Future[str] | None = None
        self._closed = False

    @property
    def space(self) -> str:
        """The Space's id, or its URL."""
        return self._space.name

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    def __repr__(self) -> str:
        return f"<qwen_gradio.AsyncQwenClient for {self.space}>"

    def stream(
        self,
        messages: str | Sequence[Message],
        *,
        system: str | None = None,
        include_thinking: bool = False,
        **options: Any,
    ) -> Reply:
        """Ask, and give the reply as it comes.

        Args:
            messages: a prompt, or OpenAI-style messages that end with the user's.
            system: the system message, before those among the messages; None leaves the Space its own.
            include_thinking: whether the str stream carries what the model thinks too, and not the answer alone.
            options: other parameters of the Space's endpoint, by name; the others have the Space's own defaults.

        Raises:
            InvalidMessages: there is nothing to ask, or something that can't be.
            InvalidOption: an option that the Space is known not to take. Otherwise this, and whether a value is of
                the published type, choices and bounds, is found out when the reply is first awaited, before the
                question is sent.
            UsageError: the client is closed.
        """
        if self._closed:
            raise UsageError("this client is closed; make another")
        chat = messages_of(messages, system)
        known = self._space.known
        if known is not None and known.complete and self._api_name is None:
            endpoints.check_options(options, known.options)
        return Reply(self, chat, options, include_thinking=include_thinking)

    async def ask(self, messages: str | Sequence[Message], *, system: str | None = None, **options: Any) -> str:
        """Ask, and give the whole reply; `stream` and collect.

        Raises:
            QwenGradioError: as `stream` and its Reply do; `partial` holds what had come.
        """
        return await _collected(self.stream(messages, system=system, **options))

    def conversation(self, *, system: str | None = None) -> Conversation:
        """Begin a chat that remembers its turns."""
        return Conversation(self, system=system)

    async def inspect(self) -> Inspection:
        """Connect, if that hasn't been done, and give what was recognised of the Space.

        Raises:
            QwenGradioError: it can't be reached, or has no endpoint that chats.
        """
        try:
            connection, endpoint = await self._connected()
        except QwenGradioError as exc:
            exc.space = self.space
            raise
        named = tuple(connection.info.get("named_endpoints") or ())
        return Inspection(self.space, self._space.url, str(connection.config.get("version")), endpoint, named)

    async def __aenter__(self) -> AsyncQwenClient:
        await self.inspect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave every reply and close the connection; it takes 2 seconds at most, under cancellation too."""
        self._closed = True
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            return
        closed = DaemonThreads().submit(_close, connecting)
        with anyio.move_on_after(CLOSING, shield=True):
            await finished(closed)

    async def _connected(self) -> tuple[Connection, endpoints.Endpoint]:
        """The connection, made by whoever comes first; the others wait for the same, and a failed one is made anew."""
        if self._closed:
            raise UsageError("this client is closed; make another")
        if self._connecting is None or (self._connecting.done() and self._connecting.exception()):
            way = {"token": self._token, "auth": self._auth, "proxy": self._proxy, "seconds": self.timeouts.connect}
            self._connecting = DaemonThreads().submit(_connect, self._space, self._api_name, **way)
        try:
            with _deadline("connect", self.timeouts.connect):
                return await finished(self._connecting)
        except (SpaceError, TransportError) as exc:
            if not isinstance(exc, EndpointNotFound | RateLimited):
                exc.state = await self._state()
            raise

    async def _state(self) -> str:
        """What the Hub says of a Space that doesn't answer; all who want to know at a time ask once."""
        if self._space.id is None:
            return ""
        if self._stating is None or self._stating.done():
            self._stating = DaemonThreads().submit(_state_of, self._space.id, self._proxy)
        with anyio.move_on_after(STATING):
            return await finished(self._stating)
        return ""


def _connect(space: spaces.Space, api_name: str | None, **way: Any) -> tuple[Connection, endpoints.Endpoint]:
    """Runs in a thread: importing gradio_client takes a second, and connecting blocks."""
    from .connection import connect

    made = connect(space.url, **way)
    defaults = space.known.options if space.known else {}
    try:
        return made, endpoints.recognise(made.config, made.info, api_name=api_name, defaults=defaults)
    except BaseException:
        made.close()
        raise


def _state_of(space_id: str, proxy: str | None) -> str:
    """Runs in a thread, as `_connect` does."""
    from .hub import state_of

    return state_of(space_id, proxy=proxy)


def _close(connecting: Future[tuple[Connection, endpoints.Endpoint]]) -> None:
    """Runs in a thread: a connection that is still being made is closed when it has been."""
    if connecting.exception() is None:
        connecting.result()[0].close()


@contextlib.contextmanager
def _deadline(name: str, seconds: float | None) -> Iterator[None]:
    """Wrap one await, never a yield of an async generator."""
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        waited_for = {"connect": "it did not answer", "silence": "nothing new came"}[name]
        raise DeadlineExceeded(f"{waited_for} for {seconds:g} s", deadline=name)


async def _collected(reply: Reply) -> str:
    async with reply:
        async for _ in reply:
            pass
    return reply.text

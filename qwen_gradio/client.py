"""AsyncQwenClient and Conversation: a Space, and what a caller does with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import anyio

from .errors import (
    DeadlineExceeded,
    EndpointNotFound,
    InvalidOption,
    QwenGradioError,
    RateLimited,
    SpaceError,
    TransportError,
    UsageError,
)
from .reply.attempt import Attempt, Provider, ProviderAttempt, SpaceAttempt, deadline
from .reply.events import Timeouts
from .reply.reply import Reply
from .space import catalogue, recipe
from .text.messages import Message, as_messages
from .text.messages import read as messages_of
from .transport.threads import DaemonThreadExecutor, wrap_future

if TYPE_CHECKING:  # at runtime it would import gradio_client, which takes a second
    from .transport.connection import Connection

CLOSING = 2.0  # seconds that closing a client may take
STATING = 5.0  # seconds that the Hub is waited for, about a Space that doesn't answer
PROXY_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_CHARS = 10_000_000


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was recognised of a Space.

    Attributes:
        space: its id, or its URL.
        url: the URL of its Gradio app.
        gradio: the version of its Gradio.
        endpoint: the endpoint that is asked, and what it takes.
        endpoints: the names of all the endpoints that it documents.
        hooks: what gradio_client is helped with here, in words; less of it is slower, and answers the same.
    """

    space: str
    url: str
    gradio: str
    endpoint: recipe.Endpoint
    endpoints: tuple[str, ...]
    hooks: tuple[str, ...] = ()


Fallback: TypeAlias = "str | AsyncQwenClient | Provider"
"""Whom to ask instead: the name of a Space, a client of one, or any object with `create_async_generator`."""


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
        new = [*as_messages(messages)]  # the caller may go on with the list
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
        retries: how often to try again before the first fragment, where that can help; 0 for never.
        fallbacks: whom to ask instead, in order, if there is no first fragment: names of Spaces, clients, or any object
            with `create_async_generator`, as g4f's providers. They get neither `token` nor `auth`, and those of the
            options that they take.
        max_reply_chars: how many characters a reply may have, its thinking included.
        allow_plain_http: whether `token` and `auth` may go to another machine without TLS.

    Raises:
        InvalidSpace: `space`, or a fallback, is no id, alias or URL.
        InvalidOption: a setting is out of its range, or would send a secret for everyone to read.
    """

    _reuse = False  # whether what another client has learned of the Space will do, for some minutes

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
        if proxy is not None and not str(proxy).startswith(PROXY_SCHEMES):
            # Without its value, which may hold a password.
            raise InvalidOption(f"expected the URL of a proxy, beginning with {', '.join(PROXY_SCHEMES)}")
        _check_number("retries", retries, least=0)
        _check_number("max_reply_chars", max_reply_chars, least=1)
        self._space = catalogue.find(space)
        if (token or auth) and not allow_plain_http and _is_readable(self._space.url):
            raise InvalidOption(
                "token and auth would go over plain http, for everyone on the way to read; use https, "
                "or allow_plain_http=True"
            )
        self._api_name = api_name
        self._auth = None if auth is None else (auth[0], auth[1])
        self._token = token
        self._proxy = proxy
        self.timeouts = timeouts
        self.retries = retries
        self.max_reply_chars = max_reply_chars
        self._own = [
            AsyncQwenClient(name, proxy=proxy, timeouts=timeouts) for name in fallbacks if isinstance(name, str)
        ]
        own = iter(self._own)
        self._fallbacks = [next(own) if isinstance(other, str) else _usable(other) for other in fallbacks]
        self._connecting: Future[tuple[Connection, recipe.Endpoint]] | None = None
        self._on_abort: list[Callable[[], None]] = []
        self._refreshing: Future[tuple[Connection, recipe.Endpoint]] | None = None
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
            recipe.check_options(options, known.options)
        choices: list[Callable[[], Attempt]] = [functools.partial(SpaceAttempt, self, chat, options)]
        for other in self._fallbacks:
            if isinstance(other, AsyncQwenClient):
                choices.append(functools.partial(SpaceAttempt, other, chat, options, lenient=True))
            else:
                first = [] if system is None else [{"role": "system", "content": system}]
                choices.append(
                    functools.partial(
                        ProviderAttempt,
                        other,
                        [*first, *as_messages(messages)],
                        timeouts=self.timeouts,
                        max_reply_chars=self.max_reply_chars,
                        proxy=self._proxy,
                    )
                )
        return Reply(choices, retries=self.retries, total=self.timeouts.total, include_thinking=include_thinking)

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
        hooks = tuple(sorted(hook.value for hook in connection.hooks))
        return Inspection(self.space, self._space.url, str(connection.config.get("version")), endpoint, named, hooks)

    async def __aenter__(self) -> AsyncQwenClient:
        try:
            await self.inspect()
        except (SpaceError, TransportError):
            if not self._fallbacks:  # with them, the first question will tell
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave every reply and close the connection; it takes 2 seconds at most, under cancellation too."""
        self._closed = True
        for other in self._own:
            await other.aclose()
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            return
        if not connecting.done():
            self._abort()
        closed = DaemonThreadExecutor().submit(_close, connecting)
        with anyio.move_on_after(CLOSING, shield=True):
            await wrap_future(closed)

    async def _connected(self) -> tuple[Connection, recipe.Endpoint]:
        """The connection, made by whoever comes first; the others wait for the same, and a failed one is made anew."""
        if self._closed:
            raise UsageError("this client is closed; make another")
        connecting = self._connecting
        if connecting is None or (connecting.done() and connecting.exception()):
            self._on_abort = []
            access = (self._space, self._api_name, self._auth, self._token, self._proxy, self.timeouts.connect)
            connecting = DaemonThreadExecutor().submit(_connect, *access, reuse=self._reuse, on_abort=self._on_abort)
            self._connecting = connecting
        elif connecting.done() and connecting.result()[0].is_stale:
            if self._refreshing is None or self._refreshing.done():
                connected = connecting.result()[0]
                self._refreshing = DaemonThreadExecutor().submit(_refresh, connected, self._space, self._api_name)
            connecting = self._refreshing
        try:
            with deadline("connect", self.timeouts.connect):
                result = await wrap_future(connecting)
            if self._connecting is not None:  # else it was closed meanwhile
                self._connecting = connecting
            return result
        except (SpaceError, TransportError) as exc:
            if isinstance(exc, DeadlineExceeded) and connecting is self._connecting:
                self._abort()  # what goes on downloading is of no use
            if not isinstance(exc, EndpointNotFound | RateLimited):
                exc.found(await self._state())
            raise

    def _abort(self) -> None:
        for abort in self._on_abort:
            abort()

    async def _state(self) -> str:
        """What the Hub says of a Space that doesn't answer; all who want to know at a time ask once."""
        if self._space.id is None:
            return ""
        if self._stating is None or self._stating.done():
            self._stating = DaemonThreadExecutor().submit(_state_of, self._space.id, self._proxy)
        with anyio.move_on_after(STATING):
            return await wrap_future(self._stating)
        return ""


class BriefClient(AsyncQwenClient):
    """A client for a single question, which need not ask the Space to describe itself again and again."""

    _reuse = True


def _connect(
    space: catalogue.Space,
    api_name: str | None,
    auth: tuple[str, str] | None,
    token: str | None,
    proxy: str | None,
    timeout: float | None,
    **options: Any,
) -> tuple[Connection, recipe.Endpoint]:
    """Runs in a thread: importing gradio_client takes a second, and connecting blocks."""
    from .transport.access import Access
    from .transport.connection import Connection

    access = Access(space.url, auth=auth, token=token, proxy=proxy, timeout=timeout)
    connection = Connection(access, **options)
    try:
        return _recognised(connection, space, api_name)
    except BaseException:
        connection.close()
        raise


def _refresh(
    connection: Connection, space: catalogue.Space, api_name: str | None
) -> tuple[Connection, recipe.Endpoint]:
    """Runs in a thread, as `_connect` does; the connection stays, as other replies may run over it."""
    connection.refresh()
    return _recognised(connection, space, api_name)


def _recognised(
    connection: Connection, space: catalogue.Space, api_name: str | None
) -> tuple[Connection, recipe.Endpoint]:
    defaults = space.known.options if space.known else {}
    return connection, recipe.recognise(connection.config, connection.info, api_name=api_name, defaults=defaults)


def _state_of(space_id: str, proxy: str | None) -> str:
    """Runs in a thread, as `_connect` does."""
    from .transport.hub import get_state

    return get_state(space_id, proxy=proxy)


def _close(connecting: Future[tuple[Connection, recipe.Endpoint]]) -> None:
    """Runs in a thread: a connection that is still being made is closed when it has been."""
    if connecting.exception() is None:
        connecting.result()[0].close()


def _check_number(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidOption(f"expected a whole number from {least} for {name}, got {value!r}")


def _usable(fallback: object) -> AsyncQwenClient | Provider:
    if isinstance(fallback, AsyncQwenClient) or hasattr(fallback, "create_async_generator"):
        return fallback
    raise InvalidOption(f"expected the name of a Space, a client or a provider as a fallback, got {fallback!r:.80}")


def _is_readable(url: str) -> bool:
    """Whether others can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


async def _collected(reply: Reply) -> str:
    async with reply:
        async for _ in reply:
            pass
    return reply.text

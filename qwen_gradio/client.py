"""AsyncQwenClient and Conversation: a Space, and what a caller does with it."""

from __future__ import annotations

import functools
import weakref
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio

from .errors import InvalidOption, QwenGradioError, SpaceError, TransportError, UsageError, short_repr
from .reply.connector import MAX_REPLY_CHARS, SpaceConnector
from .reply.events import Timeouts
from .reply.many import Prompt, Results
from .reply.provider import Provider
from .reply.reply import Reply, reply_to
from .reply.retries import Question, Retries
from .reply.settings import access_to, check_fallbacks, check_not_cleartext, check_number, check_timeouts
from .reply.states import ClientState
from .space import catalogue
from .space.recipe import Endpoint, check_api_name, check_option_values, check_options
from .text.messages import Message, as_messages, parse_messages


@dataclass(frozen=True, slots=True)
class Inspection:
    """The description of a Space, as far as it matters for asking it.

    Attributes:
        space: its id, or its URL.
        url: the URL of its Gradio app.
        gradio: the version of its Gradio.
        endpoint: the endpoint that is asked, and its parameters.
        endpoints: the names of all the endpoints that it documents.
        hooks: what gradio_client is helped with here, in words; with fewer it is slower, and answers the same.
    """

    space: str
    url: str
    gradio: str
    endpoint: Endpoint
    endpoints: tuple[str, ...]
    hooks: tuple[str, ...] = ()


Fallback: TypeAlias = "str | AsyncQwenClient | Provider"
"""A fallback: the name of a Space, a client of one, or any object with `create_async_generator`."""


class Conversation:
    """A chat with memory: the turns so far go along with the next question.

    A turn is kept once its reply is whole; a reply that failed or was ended early leaves no trace. One question at a
    time: the next one needs the reply before.

    Attributes:
        system: the system message; None leaves the Space its own.
        messages: the turns so far, as `{"role", "content"}` dicts. They may be changed between questions.
    """

    def __init__(self, client: AsyncQwenClient, *, system: str | None = None) -> None:
        self.system = system
        self.messages: list[Message] = []
        self._client = client
        self._latest: Callable[[], Reply | None] = lambda: None

    def __repr__(self) -> str:
        return f"<qwen_gradio.Conversation with {self._client.space}: {len(self.messages)} messages>"

    def stream(self, messages: str | Sequence[Message], **options: Any) -> Reply:
        """Ask the next question; see `AsyncQwenClient.stream`.

        Raises:
            UsageError: the reply before is not over.
            InvalidOption: `system` is among the options; it is an attribute here.
        """
        if "system" in options:
            raise InvalidOption("a Conversation has one system message: set its attribute `system`")
        before = self._latest()
        if before is not None and not before.closed:
            raise UsageError("one question at a time in a Conversation: read the reply before to its end, or close it")
        new = [*as_messages(messages)]  # the caller may change the list
        reply = self._client.stream([*self.messages, *new], system=self.system, **options)
        reply.add_finished_callback(lambda text: self.messages.extend([*new, {"role": "assistant", "content": text}]))
        self._latest = weakref.ref(reply)
        return reply

    async def ask(self, messages: str | Sequence[Message], **options: Any) -> str:
        """Ask the next question and wait for the whole reply; see `AsyncQwenClient.ask`."""
        return await _collect(self.stream(messages, **options))


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
        retries: how often to try again before the first fragment, where that can help; 0 for never. It holds for
            connecting on `async with`, too.
        fallbacks: whom to ask instead, in order, if there is no first fragment: names of Spaces, clients, or any object
            with `create_async_generator`, as g4f's providers. They get neither `token` nor `auth`, and those of the
            options that they take.
        max_reply_chars: how many characters a reply may have, its thinking included.
        headers: HTTP headers that are sent to this Space alone, with every request.
        allow_plain_http: whether `token`, `auth` and `headers` may go to another machine without TLS.

    Raises:
        InvalidSpace: `space`, or a fallback, is no id, alias or URL.
        InvalidOption: a setting is out of its range, or would send a secret for everyone to read.
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
        check_number("retries", retries, minimum=0)
        check_number("max_reply_chars", max_reply_chars, minimum=1)
        check_api_name(api_name)
        self._arguments = {name: value for name, value in locals().items() if name != "self"}  # for pickling
        self._space = catalogue.resolve(space)
        self.timeouts = check_timeouts(timeouts)
        access = access_to(
            self._space.url, token=token, auth=auth, headers=headers, proxy=proxy, timeouts=self.timeouts
        )
        if (token or auth or headers) and not allow_plain_http:
            check_not_cleartext(self._space.url)
        self.retries = retries
        self.max_reply_chars = max_reply_chars
        self._proxy = proxy
        self._api_name = api_name
        self.connector = SpaceConnector(
            self._space, access, api_name=api_name, timeouts=timeouts, max_reply_chars=max_reply_chars
        )
        self._owned: list[AsyncQwenClient] = []  # those that are closed with it
        self._fallbacks = [self._fallback(one) for one in check_fallbacks(fallbacks)]

    def _fallback(self, given: Fallback) -> AsyncQwenClient | Provider:
        if isinstance(given, str):
            self._owned.append(AsyncQwenClient(given, proxy=self._proxy, timeouts=self.timeouts))
            return self._owned[-1]
        if isinstance(given, AsyncQwenClient) or hasattr(given, "create_async_generator"):
            return given
        raise InvalidOption(
            f"expected the name of a Space, a client or a provider as a fallback, got {short_repr(given)}"
        )

    @property
    def space(self) -> str:
        """The Space's id, or its URL."""
        return self._space.name

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self.connector.state is ClientState.CLOSED

    def __repr__(self) -> str:
        return f"<qwen_gradio.AsyncQwenClient {self.space} {self.connector.state.name}>"

    def __reduce__(self) -> Any:
        return functools.partial(type(self), **self._arguments), ()

    def stream(
        self,
        messages: str | Sequence[Message],
        *,
        system: str | None = None,
        include_thinking: bool = False,
        ignore_unknown_options: bool = False,
        **options: Any,
    ) -> Reply:
        """Ask, and give the reply as it comes.

        Args:
            messages: a prompt, or OpenAI-style messages that end with the user's.
            system: the system message, before those among the messages; None leaves the Space its own.
            include_thinking: whether the str stream has the model's thinking, too, and not the answer alone.
            ignore_unknown_options: whether options that the Space doesn't take are left out, and no error.
            options: other parameters of the Space's endpoint, by name; the others have the Space's own defaults.

        Raises:
            InvalidMessages: there is nothing to ask, or something that can't be.
            InvalidOption: an option that the Space is known not to take. Otherwise this, and whether a value is of
                the published type, choices and bounds, is found out when the reply is first awaited, before the
                question is sent.
            UsageError: the client is closed.
        """
        if self.closed:
            raise UsageError("this client is closed; make another")
        check_option_values(options)
        known = self._space.entry
        if known is not None and known.options_complete and self._api_name is None and not ignore_unknown_options:
            check_options(options, known.options)
        first = [] if system is None else [{"role": "system", "content": system}]
        question = Question(
            chat=parse_messages(messages, system),
            messages=[*first, *as_messages(messages)],
            options=options,
            ignore_unknown_options=ignore_unknown_options,
            timeouts=self.timeouts,
            max_reply_chars=self.max_reply_chars,
            provider_options={"proxy": self._proxy},
        )
        choices = [one.connector if isinstance(one, AsyncQwenClient) else one for one in (self, *self._fallbacks)]
        return reply_to(question, choices, retries=self.retries, include_thinking=include_thinking)

    async def ask(self, messages: str | Sequence[Message], *, system: str | None = None, **options: Any) -> str:
        """Ask, and give the whole reply; `stream` and collect.

        Raises:
            QwenGradioError: as `stream` and its Reply do; `partial` holds the text so far.
        """
        return await _collect(self.stream(messages, system=system, **options))

    def map(
        self,
        prompts: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        concurrency: int = 8,
        system: str | None = None,
        **options: Any,
    ) -> Results:
        """Ask many questions, and give their results in order, as they come.

        A question that fails has its error in its result, and the others go on. The replies are awaited on an event
        loop in a thread of their own. Memory doesn't grow with the number of prompts: they are taken as there is room.

        Args:
            prompts: prompts, or lists of OpenAI-style messages; a generator or an async one will do.
            concurrency: how many are asked at once.
            system: see `stream`.
            options: see `stream`.

        Raises:
            InvalidMessages: `prompts` is no iterable of them.
            InvalidOption: `concurrency` is no whole number from 1.
        """
        stream = functools.partial(self.stream, system=system, **options)
        return Results(stream, prompts, concurrency=concurrency)

    def conversation(self, *, system: str | None = None) -> Conversation:
        """Begin a chat that remembers its turns."""
        return Conversation(self, system=system)

    async def inspect(self) -> Inspection:
        """Connect, if that hasn't been done, and describe the Space.

        Raises:
            QwenGradioError: it can't be reached, or has no endpoint that chats.
        """
        try:
            connection, endpoint = await self.connector.connect()
        except QwenGradioError as exc:
            exc.space = self.space
            raise
        named = tuple(connection.info.get("named_endpoints") or ())
        hooks = tuple(sorted(hook.value for hook in connection.hooks))
        return Inspection(self.space, self._space.url, str(connection.config.get("version")), endpoint, named, hooks)

    async def __aenter__(self) -> AsyncQwenClient:
        try:
            await (self.inspect() if self._fallbacks else Retries(self.retries).run(self.inspect))
        except (SpaceError, TransportError):
            if not self._fallbacks:  # with them, the first question will tell
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel every reply and close the connection, in 2 seconds at most, under cancellation too."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for client in self._owned:
                    tasks.start_soon(client.aclose)
                await self.connector.aclose()


async def _collect(reply: Reply) -> str:
    async with reply:
        async for _ in reply:
            pass
    return reply.text

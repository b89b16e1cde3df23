"""AsyncQwenClient, the client of one Space."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import anyio

from .conversation import Conversation
from .errors import InvalidOption, QwenGradioError, SpaceError, TransportError, UsageError, short_repr
from .inspection import Inspection
from .reply.connector import MAX_REPLY_CHARS, SpaceConnector
from .reply.events import Timeouts
from .reply.many import Prompt, Results
from .reply.provider import Provider
from .reply.reply import Reply, collect, create_reply
from .reply.retries import Question, Retries
from .reply.rotation import Rotation
from .reply.session import Memory
from .reply.settings import check_fallbacks, check_not_cleartext, check_number, check_timeouts, create_access
from .reply.states import ClientState
from .space import catalogue
from .space.recipe import check_api_name, check_option_values, check_options
from .text.files import Files
from .text.messages import Message, as_messages, parse_messages
from .tracebacks import ShortTraceback

Fallback: TypeAlias = "str | AsyncQwenClient | Provider"
"""A fallback: the name of a Space, a client of one, or any object with `create_async_generator`."""


class AsyncQwenClient:
    """A client that chats with a Space, on asyncio or trio.

    The constructor uses no network: the client connects at the first question, or on `async with`. Replies share the
    connection and run concurrently, each in a session of its own.

    Args:
        space: a Space id (`Qwen/Qwen2-72B-Instruct`), an alias (`qwen-2-72b`) or the http(s) URL of a Gradio app.
        api_name: the name of the endpoint to use, such as `/chat`; None for the chat endpoint.
        auth: the user name and password of the app's login; None for an app without a login.
        token: a Hugging Face token, sent only to this Space; None sends no token, not even one saved on this machine.
        oauth_token: a Hugging Face token for the Space's own code, which acts in your name with it; sent only to this
            Space, and only if its endpoint takes a `gr.OAuthToken`. `token` is never used for that.
        headers: HTTP headers of every request, sent only to this Space.
        proxy: the http(s) or socks5 URL of a proxy for all traffic; None for HTTP_PROXY and the like.
        timeouts: the timeouts of a reply's events.
        retries: the maximum number of retries before the first fragment, and on `async with`; 0 for none.
        fallbacks: Spaces or providers to try in order if there is no first fragment: names of Spaces, clients, or any
            object with `create_async_generator`, as g4f's providers have. They get no `token`, `oauth_token`,
            `auth` or `headers`, and only the options that they have.
        max_reply_chars: the maximum length of a reply, in characters, its thinking included.
        allow_plain_http: True to let `token`, `oauth_token`, `auth` and `headers` be sent to another machine without
            TLS.

    Raises:
        InvalidSpace: `space` or a fallback is not an id, an alias or a URL.
        InvalidOption: a setting is invalid, or would send a secret without TLS.
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
        check_number("retries", retries, minimum=0)
        check_number("max_reply_chars", max_reply_chars, minimum=1)
        check_api_name(api_name)
        fallbacks = check_fallbacks(fallbacks)
        self._arguments = {name: value for name, value in locals().items() if name != "self"}  # for pickling
        self._space = catalogue.resolve(space)
        self.timeouts = check_timeouts(timeouts)
        access = create_access(
            self._space.url,
            token=token,
            oauth_token=oauth_token,
            auth=auth,
            headers=headers,
            proxy=proxy,
            timeouts=self.timeouts,
        )
        if (token or oauth_token) and self._space.is_studio:
            name = "token" if token else "oauth_token"
            raise InvalidOption(f"{name} is one of the Hugging Face Hub, and isn't sent to ModelScope; use headers=")
        if (token or oauth_token or auth or headers) and not allow_plain_http:
            check_not_cleartext(self._space.url)
        self.retries = retries
        self.max_reply_chars = max_reply_chars
        self._proxy = proxy
        self._api_name = api_name
        self.connector = SpaceConnector(
            self._space, access, api_name=api_name, timeouts=timeouts, max_reply_chars=max_reply_chars
        )
        self._owned_fallbacks: list[AsyncQwenClient] = []  # made here, and so closed here
        self._fallbacks = [self._resolve_fallback(one) for one in fallbacks]

    def _resolve_fallback(self, fallback: Fallback) -> AsyncQwenClient | Provider:
        if isinstance(fallback, str):
            self._owned_fallbacks.append(AsyncQwenClient(fallback, proxy=self._proxy, timeouts=self.timeouts))
            return self._owned_fallbacks[-1]
        if isinstance(fallback, AsyncQwenClient) or hasattr(fallback, "create_async_generator"):
            return fallback
        raise InvalidOption(
            f"expected the name of a Space, a client or a provider as a fallback, got {short_repr(fallback)}"
        )

    @property
    def space(self) -> str:
        """The Space's id, or its URL."""
        return self._space.name

    @property
    def closed(self) -> bool:
        """True after `aclose`."""
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
        files: Files = (),
        include_thinking: bool = False,
        ignore_unknown_options: bool = False,
        **options: Any,
    ) -> Reply:
        """Stream the reply to a question.

        Args:
            messages: a prompt, or OpenAI-style messages that end with the user's. Its content may have parts of the
                types "image_url", "file" and "input_audio".
            system: the system message, placed before those among the messages; None keeps the Space's own.
            files: paths of files to send with the question, before those among the messages; or http(s) URLs, which
                the Space downloads, and data URLs. A fallback provider gets images as "image_url" parts and others as
                "file" parts.
            include_thinking: True to include the model's thinking in the iterator of str.
            ignore_unknown_options: True to drop options that the Space doesn't have; False to raise InvalidOption.
            options: values of other parameters of the Space's endpoint, by name; the Space's defaults apply to the
                rest.

        Returns:
            The reply. The question is sent when the first fragment is awaited.

        Raises:
            InvalidMessages: there is no question, its content is neither text nor a file, or earlier messages have
                files.
            InvalidOption: a file can't be read, an option is unknown, or its value can't be sent. Options and files
                that only the Space can check are checked when the first fragment is awaited, before the question is
                sent.
            UsageError: the client is closed.
        """
        return self.stream_in(
            None,
            messages,
            system=system,
            include_thinking=include_thinking,
            files=files,
            ignore_unknown_options=ignore_unknown_options,
            **options,
        )

    def stream_in(
        self,
        memory: Memory | None,
        messages: str | Sequence[Message],
        new: Sequence[Message] | None = None,
        rotation: Rotation | None = None,
        /,
        *,
        system: str | None = None,
        files: Files = (),
        include_thinking: bool = False,
        ignore_unknown_options: bool = False,
        **options: Any,
    ) -> Reply:
        """Stream the reply to a question of a Conversation or of `map`. Internal: they call it.

        Args:
            memory: the Conversation's memory; None for a question without one.
            messages: all messages, the question last.
            new: the last of them, if those before were asked in the session that `memory` keeps; else None.
            rotation: the order of the client's Space and its fallbacks; None for their own.
            system: see `stream`, as for the others.
            files: see `stream`.
            include_thinking: see `stream`.
            ignore_unknown_options: see `stream`.
            options: see `stream`.
        """
        if self.closed:
            raise UsageError("this client is closed; make another")
        check_option_values(options)
        entry = self._space.entry
        if entry is not None and entry.options_complete and self._api_name is None and not ignore_unknown_options:
            check_options(options, entry.options)
        systems = [] if system is None else [{"role": "system", "content": system}]
        chat = parse_messages(messages, system, files)
        question = Question(
            chat=chat,
            extra_files=chat.files[: len(files)],
            messages=[*systems, *as_messages(messages)],
            options=options,
            ignore_unknown_options=ignore_unknown_options,
            timeouts=self.timeouts,
            max_reply_chars=self.max_reply_chars,
            provider_options={"proxy": self._proxy},
            memory=memory,
            continuation=None if new is None else replace(parse_messages(new, system, files), system=chat.system),
            rotation=rotation,
        )
        choices = [one.connector if isinstance(one, AsyncQwenClient) else one for one in (self, *self._fallbacks)]
        return create_reply(question, choices, retries=self.retries, include_thinking=include_thinking)

    async def ask(
        self, messages: str | Sequence[Message], *, system: str | None = None, files: Files = (), **options: Any
    ) -> str:
        """Return the complete reply to a question. Arguments are those of `stream`.

        Raises:
            QwenGradioError: the reply failed; `partial` is the text before the error.
        """
        with ShortTraceback():
            return await collect(self.stream(messages, system=system, files=files, **options))

    def map(
        self,
        prompts: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        concurrency: int = 8,
        spread: bool = False,
        system: str | None = None,
        **options: Any,
    ) -> Results:
        """Ask many questions concurrently.

        A question that fails has its error in its result, and the others continue. The replies run on an event loop in
        a thread of its own. Memory doesn't grow with the number of prompts: they are read as needed.

        Args:
            prompts: prompts, or lists of OpenAI-style messages; any iterable, async or not.
            concurrency: the maximum number of questions asked at a time.
            spread: True to start each question at the next of the client's Space and its fallbacks in rotation. One
                that is used up or lost is passed over until its `retry_after`, or for a minute.
            system: see `stream`.
            options: see `stream`.

        Returns:
            The results, in the order of the prompts; an async iterator.

        Raises:
            InvalidMessages: `prompts` is not an iterable, or is a single prompt.
            InvalidOption: `concurrency` is not a whole number from 1.
        """
        stream = functools.partial(self.stream_each(spread=spread), system=system, **options)
        return Results(stream, prompts, concurrency=concurrency)

    def stream_each(self, *, spread: bool = False) -> Callable[..., Reply]:
        """Return a function with the arguments of `stream`, for many questions.

        Args:
            spread: see `map`; all questions of the function are spread together.
        """
        return functools.partial(self._stream_in_turn, Rotation(1 + len(self._fallbacks))) if spread else self.stream

    def _stream_in_turn(self, rotation: Rotation, messages: str | Sequence[Message], /, **options: Any) -> Reply:
        return self.stream_in(None, messages, None, rotation, **options)

    def conversation(self, *, system: str | None = None, messages: Iterable[Message] = ()) -> Conversation:
        """Create a chat that remembers its turns.

        Args:
            system: its system message; None keeps the Space's own.
            messages: turns to begin with, such as those of an earlier Conversation.

        Raises:
            InvalidMessages: `messages` are not mappings.
        """
        return Conversation(self, system=system, messages=messages)

    async def inspect(self) -> Inspection:
        """Return a description of the Space, connecting first if that hasn't been done.

        Raises:
            QwenGradioError: the Space can't be reached, or has no chat endpoint.
        """
        try:
            with ShortTraceback():
                connection, recipe = await self.connector.connect()
        except QwenGradioError as exc:
            exc.space = self.space
            raise
        named = tuple(connection.info.get("named_endpoints") or ())
        hooks = tuple(sorted(hook.value for hook in connection.hooks))
        gradio = str(connection.config.get("version"))
        return Inspection(self.space, self._space.url, gradio, recipe, named, hooks, self._api_name)

    async def __aenter__(self) -> AsyncQwenClient:
        try:
            with ShortTraceback():
                await (self.inspect() if self._fallbacks else Retries(self.retries).run(self.inspect))
        except (SpaceError, TransportError):
            if not self._fallbacks:  # with fallbacks, the first question may succeed all the same
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel every reply and close the connection, within 2 seconds, even under cancellation."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for client in self._owned_fallbacks:
                    tasks.start_soon(client.aclose)
                await self.connector.aclose()

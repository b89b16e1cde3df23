"""Qwen_Qwen_2_72B and FallbackProvider: chats through the interface of g4f's providers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

from .errors import InvalidMessages, InvalidOption, short_repr
from .reply.connector import MAX_REPLY_CHARS, SpaceConnector
from .reply.events import Timeouts
from .reply.provider import Provider, provider_name
from .reply.reply import Reply, create_reply
from .reply.retries import Question
from .reply.settings import check_not_cleartext, create_access
from .space import catalogue
from .space.catalogue import Space, generate_session_hash
from .space.recipe import check_option_values
from .text.messages import Chat, Message, parse_messages, split_system

RETRIES = 2  # the default of a client
TOKEN_PREFIX = "hf_"  # noqa: S105 - how the Hub's tokens begin; `api_key` may be a key of another provider in a list

Messages: TypeAlias = Sequence[Message]
AsyncResult: TypeAlias = AsyncIterator[str]


class Qwen_Qwen_2_72B:  # noqa: N801 - g4f's name for it
    """Qwen2-72B-Instruct as a provider: class attributes that describe it, and `create_async_generator`.

    For any other Space, `at` returns such a provider. For one with the same API, a subclass may set `url`.
    """

    label: ClassVar[str] = "Qwen Qwen-2.72B"
    url: ClassVar[str] = "https://qwen-qwen2-72b-instruct.hf.space"
    api_endpoint: ClassVar[str] = url + "/queue/join?"

    working: ClassVar[bool] = True
    active_by_default: ClassVar[bool] = True
    needs_auth: ClassVar[bool] = False
    supports_stream: ClassVar[bool] = True
    use_stream_timeout: ClassVar[bool] = True
    supports_system_message: ClassVar[bool] = True
    supports_message_history: ClassVar[bool] = False
    live: ClassVar[int] = 0  # a counter of g4f's rotation of providers

    default_model: ClassVar[str] = "qwen-qwen2-72b-instruct"
    model_aliases: ClassVar[dict[str, str]] = {"qwen-2-72b": default_model}
    models: ClassVar[list[str]] = list(model_aliases)

    generate_session_hash = staticmethod(generate_session_hash)

    _token: ClassVar[str | None] = None
    _options: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @staticmethod
    def at(space: str, *, token: str | None = None, **options: Any) -> type[Qwen_Qwen_2_72B]:
        """Return a provider for any Space. It sends the turns as turns, and the Space's own system message if none.

        Args:
            space: an id, an alias or a URL.
            token: a Hugging Face token, sent to this Space alone; None for the caller's `api_key`, if that is one, and
                the Space is on the Hub.
            options: values of other parameters of the Space's endpoint, by name, for every question.

        Raises:
            InvalidSpace: `space` is not an id, an alias or a URL.
            InvalidOption: the token or an option can't be sent.
        """
        resolved = catalogue.resolve(space)
        check_option_values(options)
        _connector(resolved, token=token)  # checks the token
        attributes = {
            "label": resolved.name,
            "url": resolved.url,
            "api_endpoint": resolved.url,
            "default_model": resolved.name,
            "model_aliases": {},
            "models": [resolved.name],
            "_space": resolved,
            "_token": token,
            "_options": options,
        }
        return type(re.sub(r"\W+", "_", resolved.name), (_AnySpace,), attributes)

    @classmethod
    def get_dict(cls) -> dict[str, str | None]:
        """Return the provider's name, URL and label."""
        return {"name": cls.__name__, "url": cls.url, "label": cls.label}

    @classmethod
    def get_parent(cls) -> str:
        """Return the name of the provider that this one belongs to: its own."""
        return cls.__name__

    @classmethod
    def get_model(cls, model: str, **_: Any) -> str:
        """Return a model's full name.

        Args:
            model: a name, an alias, or `""` for the default model.
        """
        return cls.model_aliases.get(model, model) or cls.default_model

    @classmethod
    def get_async_create_function(cls) -> Callable[..., AsyncResult]:
        """Return `create_async_generator`; g4f called this method up to 2026."""
        return cls.create_async_generator

    @classmethod
    async def create_async_generator(
        cls,
        model: str,  # noqa: ARG003 - g4f's contract has it
        messages: Messages,
        proxy: str | None = None,
        **kwargs: Any,
    ) -> AsyncResult:
        """Yield the fragments of the reply to a question.

        System messages are joined by newlines for the Space's system input, `""` if there is none. All others become
        one prompt by `format_prompt`. The history is sent empty.

        Args:
            model: ignored: the Space has one model.
            messages: OpenAI-style messages; a single one is sent verbatim.
            proxy: the URL of a proxy for all traffic.
            kwargs: `api_key` is sent to a Space on the Hub if it is a Hugging Face token; others are ignored, as
                callers pass arguments of other providers.

        Raises:
            InvalidMessages: there is no question, or its content is not text.
            QwenGradioError: the reply failed; `partial` is the text before the error.
        """
        question = Question(
            chat=cls._parse(messages),
            messages=[],
            options=cls._options,
            timeouts=Timeouts(),
            max_reply_chars=MAX_REPLY_CHARS,
        )
        space = cls._resolve()
        token = cls._token or _hub_token(kwargs.get("api_key"), space)
        async with _asked(question, [_connector(space, proxy, token=token)], retries=RETRIES) as reply:
            async for fragment in reply:
                yield fragment

    @classmethod
    def _resolve(cls) -> Space:
        return catalogue.resolve(cls.url)

    @staticmethod
    def _parse(messages: Messages) -> Chat:
        system, prompt = split_system(messages)
        if not prompt.strip():
            raise InvalidMessages("expected a question; got only system messages and blank ones")
        return parse_messages(prompt, system)


class _AnySpace(Qwen_Qwen_2_72B):
    """The base class of the providers that `at` returns."""

    supports_message_history: ClassVar[bool] = True

    _space: ClassVar[Space]

    @classmethod
    def _resolve(cls) -> Space:
        return cls._space

    @staticmethod
    def _parse(messages: Messages) -> Chat:
        return parse_messages(messages)


class FallbackProvider:
    """A provider that tries several Spaces and providers in order, until one answers.

    A choice that fails or ends before its first fragment is followed by the next one. A failure after the first
    fragment is raised.

    Args:
        choices: names of Spaces, or any objects with `create_async_generator`, in order; for example a raw HTTP
            provider, and then `Qwen_Qwen_2_72B`.
        timeouts: the timeouts of each choice.

    Raises:
        InvalidOption: there is no choice, or one is neither a name nor a provider.
        InvalidSpace: a name is not an id, an alias or a URL.
    """

    working = True
    active_by_default = True
    needs_auth = False
    supports_stream = True
    use_stream_timeout = True
    supports_system_message = True
    supports_message_history = True
    live = 0

    def __init__(self, *choices: str | Provider, timeouts: Timeouts = Timeouts()) -> None:
        if not choices:
            raise InvalidOption("expected names of Spaces or providers, got none")
        for choice in choices:
            if isinstance(choice, str):
                catalogue.resolve(choice)
            elif not hasattr(choice, "create_async_generator"):
                raise InvalidOption(f"expected the name of a Space or a provider, got {short_repr(choice)}")
        self.choices = choices
        self.timeouts = timeouts
        self.__name__ = type(self).__name__
        self.label = " or ".join(choice if isinstance(choice, str) else provider_name(choice) for choice in choices)
        self.url = ""
        self.default_model = ""
        self.model_aliases: dict[str, str] = {}
        self.models: list[str] = []

    def get_dict(self) -> dict[str, str | None]:
        """Return the provider's name, URL and label."""
        return {"name": self.__name__, "url": self.url, "label": self.label}

    def get_parent(self) -> str:
        """Return the name of the provider that this one belongs to: its own."""
        return self.__name__

    async def create_async_generator(
        self, model: str, messages: Messages, proxy: str | None = None, **kwargs: Any
    ) -> AsyncResult:
        """Yield the fragments of the reply of the first choice that answers.

        Args:
            model: the model's name, for the providers; Spaces ignore it.
            messages: OpenAI-style messages.
            proxy: the URL of a proxy for all traffic, for Spaces and providers.
            kwargs: keyword arguments for the providers; Spaces ignore them.

        Raises:
            InvalidMessages: there is no question, or its content is not text.
            AllFailed: no choice answered.
            QwenGradioError: the reply failed after its first fragment; `partial` is the text before the error.
        """
        choices = [
            _connector(catalogue.resolve(one), proxy, self.timeouts) if isinstance(one, str) else one
            for one in self.choices
        ]
        question = Question(
            chat=parse_messages(messages),
            messages=messages,
            timeouts=self.timeouts,
            max_reply_chars=MAX_REPLY_CHARS,
            provider_options={"model": model, "proxy": proxy, **kwargs},
        )
        async with _asked(question, choices, retries=0) as reply:
            async for fragment in reply:
                yield fragment


@asynccontextmanager
async def _asked(
    question: Question, choices: Sequence[SpaceConnector | Provider], *, retries: int
) -> AsyncIterator[Reply]:
    """Ask a question; at the end, close the reply and the connectors, which are made for this question."""
    async with AsyncExitStack() as stack:
        for choice in choices:
            if isinstance(choice, SpaceConnector):
                stack.push_async_callback(choice.aclose)
        yield await stack.enter_async_context(create_reply(question, choices, retries=retries))


def _connector(
    space: Space, proxy: str | None = None, timeouts: Timeouts = Timeouts(), *, token: str | None = None
) -> SpaceConnector:
    """Create the connector for a single question; it reuses a description that is a few minutes old at most."""
    if token is not None:
        if space.is_studio:
            raise InvalidOption("a token of the Hugging Face Hub isn't sent to ModelScope")
        check_not_cleartext(space.url)
    access = create_access(space.url, token=token, proxy=proxy, timeouts=timeouts)
    return SpaceConnector(space, access, timeouts=timeouts, reuse=True)


def _hub_token(api_key: object, space: Space) -> str | None:
    """Return a key if it is a token of the Hub, and the Space is there."""
    url = urlsplit(space.url)
    is_on_hub = url.scheme == "https" and str(url.hostname).endswith(f".{catalogue.DOMAIN}")
    return api_key if isinstance(api_key, str) and api_key.startswith(TOKEN_PREFIX) and is_on_hub else None

"""Qwen_Qwen_2_72B and FallbackProvider: chats through the interface of g4f's providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, TypeAlias

from .errors import InvalidMessages, InvalidOption, short_repr
from .reply.connector import MAX_REPLY_CHARS, SpaceConnector
from .reply.events import Timeouts
from .reply.provider import Provider, provider_name
from .reply.reply import create_reply
from .reply.retries import Question
from .reply.settings import create_access
from .space import catalogue
from .space.catalogue import generate_session_hash
from .text.messages import Message, parse_messages, split_system

RETRIES = 2  # the default of a client

Messages: TypeAlias = Sequence[Message]
AsyncResult: TypeAlias = AsyncIterator[str]


class Qwen_Qwen_2_72B:  # noqa: N801 - g4f's name for it
    """Qwen2-72B-Instruct as a provider: class attributes that describe it, and `create_async_generator`.

    For another Space with the same API, subclass it and set `url`.
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
        **kwargs: Any,  # noqa: ARG003 - the same
    ) -> AsyncResult:
        """Yield the fragments of the reply to a question.

        System messages are joined by newlines for the Space's system input, `""` if there is none. All others become
        one prompt by `format_prompt`. The history is sent empty.

        Args:
            model: ignored: the Space has one model.
            messages: OpenAI-style messages; a single one is sent verbatim.
            proxy: the URL of a proxy for all traffic.
            kwargs: ignored: callers pass arguments of other providers.

        Raises:
            InvalidMessages: there is no question, or its content is not text.
            QwenGradioError: the reply failed; `partial` is the text before the error.
        """
        system, prompt = split_system(messages)
        if not prompt.strip():
            raise InvalidMessages("expected a question; got only system messages and blank ones")
        choices = [_connector(cls.url, proxy)]
        question = Question(
            chat=parse_messages(prompt, system), messages=[], timeouts=Timeouts(), max_reply_chars=MAX_REPLY_CHARS
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(choices[0].aclose)
            reply = await stack.enter_async_context(create_reply(question, choices, retries=RETRIES))
            async for fragment in reply:
                yield fragment


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
        choices = [_connector(one, proxy, self.timeouts) if isinstance(one, str) else one for one in self.choices]
        question = Question(
            chat=parse_messages(messages),
            messages=messages,
            timeouts=self.timeouts,
            max_reply_chars=MAX_REPLY_CHARS,
            provider_options={"model": model, "proxy": proxy, **kwargs},
        )
        async with AsyncExitStack() as stack:
            for choice in choices:
                if isinstance(choice, SpaceConnector):
                    stack.push_async_callback(choice.aclose)
            reply = await stack.enter_async_context(create_reply(question, choices, retries=0))
            async for fragment in reply:
                yield fragment


def _connector(space: str, proxy: str | None, timeouts: Timeouts = Timeouts()) -> SpaceConnector:
    """Create the connector for a single question; it reuses a description that is a few minutes old at most."""
    resolved = catalogue.resolve(space)
    access = create_access(resolved.url, proxy=proxy, timeouts=timeouts)
    return SpaceConnector(resolved, access, timeouts=timeouts, reuse=True)

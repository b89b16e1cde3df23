"""Qwen_Qwen_2_72B and FallbackProvider: the same chats with the face of a g4f provider, to stand where one stood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, TypeAlias

from .errors import InvalidMessages, InvalidOption, short_repr
from .reply.connector import MAX_REPLY_CHARS, SpaceConnector
from .reply.events import Timeouts
from .reply.provider import Provider, provider_name
from .reply.reply import reply_to
from .reply.retries import Question
from .reply.settings import access_to
from .space import catalogue
from .space.catalogue import generate_session_hash
from .text.messages import Message, parse_messages, split_system

RETRIES = 2  # as a client's

Messages: TypeAlias = Sequence[Message]
AsyncResult: TypeAlias = AsyncIterator[str]


class Qwen_Qwen_2_72B:  # noqa: N801 - g4f's name for it
    """Qwen2-72B-Instruct as a provider: class attributes that describe it, and `create_async_generator`.

    To ask another Space with the same API, subclass it and set `url`.
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
    live: ClassVar[int] = 0  # g4f's rotation counts here

    default_model: ClassVar[str] = "qwen-qwen2-72b-instruct"
    model_aliases: ClassVar[dict[str, str]] = {"qwen-2-72b": default_model}
    models: ClassVar[list[str]] = list(model_aliases)

    generate_session_hash = staticmethod(generate_session_hash)

    @classmethod
    def get_dict(cls) -> dict[str, str | None]:
        """Describe the provider by name, URL and label."""
        return {"name": cls.__name__, "url": cls.url, "label": cls.label}

    @classmethod
    def get_parent(cls) -> str:
        """Name the provider that this one belongs to: itself."""
        return cls.__name__

    @classmethod
    def get_model(cls, model: str, **_: Any) -> str:
        """Resolve a model's name: an alias, or `""` for the default."""
        return cls.model_aliases.get(model, model) or cls.default_model

    @classmethod
    def get_async_create_function(cls) -> Callable[..., AsyncResult]:
        """Return what makes the generator; g4f asked for it by this name up to 2026."""
        return cls.create_async_generator

    @classmethod
    async def create_async_generator(
        cls,
        model: str,  # noqa: ARG003 - the contract has it
        messages: Messages,
        proxy: str | None = None,
        **kwargs: Any,  # noqa: ARG003 - the same
    ) -> AsyncResult:
        """Ask, and give the reply's fragments as they come.

        System messages are joined by newlines into the Space's system input, `""` if there is none; all others become
        one prompt by `format_prompt`, and the history is sent empty.

        Args:
            model: accepted and not sent: the Space has one model.
            messages: OpenAI-style messages; a single one is sent verbatim.
            proxy: the URL of a proxy for every byte.
            kwargs: accepted and ignored, as callers pass what other providers take.

        Raises:
            InvalidMessages: there is nothing to ask, or something that isn't text.
            QwenGradioError: the reply failed; `partial` holds what had come.
        """
        system, prompt = split_system(messages)
        if not prompt.strip():
            raise InvalidMessages("expected a message to ask; got none but system messages and blanks")
        choices = [_connector(cls.url, proxy)]
        question = Question(
            chat=parse_messages(prompt, system), messages=[], timeouts=Timeouts(), max_reply_chars=MAX_REPLY_CHARS
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(choices[0].aclose)
            reply = await stack.enter_async_context(reply_to(question, choices, retries=RETRIES))
            async for fragment in reply:
                yield fragment


class FallbackProvider:
    """The first of several to answer, as a provider: for the day when one of them doesn't.

    Whoever fails or has nothing to say before the first fragment gives way to the next; after it, its error is raised.

    Args:
        choices: in order, names of Spaces, or any objects with `create_async_generator`: a raw HTTP provider may stand
            first, and `Qwen_Qwen_2_72B` behind it.
        timeouts: how long to wait for what, at each of them.

    Raises:
        InvalidOption: there are none, or one is neither.
        InvalidSpace: one is text, but no id, alias or URL.
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
        """Describe the provider by name, URL and label."""
        return {"name": self.__name__, "url": self.url, "label": self.label}

    def get_parent(self) -> str:
        """Name the provider that this one belongs to: itself."""
        return self.__name__

    async def create_async_generator(
        self, model: str, messages: Messages, proxy: str | None = None, **kwargs: Any
    ) -> AsyncResult:
        """Ask one after the other, and give the fragments of the first that answers.

        Args:
            model: passed on to the providers among them.
            messages: OpenAI-style messages.
            proxy: the URL of a proxy for every byte; passed on too.
            kwargs: passed on to the providers; Spaces ignore them.

        Raises:
            InvalidMessages: there is nothing to ask, or something that isn't text.
            AllFailed: none of them answered.
            QwenGradioError: the one that had begun failed; `partial` holds what had come.
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
            reply = await stack.enter_async_context(reply_to(question, choices, retries=0))
            async for fragment in reply:
                yield fragment


def _connector(space: str, proxy: str | None, timeouts: Timeouts = Timeouts()) -> SpaceConnector:
    """Make what a single question needs of a Space; a description from the last minutes will do."""
    resolved = catalogue.resolve(space)
    access = access_to(resolved.url, token=None, auth=None, headers=None, proxy=proxy, timeouts=timeouts)
    return SpaceConnector(resolved, access, timeouts=timeouts, reuse=True)

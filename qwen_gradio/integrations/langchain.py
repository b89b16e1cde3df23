"""ChatQwenGradio: a Space as a chat model for LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.language_models.chat_models import (
    BaseChatModel,
    agenerate_from_stream,
    generate_from_stream,
)
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from ..client import AsyncQwenClient
from ..errors import InvalidOption, short_repr
from ..reply.events import Timeouts
from ..space import catalogue
from ..sync import QwenClient
from ..text.messages import Message
from .openai_replies import MAX_CLIENTS, PROVIDER, Delta, Deltas, count_tokens, usage
from .openai_requests import parse_messages, parse_options, parse_stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the model, as a client takes it."""

    model: str
    messages: Sequence[Message]
    options: Mapping[str, Any]
    stop: tuple[str, ...]


class ChatQwenGradio(BaseChatModel):
    """A chat model that asks a Space, or one of its fallbacks.

    Text goes in and out, and files where the Space takes them; no tools and no structured output. Failures are
    QwenGradioErrors. The usage is an estimate.

    Attributes:
        model: the Space's id, alias or URL. A call may name another, which gets no token.
        token: a Hugging Face token, sent to the Space alone; None for none. `api_key` is another name for it.
        temperature: the sampling temperature, for Spaces that have one; None for the Space's own.
        max_tokens: the maximum length of a reply in tokens, for Spaces that have one; None for the Space's own.
        stop: texts that end a reply.
        options: values of the Space's own parameters.
        fallbacks: names of Spaces to try in order if there is no first fragment.
        max_retries: the maximum number of retries before the first fragment.
        timeout: seconds for each of connecting, the queue, the first fragment and the next ones; None for the defaults.
        proxy: the URL of a proxy for all traffic; None for that of the environment.
        streaming: True to stream in `invoke`, too, for callbacks that wait for tokens.
    """

    model: str = catalogue.DEFAULT
    token: SecretStr | None = Field(default=None, alias="api_key")
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    fallbacks: list[str] = Field(default_factory=list)
    max_retries: int = 2
    timeout: float | None = None
    proxy: str | None = None
    streaming: bool = False

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    _clients: dict[tuple[Any, ...], AsyncQwenClient] = PrivateAttr(default_factory=dict)
    _sync_clients: dict[tuple[Any, ...], QwenClient] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> ChatQwenGradio:
        self._client(self.model)
        self._parse_options({})
        parse_stop(self.stop)
        return self

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """Return what the replies depend on, as the key of LangChain's cache."""
        names = ("model", "temperature", "max_tokens", "stop", "options", "fallbacks")
        return {name: getattr(self, name) for name in names}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        params = super()._get_ls_params(stop=stop or [*parse_stop(self.stop)], **kwargs)
        return {**params, "ls_provider": PROVIDER}

    def get_num_tokens(self, text: str) -> int:
        """Estimate the number of tokens of a text; LangChain's own method would download a tokenizer."""
        return count_tokens(text)

    # --- calls

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,  # noqa: ARG002 - BaseChatModel reports the chunks
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        deltas = Deltas(call.stop)
        with self._sync_client(call.model).stream(call.messages, **call.options) as reply:
            for event in reply.events():
                if (delta := deltas.feed(event)) is not None:
                    yield _chunk(delta)
                if deltas.stopped:
                    break
        yield _last_chunk(call, deltas, reply.space)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,  # noqa: ARG002 - BaseChatModel reports the chunks
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        deltas = Deltas(call.stop)
        async with self._client(call.model).stream(call.messages, **call.options) as reply:
            async for event in reply.events():
                if (delta := deltas.feed(event)) is not None:
                    yield _chunk(delta)
                if deltas.stopped:
                    break
        yield _last_chunk(call, deltas, reply.space)

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, arguments: dict[str, Any]) -> _Call:
        """Convert the arguments of a call.

        Raises:
            UsageError: they ask for what no Space can do.
        """
        model = arguments.pop("model", None) or self.model
        arguments.pop("stream", None)  # the caller's wish for chunks, which BaseChatModel grants
        return _Call(
            str(model),
            parse_messages(convert_to_openai_messages([_without_thinking(message) for message in messages])),
            self._parse_options(arguments),
            parse_stop(self.stop if stop is None else stop),
        )

    def _parse_options(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Parse the arguments of a call, which take precedence over the attributes."""
        named = arguments.get("options") or {}
        if not isinstance(named, Mapping):
            raise InvalidOption(f"expected a mapping for options, got {short_repr(named)}")
        own = {name: value for name, value in self.options.items() if name not in arguments}
        sampling = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return parse_options({**sampling, **arguments, "options": {**own, **named}})

    # --- clients: one for each model and settings, made at its first call. A copy of the model shares them.

    def _client(self, model: str) -> AsyncQwenClient:
        return self._find(self._clients, AsyncQwenClient, model)

    def _sync_client(self, model: str) -> QwenClient:
        return self._find(self._sync_clients, QwenClient, model)

    def _find(self, clients: dict[tuple[Any, ...], T], create: Callable[..., T], model: str) -> T:
        settings = self._settings(model)
        key = (model, *settings.values())
        if key not in clients:  # two threads may both make one, of which one is dropped unused
            _drop_oldest(clients)
            clients.setdefault(key, create(model, **settings))
        return clients[key]

    def _settings(self, model: str) -> dict[str, Any]:
        seconds = self.timeout
        timeouts = {} if seconds is None else dict.fromkeys(("connect", "queue", "first", "silence"), seconds)
        return {
            "token": self.token.get_secret_value() if self.token and model == self.model else None,
            "proxy": self.proxy,
            "retries": self.max_retries,
            "fallbacks": tuple(self.fallbacks),
            "timeouts": Timeouts(**timeouts),
        }


def _drop_oldest(clients: dict[tuple[Any, ...], Any]) -> None:
    """Make room for another client; one that is in use is closed once its reply is freed."""
    while len(clients) >= MAX_CLIENTS:
        clients.pop(next(iter(clients)), None)


def _without_thinking(message: BaseMessage) -> BaseMessage:
    """Leave out the thinking of an earlier answer, which no Space is sent again."""
    if not isinstance(message.content, list):
        return message
    parts = [part for part in message.content if not isinstance(part, dict) or part.get("type") != "reasoning"]
    return message.model_copy(update={"content": parts})


def _chunk(delta: Delta) -> ChatGenerationChunk:
    if delta.kind == "thinking":
        message = AIMessageChunk(content="", additional_kwargs={"reasoning_content": delta.text})
    else:
        message = AIMessageChunk(content=delta.text)
    return ChatGenerationChunk(message=message)


def _last_chunk(call: _Call, deltas: Deltas, space: str) -> ChatGenerationChunk:
    """Return the chunk after the text: the Space that answered, and the estimated usage."""
    estimate = usage(call.messages, deltas.sent["answer"], deltas.sent["thinking"])
    message = AIMessageChunk(
        content="",
        chunk_position="last",
        usage_metadata=UsageMetadata(
            input_tokens=estimate["prompt_tokens"],
            output_tokens=estimate["completion_tokens"],
            total_tokens=estimate["total_tokens"],
            output_token_details={"reasoning": estimate["completion_tokens_details"]["reasoning_tokens"]},
        ),
        response_metadata={
            "model_name": call.model,
            "model_provider": PROVIDER,
            "space": space,
            "finish_reason": "stop",
            "usage_is_estimated": True,
        },
    )
    return ChatGenerationChunk(message=message)

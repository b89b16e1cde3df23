"""Spaces as models of LiteLLM, as in `qwen_gradio/Qwen/Qwen2.5`. Needs the extra `litellm`."""

from __future__ import annotations

import contextlib
import functools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import litellm
from litellm.llms.custom_llm import CustomLLM

from ..client import AsyncQwenClient
from ..errors import InvalidOption, QwenGradioError
from ..reply.events import Timeouts
from ..reply.reply import Reply
from ..sync import QwenClient, SyncReply
from .openai_replies import (
    MAX_CLIENTS,
    PROVIDER,
    Delta,
    Deltas,
    chunk,
    completion,
    cut,
    error_headers,
    error_status,
    usage,
)
from .openai_requests import UNSUPPORTED, ChatRequest, parse_request

# LiteLLM's exception for each HTTP status.
ERRORS = {
    400: litellm.BadRequestError,
    401: litellm.AuthenticationError,
    404: litellm.NotFoundError,
    429: litellm.RateLimitError,
    502: litellm.BadGatewayError,
    503: litellm.ServiceUnavailableError,
    504: litellm.Timeout,
}


class SpaceLLM(CustomLLM):
    """A handler for `litellm.custom_provider_map`. It connects at the first question.

    The model, or `api_base` if it is given, names the Space: an id, an alias or a URL. Names after commas are its
    fallbacks. `api_key` is a Hugging Face token, and `extra_headers` are headers; the first Space alone gets them.

    Args:
        retries: the maximum number of retries before the first fragment, where LiteLLM passes no `max_retries`.
        timeouts: the timeouts of a reply's events; LiteLLM's own `timeout` only lowers them.
        proxy: the URL of a proxy for all traffic.

    Raises:
        InvalidOption: a setting is invalid.
    """

    def __init__(self, *, retries: int = 2, timeouts: Timeouts = Timeouts(), proxy: str | None = None) -> None:
        super().__init__()
        AsyncQwenClient(retries=retries, timeouts=timeouts, proxy=proxy)  # checks them
        self._settings = _Settings(retries=retries, timeouts=timeouts, proxy=proxy)
        self._async_client = functools.lru_cache(MAX_CLIENTS)(functools.partial(_create_client, AsyncQwenClient))
        self._sync_client = functools.lru_cache(MAX_CLIENTS)(functools.partial(_create_client, QwenClient))

    def completion(self, **call: Any) -> Any:
        """Return a complete reply; `litellm.completion` calls it."""
        with _translated(call["model"]):
            question = _parse(call, self._settings)
            with self._sync_client(question.settings).stream(**question.arguments) as reply:
                for event in reply.events():
                    question.deltas.feed(event)
                    if question.deltas.stopped:
                        break
                return question.completion(reply)

    async def acompletion(self, **call: Any) -> Any:
        """Return a complete reply; `litellm.acompletion` calls it."""
        with _translated(call["model"]):
            question = _parse(call, self._settings)
            async with self._async_client(question.settings).stream(**question.arguments) as reply:
                async for event in reply.events():
                    question.deltas.feed(event)
                    if question.deltas.stopped:
                        break
                return question.completion(reply)

    def streaming(self, **call: Any) -> Iterator[Any]:
        """Return the chunks of a reply that has begun; `litellm.completion(stream=True)` calls it."""
        chunks = self._stream(call)
        first = next(chunks)  # what fails before it is raised by `litellm.completion` itself
        return _resume(first, chunks)

    def _stream(self, call: Mapping[str, Any]) -> Iterator[Any]:
        with _translated(call["model"]):
            question = _parse(call, self._settings, streams=True)
            with self._sync_client(question.settings).stream(**question.arguments) as reply:
                for event in reply.events():
                    if delta := question.deltas.feed(event):
                        yield question.chunk(delta)
                    if question.deltas.stopped:
                        break
            yield from question.last_chunks(reply)

    def astreaming(self, **call: Any) -> AsyncIterator[Any]:
        """Return the chunks of a reply; `litellm.acompletion(stream=True)` calls it, in a thread that may not wait."""
        with _translated(call["model"]):
            question = _parse(call, self._settings, streams=True)
            return self._astream(question, self._async_client(question.settings).stream(**question.arguments))

    async def _astream(self, question: _Question, reply: Reply) -> AsyncIterator[Any]:
        with _translated(question.request.model):
            async with reply:
                async for event in reply.events():
                    if delta := question.deltas.feed(event):
                        yield question.chunk(delta)
                    if question.deltas.stopped:
                        break
            for last in question.last_chunks(reply):
                yield last


def register(provider: str = PROVIDER, **settings: Any) -> SpaceLLM:
    """Add the provider to LiteLLM, in place of one of the same name.

    Args:
        provider: its name, before the slash in a model's name.
        settings: arguments of `SpaceLLM`.

    Raises:
        InvalidOption: a setting is invalid.
    """
    space_llm = SpaceLLM(**settings)
    others = [one for one in litellm.custom_provider_map if one["provider"] != provider]
    litellm.custom_provider_map = [*others, {"provider": provider, "custom_handler": space_llm}]
    return space_llm


@dataclass(frozen=True)
class _Settings:
    """The settings of a client; see `AsyncQwenClient`. Calls with the same ones share a client."""

    retries: int
    timeouts: Timeouts
    proxy: str | None
    space: str = ""
    fallbacks: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def _create_client(client: Callable[..., Any], settings: _Settings) -> Any:
    arguments = {one.name: getattr(settings, one.name) for one in fields(settings)}
    return client(**{**arguments, "headers": dict(settings.headers)})


@dataclass
class _Question:
    """One call of a handler.

    Attributes:
        request: the request.
        settings: the settings of its client.
        deltas: the text that is given.
        id: the id of the completion.
        created: when it was asked, in seconds since 1970.
    """

    request: ChatRequest
    settings: _Settings
    deltas: Deltas
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the client's `stream`."""
        return {"messages": self.request.messages, **self.request.options}

    def completion(self, reply: Reply | SyncReply) -> Any:
        """Return LiteLLM's object for a complete reply, up to the first stop sequence."""
        answer, thinking = cut(reply.text, self.request.stop), reply.thinking
        spent = usage(self.request.messages, answer, thinking)
        body = completion(
            self.id, self.request.model, self.created, answer, thinking=thinking, usage=spent, space=reply.space
        )
        return litellm.ModelResponse(**body)

    def chunk(self, delta: Delta | None = None, **arguments: Any) -> Any:
        """Return LiteLLM's object for one chunk."""
        return litellm.ModelResponseStream(**chunk(self.id, self.request.model, self.created, delta, **arguments))

    def last_chunks(self, reply: Reply | SyncReply) -> Iterator[Any]:
        """Yield the usage, and then the end: LiteLLM drops what comes after it."""
        sent = self.deltas.sent
        yield self.chunk(usage=usage(self.request.messages, sent["answer"], sent["thinking"]), space=reply.space)
        yield self.chunk(finish_reason="stop", space=reply.space)


def _parse(call: Mapping[str, Any], settings: _Settings, *, streams: bool = False) -> _Question:
    """Parse the arguments of a handler's method.

    Raises:
        UsageError: an argument is invalid, or asks for what no Space can do.
    """
    arguments = dict(call["optional_params"])
    arguments.update(arguments.pop("extra_body", None) or {})
    retries = arguments.pop("max_retries", None)
    if litellm.drop_params or (call.get("litellm_params") or {}).get("drop_params"):
        arguments = {name: value for name, value in arguments.items() if name not in UNSUPPORTED}
    request = parse_request({**arguments, "model": call["model"], "messages": call["messages"]})
    headers = call.get("headers") or {}
    for name, value in (("api_base", call.get("api_base")), ("api_key", call.get("api_key")), *headers.items()):
        if value is not None and not isinstance(value, str):
            raise InvalidOption(f"expected a text as {name}, got {type(value).__name__}")
    space, *fallbacks = (name.strip() for name in (call.get("api_base") or request.model).split(","))
    return _Question(
        request,
        _Settings(
            retries=settings.retries if retries is None else retries,
            timeouts=_lower(settings.timeouts, call.get("timeout"), streams=streams),
            proxy=settings.proxy,
            space=space,
            fallbacks=tuple(fallbacks),
            token=call.get("api_key"),
            headers=tuple(headers.items()),
        ),
        Deltas(request.stop),
    )


def _lower(timeouts: Timeouts, timeout: Any, *, streams: bool) -> Timeouts:
    """Return timeouts of at most LiteLLM's `timeout`, for each wait; also in total if the reply isn't streamed."""
    seconds = getattr(timeout, "read", timeout)  # of an httpx.Timeout
    own = {one.name: getattr(timeouts, one.name) for one in fields(timeouts)}
    lowered = {
        name: seconds if value is None else min(value, seconds)
        for name, value in own.items()
        if seconds is not None and not (streams and name == "total")
    }
    return Timeouts(**{**own, **lowered})


@contextlib.contextmanager
def _translated(model: str) -> Iterator[None]:
    """Raise our errors as LiteLLM's, of whose kinds its Router knows which to retry, and where."""
    try:
        yield
    except QwenGradioError as exc:
        error = ERRORS[error_status(exc)](f"{type(exc).__name__}: {exc}", model=model, llm_provider=PROVIDER)
        response = getattr(error, "response", None)
        if response is not None:
            response.headers.update(error_headers(exc))
        raise error from exc


def _resume(first: Any, chunks: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from chunks


handler = SpaceLLM()
"""For `custom_provider_map` in the configuration of LiteLLM's proxy, which imports it by name."""

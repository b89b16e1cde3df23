"""A Space as a model of llm, and its conversations as the Space's sessions."""

from __future__ import annotations

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import llm
from llm.parts import ReasoningPart, StreamEvent

from ..client import AsyncQwenClient
from ..sync import QwenClient
from .llm_models import KEY_VARIABLE, Definition, options_class, parse_json
from .openai_replies import Delta, Deltas
from .openai_requests import parse_messages


class _Talks:
    """The Conversations of a model, one for each of llm's, as long as that exists."""

    def __init__(self, create_client: Callable[..., Any], definition: Definition) -> None:
        self._create_client = create_client
        self._definition = definition
        self._clients: dict[str | None, Any] = {}
        self._talks: dict[str, _Talk] = {}

    def find(self, conversation: Any, key: str | None) -> _Talk:
        """Return the Conversation for one of llm's; for None, a new one."""
        if key not in self._clients:
            self._clients[key] = self._create_client(**self._definition.client_settings, token=key)
        if conversation is None:
            return _Talk(self._clients[key].conversation())
        name = f"{conversation.id} {key}"
        if name not in self._talks:
            self._talks[name] = _Talk(self._clients[key].conversation())
            weakref.finalize(conversation, self._talks.pop, name, None)
        return self._talks[name]


class _Talk:
    """A Conversation, which goes on in its session as long as llm's turns are those that it has had."""

    def __init__(self, conversation: Any) -> None:
        self._conversation = conversation
        self._turns: list[Any] = []

    def stream(self, messages: list[Any], options: Mapping[str, Any]) -> Any:
        """Return the reply to the last of the messages."""
        if messages[:-1] != self._turns:
            self._conversation.messages = messages[:-1]
        self._turns = messages
        return self._conversation.stream(messages[-1:], **options)

    def finish(self, text: str) -> None:
        """Add the answer, as llm keeps it: rewritten words are twice in a stream."""
        self._turns = [*self._turns, {"role": "assistant", "content": text}]


class _Space:
    """What a Space has as a model of either kind; see `llm.KeyModel`."""

    can_stream = True
    key_env_var = KEY_VARIABLE

    def __init__(self, definition: Definition) -> None:
        self.model_id = self.needs_key = definition.model_id
        self.Options = options_class(definition)
        self.talks = _Talks(self.create_client, definition)

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client of this kind of model."""
        raise NotImplementedError

    def get_key(self, explicit_key: str | None = None) -> str | None:
        """Return the token: `--key`, the key kept under the model's id, or the variable's; None without an error."""
        return llm.get_key(input=explicit_key, alias=self.needs_key, env=self.key_env_var) or None

    def ask(self, prompt: Any, conversation: Any, key: str | None) -> tuple[_Talk, Any]:
        """Return the Conversation, and the reply to a prompt."""
        talk = self.talks.find(conversation, key)
        known = type(prompt.options).model_fields
        options = {
            name: value if name in known else parse_json(value) for name, value in prompt.options if value is not None
        }
        return talk, talk.stream(parse_messages([_as_message(message) for message in prompt.messages]), options)


def _as_message(message: Any) -> dict[str, Any]:
    """Return one of llm's messages as OpenAI's; another model's tool calls become text, its thoughts are left out."""
    texts = [
        part.text if hasattr(part, "text") else _tool_text(part) for part in message.parts if not _is_thought(part)
    ]
    role = "user" if message.role == "tool" else message.role
    return {"role": role, "content": "".join(texts)}


def _is_thought(part: Any) -> bool:
    return isinstance(part, ReasoningPart)


def _tool_text(part: Any) -> str:
    described = part.to_dict()
    if described["type"] == "tool_call":
        return f"[Called {described['name']}({json.dumps(described['arguments'])})]"
    if described["type"] == "tool_result":
        return f"[Result of {described['name']}: {described['output']}]"
    return f"[{described['type']}]"


def _event(delta: Delta) -> StreamEvent:
    return StreamEvent(type="text" if delta.kind == "answer" else "reasoning", chunk=delta.text)


def _whole(reply: Any) -> Iterator[StreamEvent]:
    """Yield a complete reply, as the Space shows it."""
    if reply.thinking:
        yield _event(Delta(reply.thinking, "thinking"))
    yield _event(Delta(reply.text))


class SpaceModel(_Space, llm.KeyModel):
    """A Space as a model of llm."""

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client."""
        return QwenClient(**settings)

    def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,  # noqa: ARG002 - llm's contract has it
        conversation: Any,
        key: str | None,
    ) -> Iterator[Any]:
        """Yield the reply to a prompt; llm calls it."""
        talk, asked = self.ask(prompt, conversation, key)
        deltas = Deltas()
        with asked as reply:
            for event in reply.events():
                delta = deltas.feed(event)
                if delta is not None and stream:
                    yield _event(delta)
            if not stream:
                yield from _whole(reply)
        talk.finish(deltas.sent["answer"] if stream else reply.text)


class AsyncSpaceModel(_Space, llm.AsyncKeyModel):
    """A Space as an asynchronous model of llm."""

    @staticmethod
    def create_client(**settings: Any) -> Any:
        """Create a client."""
        return AsyncQwenClient(**settings)

    async def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,  # noqa: ARG002 - the same
        conversation: Any,
        key: str | None,
    ) -> AsyncIterator[Any]:
        """Yield the reply to a prompt; llm calls it."""
        talk, asked = self.ask(prompt, conversation, key)
        deltas = Deltas()
        async with asked as reply:
            async for event in reply.events():
                delta = deltas.feed(event)
                if delta is not None and stream:
                    yield _event(delta)
            if not stream:
                for whole in _whole(reply):
                    yield whole
        talk.finish(deltas.sent["answer"] if stream else reply.text)

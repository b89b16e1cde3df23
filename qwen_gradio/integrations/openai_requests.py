"""OpenAI's chat requests -> messages, options and stop sequences of this package. Pure: no I/O, no web framework."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidMessages, InvalidOption, UsageError, short_repr
from ..inspection import OWN_ARGUMENTS
from ..space.parameters import Preferred
from ..text.messages import Message, as_messages, name_files

# OpenAI's sampling parameters: the names that Spaces have for each, the most usual first.
SAMPLING = {
    "temperature": ("temperature", "temp"),
    "top_p": ("top_p", "topp", "top_p_nucleus_sampling"),
    "top_k": ("top_k", "topk"),
    "max_tokens": (
        "max_new_tokens",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_length",
        "maximum_length",
    ),
    "frequency_penalty": ("frequency_penalty",),
    "presence_penalty": ("presence_penalty",),
    "repetition_penalty": ("repetition_penalty", "repeat_penalty"),
    "seed": ("seed", "random_seed"),
}
MAX_TOKENS_NAMES = ("max_completion_tokens", "max_tokens")  # OpenAI's; the newer first

# What a request may ask for and no Space can do, with the values that ask for nothing.
UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "tools": ([],),
    "functions": ([],),
    "response_format": ({"type": "text"},),
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "audio": (),
    "web_search_options": (),
}
# Words that a Space may have a choice for.
CHOICES = ("reasoning_effort", "verbosity")
# What changes no text.
IGNORED = (
    "user", "metadata", "store", "service_tier", "prediction", "prompt_cache_key", "prompt_cache_retention",
    "safety_identifier", "parallel_tool_calls", "tool_choice", "function_call",
)  # fmt: skip

MAX_STOPS = 16


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for a chat completion.

    Attributes:
        model: the name of the model, as it was asked for.
        messages: the messages, for `stream`.
        options: the options, for `stream`; OpenAI's own are for Spaces that have them.
        stop: the sequences that end the reply.
        stream: True for a reply in chunks.
        include_usage: True for a last chunk with the usage.
    """

    model: str
    messages: Sequence[Message]
    options: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False


def parse_request(body: object) -> ChatRequest:
    """Parse the body of a request for a chat completion.

    Raises:
        UsageError: it is malformed, or asks for what no Space can do.
    """
    if not isinstance(body, Mapping):
        raise UsageError(f"expected a JSON object as the body, got {short_repr(body)}")
    arguments = dict(body)
    model, messages = arguments.pop("model", None), arguments.pop("messages", None)
    if not isinstance(model, str) or not model.strip():
        raise UsageError(f"expected the name of a model as model, got {short_repr(model)}")
    if not isinstance(messages, list):
        raise InvalidMessages(f"expected a list of messages, got {short_repr(messages)}")
    stream, stream_options = arguments.pop("stream", None), arguments.pop("stream_options", None)
    stop = parse_stop(arguments.pop("stop", None))
    return ChatRequest(
        model.strip(),
        parse_messages(messages),
        parse_options(arguments),
        stop,
        _flag("stream", stream),
        _flag("include_usage", _mapping("stream_options", stream_options).get("include_usage")),
    )


def _flag(name: str, value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise UsageError(f"expected true or false for {name}, got {short_repr(value)}")


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise UsageError(f"expected an object for {name}, got {short_repr(value)}")


def parse_stop(stop: object) -> tuple[str, ...]:
    """Parse the sequences that end a reply: a text or a list of texts, empty ones left out.

    Raises:
        UsageError: it is neither, or has more than `MAX_STOPS`.
    """
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list | tuple) or not all(isinstance(one, str) for one in stops):
        raise UsageError(f"expected a text or a list of texts for stop, got {short_repr(stop)}")
    if len(stops) > MAX_STOPS:
        raise UsageError(f"expected at most {MAX_STOPS} texts for stop, got {len(stops)}")
    return tuple(filter(None, stops))


def parse_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Parse all arguments of a request but its messages, stop sequences and those for its form.

    Args:
        arguments: the arguments by name; those that are None count as not given. "options" may be a mapping of a
            Space's own options, for those with a name that OpenAI has for something else ("model").

    Returns:
        The options for `stream`. OpenAI's sampling parameters are `Preferred`, for Spaces that have them. Others are
        a Space's own.

    Raises:
        UsageError: an argument asks for what no Space can do, or names a file of this machine.
    """
    given = {name: value for name, value in arguments.items() if value is not None and name not in IGNORED}
    own = given.pop("options") if isinstance(given.get("options"), Mapping) else {}
    if given.get("tools") and arguments.get("tool_choice") == "none":
        del given["tools"]  # none of them may be called
    for name, harmless in UNSUPPORTED.items():
        if name in given and (value := given.pop(name)) not in harmless:
            raise UsageError(f"{name} is not supported: a Space answers with text alone (got {short_repr(value)})")
    max_tokens = [given.pop(name) for name in MAX_TOKENS_NAMES if name in given]
    if max_tokens:
        given["max_tokens"] = max_tokens[0]
    for name, value in (*given.items(), *own.items()):
        _check_option(name, value)
    return {**{name: _parse_option(name, value) for name, value in given.items()}, **own}


def _check_option(name: object, value: object) -> None:
    if not isinstance(name, str) or name in OWN_ARGUMENTS:  # a request must not name files of this machine
        raise InvalidOption(f"{name} can't be set by a request; files go into messages, as parts of their content")
    if _names_file(value):
        raise InvalidOption(f"expected no file in {name}; files go into messages, as parts of their content")


def _parse_option(name: str, value: Any) -> Any:
    if name not in SAMPLING:
        return Preferred(value, (name,)) if name in CHOICES else value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidOption(f"expected a number for {name}, got {short_repr(value)}")
    if name == "max_tokens" and value < 1:
        raise InvalidOption(f"expected a number from 1 for max_tokens, got {short_repr(value)}")
    return Preferred(value, SAMPLING[name])


def _names_file(value: object) -> bool:
    """Return True if there is a mapping in a value in which gradio_client may see a file to upload."""
    if isinstance(value, Mapping):
        return "meta" in value or "path" in value or any(map(_names_file, value.values()))
    return isinstance(value, list | tuple) and any(map(_names_file, value))


# --- messages


def parse_messages(messages: Sequence[Message]) -> list[Message]:
    """Parse messages as agents and chat programs keep them.

    Roles may be members of an enum. Tool calls and their results become text. Of files in earlier turns, which a Space
    isn't sent again, the names are kept.

    Raises:
        InvalidMessages: the messages are not mappings, or a file can't be read.
    """
    parsed = [_parse_message(message) for message in as_messages(messages)]
    answers = [number for number, message in enumerate(parsed) if message["role"] == "assistant"]
    question = answers[-1] + 1 if answers else 0
    return [*name_files(parsed[:question]), *parsed[question:]]


def _parse_message(message: Message) -> Message:
    role, content = _role(message.get("role")), _content(message.get("content"))
    if role in ("tool", "function"):
        name = message.get("name") or message.get("tool_call_id")
        return {"role": "user", "content": f"[Result{f' of {name}' if name else ''}: {content_as_text(content)}]"}
    if role == "assistant":
        calls = "\n".join(f"[Called {call}]" for call in _calls(message))
        text = content_as_text(content) or content_as_text(message.get("refusal"))
        return {"role": role, "content": "\n".join(filter(None, (text, calls)))}
    return {"role": role, "content": content}


def _role(role: object) -> Any:
    role = role.value if isinstance(role, enum.Enum) else role
    return str.__str__(role) if isinstance(role, str) else role


def _content(content: object) -> Any:
    """Return a message's content, with texts of any API of OpenAI's as those of the chat API."""
    if not isinstance(content, list | tuple):
        return content
    return [
        {"type": "text", "text": part["text"]}
        if isinstance(part, Mapping) and part.get("type") in ("input_text", "output_text") and "text" in part
        else part
        for part in content
    ]


def content_as_text(content: object) -> str:
    """Return the text of a message's content, and of other parts their types in brackets."""
    if content is None:
        return ""
    if isinstance(content, list | tuple):
        return "".join(map(content_as_text, content))
    if isinstance(content, Mapping):
        text = content.get("text")
        content = text if isinstance(text, str) else content.get("refusal") or f"[{content.get('type')}]"
    return content if isinstance(content, str) else short_repr(content)


def _calls(message: Message) -> Iterator[str]:
    calls = message.get("tool_calls") or ()
    one = message.get("function_call")
    for call in [*(calls if isinstance(calls, list | tuple) else ()), *([{"function": one}] if one else [])]:
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield f"{function.get('name')}({function.get('arguments') or ''})"

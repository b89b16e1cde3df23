"""A Space's description of itself -> its chat endpoint; a Chat -> the endpoint's arguments; an output -> text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import chatbot
from .errors import EndpointNotFound, InvalidOption
from .messages import Chat

SYSTEM_NAMES = ("system", "system_prompt", "system_message", "sys_prompt")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint that chats, and what its parameters are.

    Attributes:
        api_name: its name, with the slash.
        query: the parameter that takes the prompt.
        history: the one that takes the Chatbot's value; None if there is none.
        system: the one that takes the system message; None if there is none.
        options: all others.
        reply: which output is the Chatbot; None if it is the only one.
        dialect: the form of the Chatbot's value.
    """

    api_name: str
    query: str
    history: str | None
    system: str | None
    options: frozenset[str]
    reply: int | None
    dialect: chatbot.Dialect

    def arguments(self, chat: Chat, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give what to call the endpoint with; what isn't given, the Space fills with its own default.

        Raises:
            InvalidOption: an option that the endpoint doesn't take, or turns or a system message that it can't.
        """
        check_options(options, self.options)
        arguments = {**options, self.query: chat.query}
        if self.history is not None:
            arguments[self.history] = chatbot.encode(chat.turns, self.dialect)
        elif chat.turns:
            raise InvalidOption(f"{self.api_name} takes no earlier turns; ask one question at a time")
        if chat.system is not None and self.system is None:
            raise InvalidOption(f"{self.api_name} takes no system message; put it into the prompt")
        if chat.system is not None and self.system is not None:
            arguments[self.system] = chat.system
        return arguments

    def text(self, output: object, chat: Chat) -> str | None:
        """Read the reply so far from an output; None if it can't be read, or shows only the turns before."""
        value = output
        if self.reply is not None:
            if not isinstance(output, Sequence) or isinstance(output, str) or len(output) <= self.reply:
                return None
            value = output[self.reply]
        text = chatbot.latest(value)
        if text and chat.turns and text == chat.turns[-1][1] and isinstance(value, Sequence):
            # A Space may show the old turns before it adds the new one: that is no reply yet.
            return None if len(value) <= len(chatbot.encode(chat.turns, self.dialect)) else text
        return text


def check_options(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that aren't known.

    Raises:
        InvalidOption: naming them, and what there is.
    """
    unknown = [name for name in options if name not in known]
    if unknown:
        expected = f"expected {', '.join(sorted(known))}" if known else "this Space takes no options"
        raise InvalidOption(f"unknown option {', '.join(map(repr, unknown))}: {expected}")


def recognise(config: Mapping[str, Any], info: Mapping[str, Any]) -> Endpoint:
    """Find the endpoint that chats: the first that takes a text and answers in a Chatbot.

    One that takes a history too stands before one that doesn't.

    Args:
        config: the Space's `/config`.
        info: its API description (`/info`), which leaves out components that the API skips, as gradio_client does.

    Raises:
        EndpointNotFound: the Space has none; the message lists what it has.
    """
    named: Mapping[str, Any] = info.get("named_endpoints", {})
    found = [endpoint for name, about in named.items() if (endpoint := _chatting(name, about, config))]
    if not found:
        raise EndpointNotFound(
            f"found no endpoint that takes a text and answers in a Chatbot, only {', '.join(named) or 'none'}"
        )
    return next((endpoint for endpoint in found if endpoint.history is not None), found[0])


def _chatting(api_name: str, about: Mapping[str, Any], config: Mapping[str, Any]) -> Endpoint | None:
    outputs = [returned.get("component") for returned in about.get("returns", ())]
    parameters = {str(p["parameter_name"]): str(p.get("component")) for p in about.get("parameters", ())}
    texts = [name for name, component in parameters.items() if component == "Textbox"]
    queries = [name for name in texts if name not in SYSTEM_NAMES]
    if "Chatbot" not in outputs or not queries:
        return None
    history = next((name for name, component in parameters.items() if component == "Chatbot"), None)
    system = next((name for name in texts if name in SYSTEM_NAMES), None)
    reply = outputs.index("Chatbot") if len(outputs) > 1 else None
    options = frozenset(parameters) - {queries[0], history, system}
    return Endpoint(api_name, queries[0], history, system, options, reply, _dialect(config))


def _dialect(config: Mapping[str, Any]) -> chatbot.Dialect:
    components = config.get("components", ())
    kinds = [component.get("props", {}).get("type") for component in components if component.get("type") == "chatbot"]
    return chatbot.dialect_of(str(config.get("version", "")), kinds[0] if kinds else None)

"""A Space's description of itself -> its chat endpoint; a Chat -> the endpoint's arguments; an output -> text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import chatbot
from .errors import EndpointNotFound, InvalidOption
from .messages import Chat, as_prompt

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
        reply: which output is the reply; None if it is the only one.
        dialect: the form of the Chatbot's value; None if the reply is plain text.
    """

    api_name: str
    query: str
    history: str | None
    system: str | None
    options: frozenset[str]
    reply: int | None
    dialect: chatbot.Dialect | None

    def arguments(self, chat: Chat, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give what to call the endpoint with; what isn't given, the Space fills with its own default.

        Raises:
            InvalidOption: an option that the endpoint doesn't take, or a system message if it takes none.
        """
        check_options(options, self.options)
        if self.history is not None and self.dialect is not None:
            arguments = {**options, self.query: chat.query, self.history: chatbot.encode(chat.turns, self.dialect)}
        else:
            arguments = {**options, self.query: as_prompt(chat)}
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
        if self.dialect is None:
            return value if isinstance(value, str) else None
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
    """Find the endpoint that chats: the first that takes a text, and answers in a Chatbot or is a `gr.ChatInterface`'s.

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
            "found no endpoint that chats, which would take a text and answer in a Chatbot; "
            f"it has {', '.join(named) or 'none at all'}"
        )
    return next((endpoint for endpoint in found if endpoint.history is not None), found[0])


def _chatting(api_name: str, about: Mapping[str, Any], config: Mapping[str, Any]) -> Endpoint | None:
    parameters, returns = about.get("parameters", ()), about.get("returns", ())
    texts = [parameter for parameter in parameters if parameter.get("component") == "Textbox"]
    queries = [str(text["parameter_name"]) for text in texts if not _is_system(text)]
    outputs = [returned.get("component") for returned in returns]
    # What gr.ChatInterface calls its one output, and what it gives there is text (gradio/chat_interface.py).
    is_interface = [returned.get("label") for returned in returns] == ["Response"]
    if not queries or not (is_interface or "Chatbot" in outputs):
        return None
    chatbots = [str(parameter["parameter_name"]) for parameter in parameters if parameter.get("component") == "Chatbot"]
    history = None if is_interface or not chatbots else chatbots[0]
    system = next((str(text["parameter_name"]) for text in texts if _is_system(text)), None)
    reply = outputs.index("Chatbot") if len(outputs) > 1 else None
    options = frozenset(str(parameter["parameter_name"]) for parameter in parameters) - {queries[0], history, system}
    return Endpoint(api_name, queries[0], history, system, options, reply, None if is_interface else _dialect(config))


def _is_system(parameter: Mapping[str, Any]) -> bool:
    """Whether a parameter's name or label says that it takes the system message."""
    names = (str(parameter.get("parameter_name")), str(parameter.get("label")))
    return any(name.lower().replace(" ", "_") in SYSTEM_NAMES for name in names)


def _dialect(config: Mapping[str, Any]) -> chatbot.Dialect:
    components = config.get("components", ())
    kinds = [component.get("props", {}).get("type") for component in components if component.get("type") == "chatbot"]
    return chatbot.dialect_of(str(config.get("version", "")), kinds[0] if kinds else None)

"""The chat endpoint of a page: its choice, its arguments for a Chat, the Snapshot in its output. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EndpointNotFound, InvalidOption, NotAGradioApp, ProtocolError, QwenGradioError, short_repr
from ..text import chatbot
from ..text.chatbot import Snapshot
from ..text.messages import Chat, as_prompt
from .page import Component, Dependency, parse_page
from .parameters import SYSTEM_NAMES, Parameter, check_value, component_type, is_chatbot_type, parse_parameter
from .verbatim import verbatim

# Names of endpoints that change the chat's session or page, and don't answer.
MAINTENANCE_NAMES = re.compile(
    r"(^|_)(clear|reset|undo|retry|regenerate|delete|remove|cancel|stop|like|dislike|vote|flag|edit|upload|example|load|"
    r"save|set|update|change|modify|title|share|export)(_|$)",
    re.IGNORECASE,
)
CHAT_NAMES = re.compile(r"(^|_)(chat|respond|predict|generate|bot|answer|ask)(_|$)", re.IGNORECASE)
TEXT_OUTPUTS = ("textbox", "markdown", "json")  # components of a plain text reply


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The chat endpoint of a Space.

    Attributes:
        api_name: its name, with the slash.
        parameters: its inputs in the order of the call, without those that the server takes from the session.
        query: the name of the parameter for the question; None if the question is the history's latest turn.
        history: the name of the parameter for the Chatbot's value; None if there is none.
        system: the name of the parameter for the system message; None if there is none.
        system_key: the key of the system message in that parameter's value, if that is a mapping.
        reply: the index of the reply among the outputs; None if it is the only one.
        dialect: the history format of the Chatbot; None if the reply is plain text.
        streams: True if the reply is sent as it grows, False if only once it is complete.
    """

    api_name: str
    parameters: tuple[Parameter, ...]
    query: str | None
    history: str | None
    system: str | None
    system_key: str | None
    reply: int | None
    dialect: chatbot.HistoryFormat | None
    streams: bool

    @property
    def options(self) -> tuple[Parameter, ...]:
        """The parameters that callers may set by name."""
        reserved = {self.query, self.history, None if self.system_key else self.system}
        return tuple(parameter for parameter in self.parameters if parameter.name not in reserved)

    def arguments(self, chat: Chat, options: Mapping[str, Any]) -> tuple[Any, ...]:
        """Build the arguments of the call, in order.

        If the endpoint has no input for the system message or the earlier turns, the question includes them.

        Raises:
            InvalidOption: the endpoint has no such option, or doesn't accept its value.
        """
        check_options(options, [option.name for option in self.options])
        values = {
            parameter.name: parameter.validate(options[parameter.name])
            if parameter.name in options
            else verbatim(parameter.default)
            for parameter in self.parameters
        }
        if chat.system is not None and self.system is not None:
            values[self.system] = self._with_system(values[self.system], chat.system)
        question = as_prompt(chat, system=self.system is None, turns=self.history is None)
        if self.history is not None and self.dialect is not None:
            turns = chat.turns if self.query is not None else (*chat.turns, (question, ""))
            values[self.history] = chatbot.encode(turns, self.dialect)
        return tuple(
            parameter.wrap_text(question) if parameter.name == self.query else values[parameter.name]
            for parameter in self.parameters
        )

    def _with_system(self, value: Any, system: str) -> Any:
        return {**value, self.system_key: system} if self.system_key else system

    def snapshot(self, output: object, chat: Chat, *, whole: bool = False) -> Snapshot | None:
        """Read the reply so far.

        Args:
            output: an output of the call.
            chat: the chat that was sent.
            whole: True for the last output.

        Returns:
            The reply; None if the output has none, or has only earlier turns.

        Raises:
            ProtocolError: the output has an unknown form.
        """
        value = chatbot.unwrap_update(self._reply_output(output))
        if value is None:
            return None
        parse = _plain_reply if self.dialect is None else chatbot.latest_reply
        try:
            snapshot = parse(value, whole=whole)
        except RecursionError:
            snapshot = None
        if snapshot is None:
            raise _unreadable(value)
        return None if self._shows_previous_turn(value, snapshot, chat) else snapshot

    def _reply_output(self, output: object) -> object:
        if self.reply is None:
            return output
        if not isinstance(output, list | tuple) or len(output) <= self.reply:
            raise _unreadable(output)
        return output[self.reply]

    def _shows_previous_turn(self, value: object, snapshot: Snapshot, chat: Chat) -> bool:
        """Return True if a Chatbot has only the earlier turns, as in some Spaces until they add the new one."""
        if not chat.turns or self.dialect is None or not isinstance(value, list | tuple):
            return False
        question, answer = chat.turns[-1]
        previous = chatbot.parse_content(answer, whole=True) or snapshot
        if snapshot.answer.strip() != previous.answer.strip():
            return False
        latest = chatbot.latest_question(value)
        if latest is not None and latest.strip() == chat.query.strip() != question.strip():
            return False
        return len(value) <= len(chatbot.encode(chat.turns, self.dialect))


def _plain_reply(value: object, *, whole: bool) -> Snapshot | None:
    """Read a plain text, or a `gr.ChatInterface`'s list of contents for the messages of one reply."""
    if not isinstance(value, list | tuple):
        return chatbot.parse_content(value, whole=whole)
    messages = [{"role": "assistant", "content": item} for item in value]
    return chatbot.latest_reply(messages, whole=whole) if messages else None


def _unreadable(output: object) -> ProtocolError:
    return ProtocolError(f"its reply can't be read: {short_repr(output)}")


def check_options(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Check the names of options.

    Args:
        options: the options, by name.
        known: the names of the endpoint's options.

    Raises:
        InvalidOption: some names are unknown; the message lists the known ones.
    """
    unknown = [name for name in options if name not in known]
    if unknown:
        expected = f"expected {', '.join(sorted(known))}" if known else "this Space takes no options"
        raise InvalidOption(f"unknown option {', '.join(map(repr, unknown))}: {expected}")


def check_option_values(options: Mapping[str, Any]) -> None:
    """Check that the values of options can be sent as JSON.

    Raises:
        InvalidOption: a value can't be sent.
    """
    for name, value in options.items():
        check_value(name, value)


def check_api_name(api_name: object) -> None:
    """Check the name of an endpoint; None stands for the chat endpoint.

    Raises:
        InvalidOption: the name isn't a string, is blank, or has control characters.
    """
    if api_name is None:
        return
    if not isinstance(api_name, str) or not api_name.strip("/ ") or not api_name.isprintable():
        raise InvalidOption(f"expected the name of an endpoint like '/chat' for api_name, got {short_repr(api_name)}")


def find_chat_endpoint(
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    *,
    api_name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Endpoint:
    """Find the chat endpoint of a Space.

    A chat endpoint takes a text, or a Chatbot's value whose latest turn is the question. It returns a Chatbot's value,
    a ChatInterface's response, or a single text. Several are ranked by these criteria, in order:

    1. documented in `/info`
    2. not named for maintenance (clear, retry, …)
    3. returns a Chatbot's value or a ChatInterface's response
    4. streams
    5. produces the answer: no other chat endpoint with a history runs after it (`trigger_after`)
    6. has an input for the question
    7. has an input for the history
    8. named for chat
    9. earlier on the page

    Args:
        config: the Space's `/config`.
        info: its `/info`, which omits hidden endpoints.
        api_name: the name of the endpoint to use, with or without the slash; None for the first by the ranking.
        defaults: defaults by name, for parameters without a published one.

    Raises:
        InvalidOption: `api_name` can't be a name.
        EndpointNotFound: there is no chat endpoint, or none named `api_name`; the message lists the documented ones.
        NotAGradioApp: `config` or `info` doesn't have Gradio's form.
    """
    check_api_name(api_name)
    try:
        return _find_chat_endpoint(config, info, api_name, defaults or {})
    except QwenGradioError:
        raise
    except Exception as exc:
        raise NotAGradioApp(f"its description can't be read ({type(exc).__name__}: {exc!s:.100})") from exc


def _find_chat_endpoint(
    config: Mapping[str, Any], info: Mapping[str, Any], api_name: str | None, defaults: Mapping[str, Any]
) -> Endpoint:
    page = parse_page(config, info)
    wanted = None if api_name is None else "/" + api_name.strip("/")
    candidates = [dependency for dependency in page if wanted in (None, dependency.api_name)]
    version = str(config.get("version", ""))
    chats = [
        (dependency, endpoint)
        for dependency in candidates
        if (endpoint := as_chat_endpoint(dependency, version, defaults, is_chosen=wanted is not None))
    ]
    if not chats:
        documented = ", ".join(dependency.api_name for dependency in page if dependency.is_documented)
        missing = _missing(wanted, exists=bool(candidates))
        raise EndpointNotFound(f"{missing}; it has {documented or 'no documented endpoint'}")
    followed_up = {dependency.config.get("trigger_after") for dependency, endpoint in chats if endpoint.history}
    return max(chats, key=lambda chat: _rank(chat[0], chat[1], followed_up))[1]


def _missing(wanted: str | None, *, exists: bool) -> str:
    if wanted is None:
        return "no endpoint takes a text and answers in a Chatbot or a text"
    return f"{wanted} takes no text, or answers in none" if exists else f"there is no {wanted}"


def _rank(dependency: Dependency, endpoint: Endpoint, followed_up: Collection[object]) -> tuple[bool, ...]:
    """Return a chat endpoint's rank, the highest first; `followed_up` has the ids of those that others run after."""
    name = endpoint.api_name.strip("/")
    return (
        dependency.is_documented,
        not MAINTENANCE_NAMES.search(name),
        endpoint.dialect is not None or dependency.is_chat_interface,
        endpoint.streams,
        dependency.config.get("id") not in followed_up,
        endpoint.query is not None,
        endpoint.history is not None,
        bool(CHAT_NAMES.search(name)),
    )


def as_chat_endpoint(
    dependency: Dependency, version: str, defaults: Mapping[str, Any], *, is_chosen: bool
) -> Endpoint | None:
    """Return a dependency as a chat endpoint; None if it can't be one.

    Args:
        dependency: the dependency.
        version: the version of the Space's Gradio.
        defaults: defaults by name, for parameters without a published one.
        is_chosen: True if the caller named it: then its reply may be the first of several texts, and its question may
            be in a State.
    """
    parameters = _parameters(dependency, defaults)
    reply = _reply_index(dependency, any_text=is_chosen)
    if reply is None:
        return None
    output = dependency.outputs[reply]
    is_chatbot = is_chatbot_type(component_type(output))
    history = next((parameter.name for parameter in parameters if parameter.is_chatbot), None) if is_chatbot else None
    query = _query(parameters)
    # An endpoint with a State reads the question from it, where an earlier step has put it, not from the history.
    if query is None and (history is None or (dependency.keeps_state and not is_chosen)):
        return None
    system, system_key = _system(parameters, query)
    return Endpoint(
        dependency.api_name,
        parameters,
        query,
        history,
        system,
        system_key,
        reply if len(dependency.outputs) > 1 else None,
        _history_format(version, output) if is_chatbot else None,
        dependency.streams,
    )


def _parameters(dependency: Dependency, defaults: Mapping[str, Any]) -> tuple[Parameter, ...]:
    parameters: list[Parameter] = []
    used_names: set[str] = set()
    for number, component in enumerate(dependency.inputs):
        documented = dependency.parameters[number] if dependency.parameters else None
        parameter = parse_parameter(number, component, documented, used_names, defaults)
        used_names.add(parameter.name)
        parameters.append(parameter)
    return tuple(parameters)


def _reply_index(dependency: Dependency, *, any_text: bool) -> int | None:
    """Return the index of the reply among the outputs: the first Chatbot, or else the first text; None for neither.

    Among several outputs, a text counts only with `any_text`, or from a `gr.ChatInterface`.
    """
    types = [component_type(component) for component in dependency.outputs]
    chatbots = [index for index, type_ in enumerate(types) if is_chatbot_type(type_)]
    texts = [index for index, type_ in enumerate(types) if type_ in TEXT_OUTPUTS]
    if chatbots:
        return chatbots[0]
    if texts and (len(types) == 1 or any_text or dependency.is_chat_interface):
        return texts[0]
    return None


def _query(parameters: Sequence[Parameter]) -> str | None:
    ranked = [(parameter.query_rank, parameter.name) for parameter in parameters if parameter.query_rank is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _system(parameters: Sequence[Parameter], query: str | None) -> tuple[str | None, str | None]:
    """Return the name of the parameter for the system message, and the message's key if its value is a mapping."""
    for parameter in parameters:
        if parameter.is_for_system and parameter.name != query:
            return parameter.name, None
    for parameter in parameters:
        key = _system_key(parameter.default)
        if key is not None:
            return parameter.name, key
    return None, None


def _system_key(default: object) -> str | None:
    keys = default if isinstance(default, Mapping) else ()
    return next((key for key in keys if isinstance(key, str) and SYSTEM_NAMES.search(key)), None)


def _history_format(version: str, component: Component) -> chatbot.HistoryFormat:
    return chatbot.history_format(version, (component.get("props") or {}).get("type"))

"""A Space's description of itself -> its chat endpoint; a Chat -> the endpoint's arguments; an output -> a Snapshot.

Pure. Components, names and labels are those that the Space publishes in `/config` and `/info`.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EndpointNotFound, InvalidOption, NotAGradioApp, ProtocolError, QwenGradioError
from ..text import chatbot
from ..text.chatbot import Snapshot
from ..text.messages import Chat, as_prompt
from .page import Dependency, parse_page
from .parameters import SYSTEM, Parameter, component_type, is_chatbot_type, parse_parameter
from .verbatim import verbatim

# What pages offer beside asking, by the words that such endpoints are named with.
UPKEEP = re.compile(
    r"(^|_)(clear|reset|undo|retry|regenerate|delete|remove|cancel|stop|like|dislike|vote|flag|edit|upload|example|load|"
    r"save|set|update|change|modify|title|share|export)(_|$)",
    re.IGNORECASE,
)
CHAT = re.compile(r"(^|_)(chat|respond|predict|generate|bot|answer|ask)(_|$)", re.IGNORECASE)
REPLIES = ("textbox", "markdown", "json")  # what a text is answered in, where it is not in a Chatbot


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint that chats, and what its parameters are.

    Attributes:
        api_name: its name, with the slash.
        parameters: all that it takes, in the order in which it takes them, less what lives in the Space's session.
        query: the parameter that takes the question; None if that is asked as the newest turn of the history.
        history: the one that takes the Chatbot's value; None if there is none.
        system: the one that takes the system message; None if there is none.
        system_key: where in that parameter's value, if that is a mapping.
        reply: which output is the reply; None if it is the only one.
        dialect: the form of the Chatbot's value; None if the reply is plain text.
        streams: whether the reply is shown as it grows, and not only when it is whole.
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
        """The parameters that are passed by name, or left to their defaults."""
        own = {self.query, self.history, None if self.system_key else self.system}
        return tuple(parameter for parameter in self.parameters if parameter.name not in own)

    def arguments(self, chat: Chat, options: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give what to call the endpoint with, in order.

        What the endpoint has no place for, a system message or the turns before, is written into the question.

        Raises:
            InvalidOption: an option that the endpoint doesn't take, or not with that value.
        """
        check_options(options, [option.name for option in self.options])
        values = {
            taken.name: taken.validate(options[taken.name]) if taken.name in options else verbatim(taken.default)
            for taken in self.parameters
        }
        if chat.system is not None and self.system is not None:
            values[self.system] = self._with_system(values[self.system], chat.system)
        question = as_prompt(chat, system=self.system is None, turns=self.history is None)
        if self.history is not None and self.dialect is not None:
            turns = chat.turns if self.query is not None else (*chat.turns, (question, ""))
            values[self.history] = chatbot.encode(turns, self.dialect)
        return tuple(
            taken.wrap_text(question) if taken.name == self.query else values[taken.name] for taken in self.parameters
        )

    def _with_system(self, value: Any, system: str) -> Any:
        return {**value, self.system_key: system} if self.system_key else system

    def snapshot(self, output: object, chat: Chat, *, whole: bool = False) -> Snapshot | None:
        """Read the reply so far from an output; None if it brings none, or shows only the turns before.

        Args:
            output: what the endpoint has given.
            chat: what was asked.
            whole: this is the last output.

        Raises:
            ProtocolError: it can't be read.
        """
        shown = output
        if self.reply is not None:
            if not isinstance(output, list | tuple) or len(output) <= self.reply:
                raise ProtocolError(f"its reply can't be read: {reprlib.repr(output):.80}")
            shown = output[self.reply]
        value = chatbot.unwrap_update(shown)
        if value is None:
            return None
        try:
            snapshot = (_plain if self.dialect is None else chatbot.latest_reply)(value, whole=whole)
        except RecursionError:
            snapshot = None
        if snapshot is None:
            raise ProtocolError(f"its reply can't be read: {reprlib.repr(value):.80}")
        return None if self.dialect and self._is_old(value, snapshot, chat) else snapshot

    def _is_old(self, value: object, snapshot: Snapshot, chat: Chat) -> bool:
        """Whether only the turns before are shown: a Space may do so before it adds the new one."""
        if not chat.turns or self.dialect is None or not isinstance(value, list | tuple):
            return False
        question, answer = chat.turns[-1]
        known = chatbot.parse_content(answer, whole=True) or snapshot
        if snapshot.answer.strip() != known.answer.strip():
            return False
        asked = chatbot.latest_question(value)
        if asked is not None and asked.strip() == chat.query.strip() != question.strip():
            return False
        return len(value) <= len(chatbot.encode(chat.turns, self.dialect))


def _plain(value: object, *, whole: bool) -> Snapshot | None:
    """A text, or what a `gr.ChatInterface` gives for a message or messages: role dicts."""
    if isinstance(value, list | tuple):
        return (
            chatbot.latest_reply([{"role": "assistant", "content": one} for one in value], whole=whole)
            if value
            else None
        )
    return chatbot.parse_content(value, whole=whole)


def check_options(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that aren't known.

    Raises:
        InvalidOption: naming them, and what there is.
    """
    unknown = [name for name in options if name not in known]
    if unknown:
        expected = f"expected {', '.join(sorted(known))}" if known else "this Space takes no options"
        raise InvalidOption(f"unknown option {', '.join(map(repr, unknown))}: {expected}")


def find_chat_endpoint(
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    *,
    api_name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Endpoint:
    """Find the endpoint that chats.

    It takes a text, or a Chatbot's value whose newest turn is the question, and answers in a Chatbot, as a
    `gr.ChatInterface`, or else in a single text. Of several, documented ones stand before hidden ones, and those not
    named for upkeep (clear, retry, …) before those that are; then an answer in a Chatbot or a ChatInterface before
    plain text, streaming before not, what answers before what only prepares another's turn, a question of its own
    before one in the history, with a history before without, named for chatting before not, and the first before the
    next.

    Args:
        config: the Space's `/config`.
        info: its API description (`/info`), which leaves out the endpoints that the Space hides.
        api_name: the endpoint to use, whatever the rule says.
        defaults: values for parameters of these names for which the Space publishes none.

    Raises:
        EndpointNotFound: the Space has none, or not that one; the message lists what it has.
        NotAGradioApp: what it says of itself is not what Gradio says.
    """
    try:
        return _recognised(config, info, api_name, defaults or {})
    except QwenGradioError:
        raise
    except Exception as exc:
        raise NotAGradioApp(f"what it says of itself can't be read ({type(exc).__name__}: {exc!s:.100})") from exc


def _recognised(
    config: Mapping[str, Any], info: Mapping[str, Any], api_name: str | None, defaults: Mapping[str, Any]
) -> Endpoint:
    described = parse_page(config, info)
    wanted = None if api_name is None else "/" + api_name.strip("/")
    among = [about for about in described if wanted in (None, about.api_name)]
    found = [(about, endpoint) for about in among if (endpoint := as_chat_endpoint(about, config, defaults, wanted))]
    if not found:
        what = "no endpoint that chats, which would take a text and answer in a Chatbot or a text"
        if wanted is not None:
            what = f"that {wanted} takes no text, or answers in none" if among else f"no {wanted}"
        names = ", ".join(about.api_name for about in described if about.is_documented)
        raise EndpointNotFound(f"found {what}; it has {names or 'none that is open to its API'}")
    prepared = {about.config.get("trigger_after") for about, endpoint in found if endpoint.history}
    return max(found, key=lambda one: _rank(one[0], one[1], prepared))[1]


def _rank(about: Dependency, endpoint: Endpoint, prepared: set[Any]) -> tuple[bool, ...]:
    return (
        about.is_documented,
        not UPKEEP.search(endpoint.api_name.strip("/")),
        endpoint.dialect is not None or about.is_chat_interface,
        endpoint.streams,
        about.config.get("id") not in prepared,
        endpoint.query is not None,
        endpoint.history is not None,
        bool(CHAT.search(endpoint.api_name.strip("/"))),
    )


def as_chat_endpoint(
    about: Dependency, config: Mapping[str, Any], defaults: Mapping[str, Any], wanted: str | None
) -> Endpoint | None:
    """Reads a dependency as a chat endpoint; None if it can't chat."""
    parameters = _parameters(about, defaults)
    reply = _reply(about, any_text=wanted is not None)
    if reply is None:
        return None
    component = about.outputs[reply]
    answers_in_chatbot = is_chatbot_type(component_type(component))
    history = next((taken.name for taken in parameters if taken.is_chatbot and answers_in_chatbot), None)
    texts = [(taken.query_rank, taken.name) for taken in parameters if taken.query_rank is not None]
    query = min(texts, key=lambda text: text[0])[1] if texts else None
    # With a State beside it, a history is asked with what an earlier step has put there, and not with its newest turn.
    if query is None and (history is None or (about.keeps_state and wanted is None)):
        return None
    system, key = _system(parameters, query)
    return Endpoint(
        about.api_name,
        parameters,
        query,
        history,
        system,
        key,
        reply if len(about.outputs) > 1 else None,
        _dialect(config, component) if answers_in_chatbot else None,
        about.streams,
    )


def _parameters(about: Dependency, defaults: Mapping[str, Any]) -> tuple[Parameter, ...]:
    parameters: list[Parameter] = []
    for number, component in enumerate(about.inputs):
        documented = about.parameters[number] if about.parameters else None
        taken = [parameter.name for parameter in parameters]
        parameters.append(parse_parameter(number, component, documented, taken, defaults))
    return tuple(parameters)


def _reply(about: Dependency, *, any_text: bool) -> int | None:
    """Which output is the reply: the Chatbot, or the text if that is all there is (or will do)."""
    types = [component_type(component) for component in about.outputs]
    chatbots = [number for number, kind in enumerate(types) if is_chatbot_type(kind)]
    texts = [number for number, kind in enumerate(types) if kind in REPLIES]
    if chatbots:
        return chatbots[0]
    if texts and (len(types) == 1 or any_text or about.is_chat_interface):
        return texts[0]
    return None


def _system(parameters: Sequence[Parameter], query: str | None) -> tuple[str | None, str | None]:
    """The parameter for the system message, or the one whose default is a mapping with a place for it."""
    for taken in parameters:
        if taken.is_for_system and taken.name != query:
            return taken.name, None
    for taken in parameters:
        if isinstance(taken.default, Mapping):
            for key in taken.default:
                if isinstance(key, str) and SYSTEM.search(key):
                    return taken.name, key
    return None, None


def _dialect(config: Mapping[str, Any], component: Mapping[str, Any]) -> chatbot.HistoryFormat:
    return chatbot.history_format(str(config.get("version", "")), (component.get("props") or {}).get("type"))

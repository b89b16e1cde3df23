"""Recipe: how a page is asked, as the steps that run and the component for each part of a question. Pure."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidOption, short_repr
from ..text import chatbot
from ..text.thinking import ThinkingTags, parse_tags
from .chains import Preparation
from .page import Component, ComponentId, Listener, Page, Target
from .parameters import Parameter, Preferred, check_value
from .ranking import Decision

CHATBOT_OPTION = "chatbot"  # the option that selects one of several Chatbots


@dataclass(frozen=True)
class Recipe:
    """How a page is asked.

    Attributes:
        page: the page.
        root: the first step, which takes the question.
        event: the event that starts it; None if only the API calls it.
        steps: the steps until the reply is complete, in the page's order.
        reply_step: the step whose output is the reply; of several, the last that streams.
        answers_in: the ids of the steps that write the reply.
        answer: the component of the reply.
        preparation: the listeners that write what the steps read.
        parameters_by_id: the inputs of all these, by component.
        query_id: the component for the question; None if the question is the Chatbot's latest turn.
        history_ids: the Chatbots whose values the steps read.
        has_memory: True if the steps read and write a State, which may hold the turns before.
        system_id: the component for the system message; None if there is none.
        system_key: the key of the system message in that component's value, if that is a mapping.
        dialect: the history format of the Chatbots; None if the page has none that is read or written.
        alternatives: make the recipe for each Chatbot that the same event answers in, by the Chatbots' names.
        decide: compares the page's ways to be asked.
    """

    page: Page
    root: Listener
    event: Target | None
    steps: tuple[Listener, ...]
    reply_step: Listener
    answers_in: frozenset[int]
    answer: Component
    preparation: Preparation
    parameters_by_id: Mapping[ComponentId, Parameter]
    query_id: ComponentId | None
    history_ids: tuple[ComponentId, ...]
    has_memory: bool
    system_id: ComponentId | None
    system_key: str | None
    dialect: chatbot.HistoryFormat | None
    alternatives: Mapping[str, Callable[[], Recipe]] = field(default_factory=dict)
    decide: Callable[[], Decision] = lambda: Decision(1)

    @property
    def decision(self) -> Decision:
        """Why it is this one of the page's."""
        return self.decide()

    @functools.cached_property
    def step_ids(self) -> frozenset[int]:
        """The ids of the steps."""
        return frozenset(step.id for step in self.steps)

    @functools.cached_property
    def started(self) -> tuple[Listener, ...]:
        """The listeners that sending the question starts, in the page's order: the first step, and those beside it."""
        started = (*self.preparation.on_event, self.root)
        if self.event is None:
            return started
        return tuple(one for one in self.page.listeners_of(*self.event) if any(one is other for other in started))

    @functools.cached_property
    def thinking_tags(self) -> ThinkingTags:
        """The tags around thinking, which the Chatbot publishes from Gradio 6 on."""
        return parse_tags(self.answer.props.get("reasoning_tags"))

    @property
    def api_name(self) -> str:
        """The name of the step whose output is the reply."""
        return self.reply_step.name

    @property
    def streams(self) -> bool:
        """True if the reply is sent as it grows, False if only once it is complete."""
        return any(step.streams for step in self.steps if step.id in self.answers_in)

    @property
    def remembers(self) -> bool:
        """True if a session may know the turns before: a step reads them from a State, or a Chatbot that one writes."""
        written = {component.id for step in self.steps for component in step.outputs}
        return self.has_memory or not written.isdisjoint(self.history_ids)

    @property
    def is_chatbot(self) -> bool:
        """True if the reply is the latest turn of a Chatbot, False if it is another component's value."""
        return self.answer.is_chatbot

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All inputs of the steps, without those that the server takes from the session."""
        return tuple(self.parameters_by_id.values())

    @property
    def query(self) -> str | None:
        """The name of the parameter for the question; None if the question is the Chatbot's latest turn."""
        return self._name(self.query_id)

    @property
    def history(self) -> str | None:
        """The name of the parameter for the Chatbot's value; None if no step reads one."""
        return self._name(self.history_ids[0] if self.history_ids else None)

    @property
    def system(self) -> str | None:
        """The name of the parameter for the system message; None if there is none."""
        return self._name(self.system_id)

    def _name(self, component: ComponentId | None) -> str | None:
        return None if component is None else self.parameters_by_id[component].name

    @property
    def options(self) -> tuple[Parameter, ...]:
        """The parameters that callers may set by name."""
        reserved = {self.query_id, *self.history_ids, None if self.system_key else self.system_id}
        own = [parameter for id_, parameter in self.parameters_by_id.items() if id_ not in reserved]
        if self.alternatives and not any(parameter.name == CHATBOT_OPTION for parameter in own):
            names = tuple(self.alternatives)
            own.append(Parameter(CHATBOT_OPTION, "", "radio", names[0], choices=names))
        return tuple(own)

    def select(self, options: Mapping[str, Any]) -> tuple[Recipe, dict[ComponentId, Any]]:
        """Return the recipe for the Chatbot that the options select, and the options by component.

        Raises:
            InvalidOption: the page has no such option, or doesn't accept its value.
        """
        known: dict[str, Parameter] = {option.name: option for option in self.options}
        check_options(options, known)
        valid = {name: known[name].validate(value) for name, value in options.items()}
        ids: dict[str, ComponentId] = {one.name: id_ for id_, one in self.parameters_by_id.items()}
        recipe = self
        if self.alternatives and CHATBOT_OPTION not in ids:
            recipe = self.alternatives[valid.pop(CHATBOT_OPTION, next(iter(self.alternatives)))]()
        chosen: dict[ComponentId, Any] = {ids[name]: value for name, value in valid.items()}
        return recipe, chosen


def check_options(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Check the names of options.

    Args:
        options: the options, by name.
        known: the names of the page's options.

    Raises:
        InvalidOption: some names are unknown; the message lists the known ones.
    """
    unknown = [name for name, value in options.items() if name not in known and not isinstance(value, Preferred)]
    if unknown:
        expected = f"expected {', '.join(sorted(known))}" if known else "this Space takes no options"
        raise InvalidOption(f"unknown option {', '.join(map(repr, unknown))}: {expected}")


def check_option_values(options: Mapping[str, Any]) -> None:
    """Check that the values of options can be sent as JSON.

    Raises:
        InvalidOption: a value can't be sent.
    """
    for name, value in options.items():
        check_value(name, value.value if isinstance(value, Preferred) else value)


def fit_options(options: Mapping[str, Any], known: Iterable[Parameter]) -> dict[str, Any]:
    """Return options with each `Preferred` under the page's own name; without those that the page doesn't have."""
    by_name = {parameter.name: parameter for parameter in known}
    fitted = {name: value for name, value in options.items() if not isinstance(value, Preferred)}
    for preferred in options.values():
        if isinstance(preferred, Preferred):
            name = next((name for name in preferred.names if name in by_name), None)
            if name is not None and name not in fitted:
                with contextlib.suppress(InvalidOption):
                    fitted[name] = by_name[name].nearest(preferred.value)
    return fitted


def check_api_name(api_name: object) -> None:
    """Check the name of an endpoint; None stands for the chat endpoint.

    Raises:
        InvalidOption: the name isn't a string, is blank, or has control characters.
    """
    if api_name is None:
        return
    if not isinstance(api_name, str) or not api_name.strip("/ ") or not api_name.isprintable():
        raise InvalidOption(f"expected the name of an endpoint like '/chat' for api_name, got {short_repr(api_name)}")

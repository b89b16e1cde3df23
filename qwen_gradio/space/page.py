"""A Space's `/config` and `/info` -> its page: components, listeners, and what starts them. Pure.

A listener runs a function of the app when an event of a component happens, or after another listener. Gradio calls it a
dependency.
"""

from __future__ import annotations

import enum
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

ComponentId: TypeAlias = "int | str"
Target: TypeAlias = "tuple[ComponentId | None, str]"
"""A component's id and the name of its event; None for the page itself, and for listeners that follow another."""

Part = TypeVar("Part", "Component", "Listener")

CHANGE = "change"  # the event of a component whose value has changed
LOAD = "load"  # the event of a page that is opened


class Condition(str, enum.Enum):
    """The outcome of a listener after which another one runs."""

    ANY = "whatever the outcome"
    SUCCESS = "on success"
    FAILURE = "on failure"


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a page.

    Attributes:
        id: its id.
        type: its type, in lower case.
        props: its published properties, such as `value` and `label`.
        schema: the JSON schema of its value; empty if it isn't published.
        is_skipped: True if the API has no such input and output, as for Buttons and States.
    """

    id: ComponentId
    type: str
    props: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    is_skipped: bool = False

    @property
    def is_state(self) -> bool:
        """True for a State: its value is in the session on the server, and is never sent."""
        return self.type == "state"

    @property
    def is_chatbot(self) -> bool:
        """True for a Chatbot, Gradio's own or a custom one."""
        return self.type.endswith("chatbot")

    @property
    def label(self) -> str:
        """Its label; `""` if there is none."""
        label = self.props.get("label")
        return label if isinstance(label, str) else ""

    @property
    def description(self) -> str:
        """Its type and label, for messages."""
        kind = "Chatbot" if self.is_chatbot else self.type
        return f'the {kind} "{self.label}"' if self.label else f"the {kind}"


@dataclass(frozen=True)  # without slots, for the cached properties, which each update of a reply needs
class Listener:
    """A function of the app, and what starts it.

    Attributes:
        id: its id; negative if `/config` has none that can be read.
        api_name: its name in the API, with the slash; None if it has none.
        inputs: the components of its arguments, in order.
        outputs: the components of its results, in order.
        parameters: its parameters in `/info`; None if `/info` doesn't list it.
        targets: the events that start it.
        follows: the id of the listener that it runs after; None if events alone start it.
        condition: the outcome of that listener after which it runs.
        streams: True if its function is a generator.
        runs_on_server: False if it is JavaScript alone.
        is_hidden: True if its author allows no calls but the page's.
        result_label: the label of its first result in `/info`; `""` if there is none.
    """

    id: int
    api_name: str | None
    inputs: tuple[Component, ...]
    outputs: tuple[Component, ...]
    parameters: tuple[Mapping[str, Any], ...] | None = None
    targets: tuple[Target, ...] = ()
    follows: int | None = None
    condition: Condition = Condition.ANY
    streams: bool = False
    runs_on_server: bool = True
    is_hidden: bool = False
    result_label: str = ""

    @property
    def name(self) -> str:
        """Its name, for messages; from Gradio 6 on, a function without a name is called "false"."""
        return f"function {self.id}" if self.api_name in (None, "/false") else self.api_name

    @property
    def function(self) -> str | int:
        """What gradio_client calls it by: its name in the API, or else its id."""
        return self.id if self.api_name is None else self.api_name

    @property
    def is_documented(self) -> bool:
        """True if `/info` lists it."""
        return self.parameters is not None

    @property
    def is_callable(self) -> bool:
        """True if it can be called from outside the page."""
        return self.runs_on_server and not self.is_hidden

    @property
    def has_effect(self) -> bool:
        """False if it can't affect a reply: JavaScript alone, or it reads nothing and changes Buttons and the like."""
        only_buttons = bool(self.outputs) and all(one.is_skipped and not one.is_state for one in self.outputs)
        return self.runs_on_server and not (only_buttons and not self.inputs)

    @property
    def is_chat_interface(self) -> bool:
        """True if `gr.ChatInterface` made it: its first output is labelled "Response" (gradio/chat_interface.py)."""
        shown = self.returned
        return bool(shown) and "Response" in (shown[0].label, self.result_label)

    @functools.cached_property
    def sent(self) -> tuple[Component, ...]:
        """The components whose values gradio_client takes: it adds States itself, and by `/info` takes no Buttons."""
        left_out = "is_skipped" if self.is_documented else "is_state"
        return tuple(component for component in self.inputs if not getattr(component, left_out))

    @functools.cached_property
    def returned(self) -> tuple[Component, ...]:
        """The components whose values gradio_client returns."""
        return tuple(component for component in self.outputs if not component.is_skipped)

    def values(self, output: object) -> dict[ComponentId, Any]:
        """Return the values in an output of a call, by component; gradio_client returns a single one bare.

        Raises:
            ValueError: the output has too few values.
        """
        returned = self.returned
        if len(returned) == 1:
            return {returned[0].id: output}
        if not returned:
            return {}
        if not isinstance(output, list | tuple) or len(output) < len(returned):
            raise ValueError(f"expected {len(returned)} values")
        return {component.id: value for component, value in zip(returned, output, strict=False)}


@dataclass(frozen=True, slots=True)
class Page:
    """The components and listeners of a page.

    Attributes:
        version: the version of its Gradio; `""` if unknown.
        app_id: the id of the running app, which changes when the app is started anew; None if unknown.
        components: all components, by their ids.
        listeners: all listeners, in the page's order.
        answers_in_chatbots: True if a listener writes to a Chatbot.
    """

    version: str
    app_id: object
    components: Mapping[ComponentId, Component]
    listeners: tuple[Listener, ...]
    answers_in_chatbots: bool
    _followers: Mapping[int, list[Listener]] = field(repr=False)
    _by_target: Mapping[Target, list[Listener]] = field(repr=False)

    @property
    def _major(self) -> int:
        """The major version of its Gradio; 0 if unknown."""
        major = self.version.partition(".")[0]
        return int(major) if major.isdecimal() else 0

    @property
    def starts_listeners_together(self) -> bool:
        """True if all listeners of an event start at once, with the values of that time, as before Gradio 6.

        Gradio 6 starts each when the one before has ended (dependency.ts).
        """
        return 0 < self._major < 6

    def follows(self, follower: Listener, *, is_success: bool) -> bool:
        """Return True if a follower runs after that outcome; on failure, Gradio 6 runs no `.then` (dependency.ts)."""
        if is_success:
            return follower.condition is not Condition.FAILURE
        runs_then = self._major < 6 and follower.condition is Condition.ANY
        return runs_then or follower.condition is Condition.FAILURE

    def followers(self, listener: Listener) -> Sequence[Listener]:
        """Return the listeners that run after another one, whatever their condition."""
        return self._followers.get(listener.id, ())

    def listeners_of(self, component: ComponentId | None, event: str) -> Sequence[Listener]:
        """Return the listeners of a component's event, in the page's order."""
        return self._by_target.get((component, event), ())

    def component_value(self, id_: ComponentId) -> Any:
        """Return the published value of a component; None if there is none."""
        component = self.components.get(id_)
        return None if component is None else component.props.get("value")

    @property
    def on_load(self) -> list[Listener]:
        """The listeners of the page's opening."""
        return [one for one in self.listeners if any(event == LOAD for _, event in one.targets)]


def parse_page(config: Mapping[str, Any], info: Mapping[str, Any]) -> Page:
    """Read a page.

    An endpoint that `/info` lists and whose entry in `/config` has another form is read from `/info` alone, without
    what starts it: gradio_client can call it all the same.

    Args:
        config: the Space's `/config`.
        info: its `/info`.
    """
    documented = {str(name): entry for name, entry in _mapping(info.get("named_endpoints")).items()}
    entries = config.get("dependencies")
    components = {one.id: one for one in map(_component, _mappings(config.get("components")))}
    listeners = [*_listeners_in_config(config, components, documented)]
    known = {listener.api_name for listener in listeners}
    if entries != []:
        unknown = [(name, entry) for name, entry in documented.items() if name not in known]
        listeners += [_listener_in_info(-number, name, entry) for number, (name, entry) in enumerate(unknown, 1)]
    followers: dict[int, list[Listener]] = defaultdict(list)
    by_target: dict[Target, list[Listener]] = defaultdict(list)
    for listener in listeners:
        if listener.follows is not None:
            followers[listener.follows].append(listener)
        for target in listener.targets:
            by_target[target].append(listener)
    version = config.get("version")
    return Page(
        version if isinstance(version, str) else "",
        config.get("app_id"),
        components,
        tuple(listeners),
        any(component.is_chatbot for one in listeners for component in one.outputs),
        followers,
        by_target,
    )


def _listeners_in_config(
    config: Mapping[str, Any], components: Mapping[ComponentId, Component], documented: Mapping[str, Any]
) -> Iterator[Listener]:
    entries = [*_mappings(config.get("dependencies"))]
    ids = [id_ for entry in entries if isinstance(id_ := entry.get("id"), int)]
    if len({*ids}) < len(entries):
        ids = [*range(len(entries))]  # below Gradio 4.32 there are none
    for id_, entry in zip(ids, entries, strict=True):
        listener = _listener(id_, entry, components, documented)
        if listener is not None:
            yield listener


def _component(entry: Mapping[str, Any]) -> Component:
    published, is_skipped = entry.get("type"), entry.get("skip_api")
    type_ = published.lower() if isinstance(published, str) else ""
    return Component(
        entry.get("id", -1),
        type_,
        _mapping(entry.get("props")),
        _mapping(entry.get("api_info")),
        is_skipped if isinstance(is_skipped, bool) else type_ == "state",  # as gradio_client does before Gradio 4
    )


def _listener(
    id_: int, entry: Mapping[str, Any], components: Mapping[ComponentId, Component], documented: Mapping[str, Any]
) -> Listener | None:
    """Read an entry of `/config`; None if gradio_client can't call it, or if it differs from the one in `/info`."""
    sides = [entry.get("inputs") or (), entry.get("outputs") or ()]
    if any(component not in components for side in sides for component in side):
        return None
    inputs, outputs = (tuple(components[component] for component in side) for side in sides)
    name, follows = entry.get("api_name"), entry.get("trigger_after")
    api_name = f"/{name}" if isinstance(name, str) else None
    description = documented.get(api_name) if api_name else None
    listener = Listener(
        id_,
        api_name,
        inputs,
        outputs,
        None if description is None else _parameters(description),
        tuple(_targets(entry)),
        follows if isinstance(follows, int) else None,
        _condition(entry),
        streams=bool(_mapping(entry.get("types")).get("generator")),
        runs_on_server=entry.get("backend_fn") is not False,
        is_hidden=name is False or entry.get("api_visibility") == "private",
        result_label=_result_label(description),
    )
    return None if description is not None and _differs(listener, description) else listener


def unique(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield each component or listener once, by its id."""
    return iter({part.id: part for part in parts}.values())


def _result_label(description: Mapping[str, Any] | None) -> str:
    label = next(_mappings((description or {}).get("returns")), {}).get("label")
    return label if isinstance(label, str) else ""


def _differs(listener: Listener, description: Mapping[str, Any]) -> bool:
    """Return True if a listener has other inputs or outputs than `/info` says, or some without a type."""
    returns = description.get("returns")
    is_other_result = isinstance(returns, list) and len(returns) != len(listener.returned)
    has_types = all(component.type for component in (*listener.inputs, *listener.outputs))
    return is_other_result or len(listener.parameters or ()) != len(listener.sent) or not has_types


def _targets(entry: Mapping[str, Any]) -> Iterator[Target]:
    targets = entry.get("targets")
    for target in targets if isinstance(targets, list | tuple) else ():
        if isinstance(target, list | tuple) and len(target) == 2 and isinstance(target[1], str):
            yield target[0], target[1]


def _condition(entry: Mapping[str, Any]) -> Condition:
    if entry.get("trigger_only_on_success"):
        return Condition.SUCCESS
    return Condition.FAILURE if entry.get("trigger_only_on_failure") else Condition.ANY


def _listener_in_info(id_: int, name: str, description: Mapping[str, Any]) -> Listener:
    parameters, returns = _parameters(description), [*_mappings(description.get("returns"))]
    sides = [("in", parameters), ("out", returns)]
    inputs, outputs = (
        tuple(_documented_component(f"{name} {side} {number}", one) for number, one in enumerate(documented))
        for side, documented in sides
    )
    return Listener(id_, name, inputs, outputs, parameters, result_label=_result_label(description))


def _documented_component(id_: str, documented: Mapping[str, Any]) -> Component:
    props = {"label": documented.get("label")}
    return Component(id_, str(documented.get("component", "")).lower(), props, _mapping(documented.get("type")))


def _parameters(description: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(_mappings(description.get("parameters")))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in (value if isinstance(value, list | tuple) else ()) if isinstance(one, Mapping))

"""One input of an endpoint: its name, its default, and the values that it accepts. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption, short_repr
from ..text.files import File
from .file_inputs import FILE_INPUTS, FileInput, parse_file_input
from .page import Component, ComponentId
from .verbatim import verbatim

# Components for typed text (gradio, modelscope_studio); a "multimodal" one takes {"text", "files"}.
TEXT_INPUTS = ("textbox", "sender", "multimodaltextbox", "multimodalinput")

# Patterns of the names and labels of the inputs for the system message and for the question.
SYSTEM_NAMES = re.compile(
    r"(^|[\W_])(system|sys)([\W_]|$)|^sys(tem)?(prompt|message|msg|instructions?)$|系统", re.IGNORECASE
)
QUERY_NAMES = re.compile(
    r"(^|[\W_])(messages?|msg|query|question|prompt|inputs?|input_value|text|txt|ask me anything)$", re.IGNORECASE
)

EMPTY_MULTIMODAL = {"text": "", "files": []}

_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": (list, tuple),
    "object": Mapping,
}


@dataclass(frozen=True, slots=True)
class Preferred:
    """An option's value for a Space that has such an option; a Space without it is asked all the same.

    Attributes:
        value: the value; of a number out of bounds, the nearest that the Space accepts is sent.
        names: the names that Spaces have for the option; the first that a Space has counts.
    """

    value: Any
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of an endpoint.

    Attributes:
        name: its name in the API, or the words of its label if the Space publishes no name.
        label: its label on the page.
        component: the type of its component, in lower case.
        default: the value that is sent if the caller passes none.
        kind: the JSON type of its values; None for any.
        choices: the accepted values; None for any value.
        many: True if its value is a list of choices.
        minimum: the lower bound of a number, included; None for no bound.
        maximum: the upper bound of a number, included; None for no bound.
        is_secret: True if the page hides its text, as that of a password.
        file_input: the files that it takes; None if it takes none.
    """

    name: str
    label: str
    component: str
    default: Any = None
    kind: str | None = None
    choices: tuple[Any, ...] | None = None
    many: bool = False
    minimum: float | None = None
    maximum: float | None = None
    is_secret: bool = False
    file_input: FileInput | None = None

    @property
    def takes_files(self) -> bool:
        """True if it takes files, alone or beside a text."""
        return self.file_input is not None

    @property
    def is_text(self) -> bool:
        """True if a text is typed into its component."""
        return self.component.endswith(TEXT_INPUTS)

    @property
    def is_chatbot(self) -> bool:
        """True if it takes a Chatbot's value."""
        return self.component.endswith("chatbot")

    @property
    def is_for_system(self) -> bool:
        """True if it takes text, and has the name or label of a system message."""
        return self.is_text and bool(SYSTEM_NAMES.search(self.name) or SYSTEM_NAMES.search(self.label))

    @property
    def query_rank(self) -> tuple[int, bool] | None:
        """Its rank as the input for the question, the lowest first; None if it can't be that input.

        First, how its name fits: 0 for "message", 1 for "my_message", 2 if only its label fits, 3 if neither does. Then
        True if it has a default, as a box with text in it is some other setting.
        """
        if not self.is_text or self.is_for_system or self.is_secret:
            return None
        has_default = self.default not in ("", None, EMPTY_MULTIMODAL)
        named = QUERY_NAMES.search(self.name)
        if named is not None:
            return int(named.start() > 0), has_default
        return 2 if QUERY_NAMES.search(self.label) else 3, has_default

    def wrap_text(self, text: str, files: Sequence[File] = ()) -> Any:
        """Return a text, and files if it takes them, in the form that the component accepts."""
        return {"text": text, "files": list(files)} if "multimodal" in self.component else text

    def wrap_files(self, files: Sequence[File]) -> Any:
        """Return files in the form that the component accepts."""
        return self.file_input.wrap(files) if self.file_input is not None else list(files)

    @property
    def expected(self) -> str:
        """The accepted values, in words, for messages."""
        if self.choices is not None:
            choices = ", ".join(map(short_repr, self.choices))
            return f"a list of these: {choices}" if self.many else f"one of {choices}"
        if self.component in FILE_INPUTS:
            return "gradio_client.handle_file(path or URL)"
        bounds = [("from", self.minimum), ("to", self.maximum)]
        return " ".join(
            [self.kind or "any JSON value", *(f"{word} {bound:g}" for word, bound in bounds if bound is not None)]
        )

    def validate(self, value: Any) -> Any:
        """Check the caller's value, and return the value to send: a mapping is merged into a default mapping.

        Raises:
            InvalidOption: the value is not JSON, not of the published type, not a choice, or out of bounds.
        """
        if value is None and self.default is None:
            return None
        check_value(self.name, value)
        if not self._accepts(value):
            raise InvalidOption(f"expected {self.expected} for {self.name}, got {short_repr(value)}")
        if isinstance(value, Mapping) and isinstance(self.default, Mapping) and "meta" not in value:
            return {**verbatim({key: item for key, item in self.default.items() if key not in value}), **value}
        return value

    def nearest(self, value: Any) -> Any:
        """Return the accepted value nearest to a number; another value as it is.

        Raises:
            InvalidOption: it is not accepted, and no number is near.
        """
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            numbers = [choice for choice in self.choices or () if _bound(choice) is not None]
            if numbers:
                return min(numbers, key=lambda choice: abs(float(choice) - value))
            value = value if self.minimum is None else max(value, self.minimum)
            value = value if self.maximum is None else min(value, self.maximum)
            value = round(value) if self.kind == "integer" else value
        return self.validate(value)

    def _accepts(self, value: Any) -> bool:
        if self.choices is not None:
            chosen = value if self.many and isinstance(value, list | tuple) else [value]
            return isinstance(value, list | tuple) == self.many and all(map(self._is_choice, chosen))
        if self.component in FILE_INPUTS:
            files = value if isinstance(value, list) else [value]
            return all(isinstance(file, Mapping) and "meta" in file for file in files)
        if self.kind in _JSON_TYPES and not isinstance(value, _JSON_TYPES[self.kind]):
            return False
        return self.kind not in ("number", "integer") or self._is_in_bounds(value)

    def _is_choice(self, value: Any) -> bool:
        """Return True if the value equals a choice; unlike in Python, True doesn't equal 1."""
        return any(
            value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices or ()
        )

    def _is_in_bounds(self, value: Any) -> bool:
        if isinstance(value, bool):
            return False
        minimum, maximum = (value if bound is None else bound for bound in (self.minimum, self.maximum))
        return bool(minimum <= value <= maximum)


def check_value(name: str, value: object) -> None:
    """Check that an option's value can be sent as JSON.

    Raises:
        InvalidOption: the value has a number that isn't finite, a lone surrogate, a cycle, or a non-JSON object.
    """
    try:
        if isinstance(value, int):
            float(value)  # raises for an int that servers can't read
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise InvalidOption(f"expected a JSON value for {name}, got a lone surrogate in {short_repr(value)}") from exc
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise InvalidOption(f"expected a JSON value for {name}, got {short_repr(value)}: {exc}") from exc


def parse_parameter(
    number: int,
    component: Component,
    documented: Mapping[str, Any] | None,
    used_names: Collection[str],
    defaults: Mapping[str, Any],
) -> Parameter:
    """Parse a parameter's component in `/config` and its entry in `/info`.

    Args:
        number: its index among the parameters.
        component: its component.
        documented: its entry in `/info`; None if `/info` hides the endpoint.
        used_names: the names of the parameters before it.
        defaults: defaults by name, for parameters without a published one.
    """
    description = documented or {}
    label = str(description.get("label") or component.label)
    return Parameter(
        _name(description.get("parameter_name"), label, number, used_names),
        label,
        component.type,
        _default(component, description, defaults),
        kind=_kind(component, description),
        choices=_choices(component.props),
        many=component.type == "checkboxgroup" or bool(component.props.get("multiselect")),
        minimum=_bound(component.props.get("minimum")),
        maximum=_bound(component.props.get("maximum")),
        is_secret=component.props.get("type") == "password",
        file_input=parse_file_input(component.type, component.props, component.schema or description.get("type")),
    )


def _name(published: object, label: str, number: int, used_names: Collection[str]) -> str:
    """Return the published name, or else the words of the label; a number if another parameter has that name."""
    words = re.sub(r"\W+", "_", label.lower()).strip("_")
    names = (published if isinstance(published, str) else "", words, f"parameter_{number}")
    free = [name for name in names if name and name not in used_names]
    return free[0] if free else f"parameter_{number}_{len(used_names)}"


def _default(component: Component, description: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """Return the published default, or else the known one; for a text input without either, an empty text."""
    value = component.props.get("value")
    published = description["parameter_default"] if description.get("parameter_has_default") else value
    default = defaults.get(str(description.get("parameter_name"))) if published is None else published
    if default is None and component.type.endswith(TEXT_INPUTS):
        return EMPTY_MULTIMODAL if "multimodal" in component.type else ""
    return default


def _kind(component: Component, description: Mapping[str, Any]) -> str | None:
    schema = component.schema or description.get("type") or {}
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return kind if isinstance(kind, str) and kind in _JSON_TYPES else None


def _choices(props: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the values of the published choices, which may be (label, value) pairs; None for any value.

    A component published without choices may get them later, from the page; so any value is accepted.
    """
    choices = props.get("choices")
    if not choices or not isinstance(choices, list | tuple) or props.get("allow_custom_value"):
        return None
    return tuple(choice[1] if isinstance(choice, list | tuple) and len(choice) == 2 else choice for choice in choices)


def _bound(bound: object) -> float | None:
    if not isinstance(bound, int | float) or isinstance(bound, bool):
        return None
    try:
        return bound if math.isfinite(bound) else None
    except OverflowError:  # an int that no float can hold
        return None


def find_system(
    parameters: Mapping[ComponentId, Parameter], query: ComponentId | None
) -> tuple[ComponentId | None, str | None]:
    """Return the component for the system message, and the message's key if its value is a mapping."""
    for id_, parameter in parameters.items():
        if parameter.is_for_system and id_ != query:
            return id_, None
    for id_, parameter in parameters.items():
        key = _system_key(parameter.default)
        if key is not None:
            return id_, key
    return None, None


def _system_key(default: object) -> str | None:
    keys = default if isinstance(default, Mapping) else ()
    return next((key for key in keys if isinstance(key, str) and SYSTEM_NAMES.search(key)), None)

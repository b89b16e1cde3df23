"""One input of an endpoint: its name, its default, and what it takes, read off its component. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from .verbatim import verbatim

# The components that a question is typed into; a "multimodal" one takes {"text", "files"} (gradio, modelscope_studio).
TEXTS = ("textbox", "sender", "multimodaltextbox", "multimodalinput")

SYSTEM = re.compile(r"(^|[\W_])(system|sys)([\W_]|$)|^sys(tem)?(prompt|message|msg|instructions?)$|系统", re.IGNORECASE)
QUERY = re.compile(
    r"(^|[\W_])(messages?|msg|query|question|prompt|inputs?|input_value|text|txt|ask me anything)$", re.IGNORECASE
)
FILES = ("file", "image", "audio", "video", "imageeditor", "gallery")

EMPTY = {"text": "", "files": []}

_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": (list, tuple),
    "object": Mapping,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an endpoint takes in one place.

    Attributes:
        name: what to call it by: its own name, or its label's words where the Space hides the name.
        label: what the page calls it.
        component: the type of its component, in lower case.
        default: what is sent if nothing is given.
        kind: the JSON type that it takes; None if any.
        choices: the values to choose from; None if it is free.
        many: whether any number of the choices are taken.
        minimum: the least number that it takes; None for no bound.
        maximum: the greatest.
        is_secret: whether it hides what is typed into it, as a password.
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

    @property
    def is_text(self) -> bool:
        """Whether text is typed into it."""
        return self.component.endswith(TEXTS)

    @property
    def is_chatbot(self) -> bool:
        """Whether it takes a Chatbot's value."""
        return is_chatbot_type(self.component)

    @property
    def is_for_system(self) -> bool:
        """Whether it is text, and its name or label says that it takes the system message."""
        return self.is_text and bool(SYSTEM.search(self.name) or SYSTEM.search(self.label))

    @property
    def query_rank(self) -> tuple[int, bool] | None:
        """How likely it takes the question, the least most; None if it can't.

        By its name, the shorter the plainer ("message" before "my_message"), then its label, and then by its having no
        default: nobody asks with what stood there before.
        """
        if not self.is_text or self.is_for_system or self.is_secret:
            return None
        named, labelled = QUERY.search(self.name), QUERY.search(self.label)
        by_name = None if named is None else int(named.start() > 0)
        return by_name if by_name is not None else 2 if labelled else 3, bool(self.default not in ("", None, EMPTY))

    def wrap_text(self, text: str) -> Any:
        """Give a text in the form that its component takes."""
        return {**EMPTY, "text": text} if "multimodal" in self.component else text

    @property
    def expected(self) -> str:
        """Say what it takes, in words."""
        if self.choices is not None:
            choices = ", ".join(map(repr, self.choices))
            return f"a list of these: {choices}" if self.many else f"one of {choices}"
        if self.component in FILES:
            return "gradio_client.handle_file(path or URL)"
        what = self.kind or "any JSON value"
        bounds = [("from", self.minimum), ("to", self.maximum)]
        return " ".join([what, *(f"{word} {bound:g}" for word, bound in bounds if bound is not None)])

    def validate(self, value: Any) -> Any:
        """Give a value to send: the user's, on top of the default where both are mappings.

        Raises:
            InvalidOption: the value is not of the published type, among the choices, or within the bounds.
        """
        if value is None and self.default is None:
            return None
        if not self._accepts(value):
            raise InvalidOption(f"expected {self.expected} for {self.name}, got {value!r:.80}")
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as exc:
            raise InvalidOption(f"expected what can be sent as JSON for {self.name}: {exc}") from exc
        if isinstance(value, Mapping) and isinstance(self.default, Mapping) and "meta" not in value:
            return {**verbatim({key: one for key, one in self.default.items() if key not in value}), **value}
        return value

    def _accepts(self, value: Any) -> bool:
        if self.choices is not None:
            chosen = value if self.many and isinstance(value, list | tuple) else [value]
            return isinstance(value, list | tuple) == self.many and all(map(self._is_choice, chosen))
        if self.component in FILES:
            return all(
                isinstance(one, Mapping) and "meta" in one for one in (value if isinstance(value, list) else [value])
            )
        if self.kind in _JSON_TYPES and not isinstance(value, _JSON_TYPES[self.kind]):
            return False
        if self.kind in ("number", "integer"):
            least, greatest = (bound if bound is not None else value for bound in (self.minimum, self.maximum))
            return not isinstance(value, bool) and bool(least <= value <= greatest)
        return True

    def _is_choice(self, value: Any) -> bool:
        """Whether it is one of the choices; True is not 1 there."""
        return any(
            value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices or ()
        )


def component_type(component: Mapping[str, Any]) -> str:
    """The type of a component in `/config`, in lower case."""
    return str(component.get("type", "")).lower()


def is_chatbot_type(kind: str) -> bool:
    """Whether a component of this type is a Chatbot, Gradio's own or another's."""
    return kind.endswith("chatbot")


def parse_parameter(
    number: int,
    component: Mapping[str, Any],
    documented: Mapping[str, Any] | None,
    taken: Collection[str],
    defaults: Mapping[str, Any],
) -> Parameter:
    """Read a parameter off its component in `/config`, and off `/info` if the Space documents it there.

    Args:
        number: its place among the parameters, from 0.
        component: its component.
        documented: what `/info` says of it; None if it is hidden.
        taken: the names of the parameters before it.
        defaults: values for parameters of these names for which the Space publishes none.
    """
    props: Mapping[str, Any] = component.get("props") or {}
    about = documented or {}
    label = str(about.get("label") or props.get("label") or "")
    name = str(about.get("parameter_name") or _name_of(label, number, taken))
    kind_of = component_type(component)
    default = about["parameter_default"] if about.get("parameter_has_default") else props.get("value")
    if default is None:
        default = defaults.get(name)
    if default is None and kind_of.endswith(TEXTS):
        default = EMPTY if "multimodal" in kind_of else ""
    schema = component.get("api_info") or about.get("type") or {}
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return Parameter(
        name,
        label,
        kind_of,
        default,
        kind=kind if isinstance(kind, str) and kind in _JSON_TYPES else None,
        choices=_choices(props),
        many=kind_of == "checkboxgroup" or bool(props.get("multiselect")),
        minimum=_bound(props.get("minimum")),
        maximum=_bound(props.get("maximum")),
        is_secret=props.get("type") == "password",
    )


def _name_of(label: str, number: int, taken: Collection[str]) -> str:
    words = re.sub(r"\W+", "_", label.lower()).strip("_")
    return words if words and words not in taken else f"parameter_{number}"


def _choices(props: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The values of a component's choices, which are published as (label, value) pairs; None if it is free.

    A component without choices may get some from the page, and what it takes is not known.
    """
    choices = props.get("choices")
    if not choices or not isinstance(choices, list | tuple) or props.get("allow_custom_value"):
        return None
    pairs = (isinstance(choice, list | tuple) and len(choice) == 2 for choice in choices)
    return tuple(choice[1] if pair else choice for choice, pair in zip(choices, pairs, strict=True))


def _bound(bound: object) -> float | None:
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else None

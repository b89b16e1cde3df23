"""A Space's `/config` and `/info` -> its endpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Component: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dependency:
    """An endpoint of a page, which Gradio calls a dependency.

    Attributes:
        api_name: its name, with the slash.
        config: its entry in `/config`; empty if it was read from `/info` alone.
        inputs: the components of its arguments, in order.
        outputs: the components of its results, in order.
        parameters: its parameters in `/info`; None if `/info` hides it.
    """

    api_name: str
    config: Mapping[str, Any]
    inputs: list[Component]
    outputs: list[Component]
    parameters: list[Mapping[str, Any]] | None

    @property
    def is_documented(self) -> bool:
        """True if `/info` lists it."""
        return self.parameters is not None

    @property
    def streams(self) -> bool:
        """True if its function is a generator."""
        return bool((self.config.get("types") or {}).get("generator"))

    @property
    def keeps_state(self) -> bool:
        """True if the server takes some inputs from the session's State."""
        return len(self.inputs) < len(self.config.get("inputs") or ())

    @property
    def is_chat_interface(self) -> bool:
        """True if `gr.ChatInterface` made it: its first output is labelled "Response" (gradio/chat_interface.py)."""
        labels = [(component.get("props") or {}).get("label") for component in self.outputs]
        return labels[:1] == ["Response"]


def parse_page(config: Mapping[str, Any], info: Mapping[str, Any]) -> list[Dependency]:
    """Read the named endpoints of a page, in the page's order.

    Args:
        config: the Space's `/config`.
        info: its `/info`, which omits hidden endpoints.

    Raises:
        Exception: any class, if a value doesn't have the type that Gradio publishes.
    """
    return list(_dependencies_in_config(config, info)) or list(_dependencies_in_info(config, info))


def _dependencies_in_config(config: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[Dependency]:
    components = {component.get("id"): component for component in config.get("components") or ()}
    documented: Mapping[str, Any] = info.get("named_endpoints") or {}
    for entry in config.get("dependencies") or ():
        name = entry.get("api_name")
        if not isinstance(name, str) or entry.get("api_visibility") == "private":
            continue
        inputs, outputs = (
            [components[id_] for id_ in entry.get(side) or () if not _is_skipped(components.get(id_))]
            for side in ("inputs", "outputs")
        )
        description = documented.get(f"/{name}")
        parameters = list(description.get("parameters") or ()) if description else None
        if parameters is None or len(parameters) == len(inputs):
            yield Dependency(f"/{name}", entry, inputs, outputs, parameters)


def _dependencies_in_info(config: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[Dependency]:
    """Read the endpoints from `/info` alone, for a `/config` whose dependencies have an unknown form."""
    if config.get("dependencies") == []:
        return
    for name, description in (info.get("named_endpoints") or {}).items():
        parameters, returns = list(description.get("parameters") or ()), description.get("returns") or ()
        yield Dependency(str(name), {}, _as_components(parameters), _as_components(returns), parameters)


def _as_components(documented: Sequence[Mapping[str, Any]]) -> list[Component]:
    return [{"type": one.get("component"), "props": {"label": one.get("label")}} for one in documented]


def _is_skipped(component: Component | None) -> bool:
    """Return True if the API omits a component, as gradio_client does (`skip_api`; before Gradio 4, a State)."""
    return component is None or bool(component.get("skip_api", component.get("type") == "state"))

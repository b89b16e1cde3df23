"""A person at a page: where the question goes, and what is done to ask it, one action after the other.

An action names its component, and what is done to it: {"text": …} is put in a box, {"files": [path, …]} are chosen,
{"value": …} is set, {"press": "Enter"}, or nothing more: it is clicked. `Page` and Chromium take the same actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .page import EMPTY, Page

Action = dict[str, Any]
TAKE_FILES = ("file", "image", "uploadbutton", "audio", "video")


async def ask(page: Page, text: str, **how: Any) -> Any:
    """Ask a question, wait until all that it starts has ended, and give what the first Chatbot holds.

    Args:
        page: the page.
        text: the question.
        how: as `actions` takes it.
    """
    for action in actions(page, text, **how):
        await act(page, action)
    return page.chatbot() if any(each["type"] == "chatbot" for each in page.components.values()) else None


def actions(
    page: Page,
    text: str,
    *,
    files: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
    system: str | None = None,
    box: str | None = None,
) -> list[Action]:
    """Give the actions that ask a question.

    Args:
        page: the page, as it is before the question.
        text: the question.
        files: what goes with it.
        options: the values of other components, by their labels.
        system: what goes in the box whose label has "system" in it.
        box: the label or placeholder of the question box, where there are several.

    Raises:
        LookupError: there is no such component, or there are several.
    """
    where, button = question_box(page, box)
    done: list[Action] = [
        {"component": component(page, label), "value": value} for label, value in (options or {}).items()
    ]
    if system is not None:
        done += _system_actions(page, system, _takers(page, where, button))
    if files:
        is_multimodal = page.components[where]["type"] == "multimodaltextbox"
        done.append(
            {"component": where if is_multimodal else _file_input(page), "files": [str(path) for path in files]}
        )
    done.append({"component": where, "text": text})
    done.append({"component": where, "press": "Enter"} if button is None else {"component": button})
    return done


async def act(page: Page, action: Action) -> None:
    """Do an action to a page."""
    where = action["component"]
    value = page.values[where]
    is_multimodal = page.components[where]["type"] == "multimodaltextbox"
    if "text" in action:
        await page.set(where, {**value, "text": action["text"]} if is_multimodal else action["text"])
    elif "files" in action:
        await page.upload(where, [Path(path) for path in action["files"]])
    elif "value" in action:
        await page.set(where, action["value"])
    elif "press" in action:
        await page.submit(where)
    else:
        await page.click(where)


def question_box(page: Page, name: str | None = None) -> tuple[int, int | None]:
    """Find the box for the question, and the button that sends it; no button where Enter does.

    It is the one text box to see that listens to Enter, or else the one whose text a button to see takes.

    Raises:
        LookupError: there is none, or there are several, and `name` (a label or placeholder) is none of theirs.
    """
    boxes = [id_ for id_ in visible(page) if _is_text_box(page, id_)]
    if name is not None:
        boxes = [id_ for id_ in boxes if name in _names(page, id_)]
    with_enter = [id_ for id_ in boxes if _listeners(page, id_, "submit")]
    if len(with_enter) == 1:
        return with_enter[0], None
    with_button = {id_: button for id_ in boxes if (button := _button(page, id_)) is not None}
    if with_enter or len(with_button) != 1:
        raise LookupError(f"{len(with_enter) or len(with_button)} boxes may be for the question of {name=}")
    return next(iter(with_button.items()))


def component(page: Page, name: str) -> int:
    """Find a component to see by its label.

    Raises:
        LookupError: there is none.
    """
    for id_ in visible(page):
        if name in _names(page, id_):
            return id_
    raise LookupError(f"nothing is labelled {name!r}")


def visible(page: Page) -> list[int]:
    """Give the components that a person can come to see without going to another tab."""

    def walk(node: Mapping[str, Any]) -> Iterator[int]:
        props = page.components[node["id"]]["props"] if node["id"] in page.components else {}
        if props.get("visible") in (True, None):
            yield node["id"]
            children = node.get("children") or []
            if node["id"] in page.components and page.components[node["id"]]["type"] == "tabs":
                children = [child for child in children if _is_open(child, children, props.get("selected"))]
            for child in children:
                yield from walk(child)

    def _is_open(tab: Mapping[str, Any], tabs: Sequence[Mapping[str, Any]], selected: Any) -> bool:
        return tab is tabs[0] if selected is None else page.components[tab["id"]]["props"].get("id") == selected

    return [id_ for id_ in walk(page.config["layout"]) if id_ in page.components]


def _system_actions(page: Page, system: str, takers: Sequence[Mapping[str, Any]]) -> list[Action]:
    where = next(
        id_
        for id_ in visible(page)
        if _is_text_box(page, id_) and any("system" in name.lower() for name in _names(page, id_))
    )
    done: list[Action] = [{"component": where, "text": system}]
    button = _button(page, where)
    if not any(where in listener["inputs"] for listener in takers) and button is not None:
        done.append({"component": button})  # it counts when a button says so
    return done


def _takers(page: Page, box: int, button: int | None) -> list[Mapping[str, Any]]:
    return _listeners(page, box, "submit") if button is None else _listeners(page, button, "click")


def _file_input(page: Page) -> int:
    return next(
        id_ for id_ in visible(page) if page.components[id_]["type"] in TAKE_FILES and _is_interactive(page, id_)
    )


def _button(page: Page, box: int) -> int | None:
    """Find the button to see that takes what is in a box."""
    for id_ in visible(page):
        if any(box in listener["inputs"] for listener in _listeners(page, id_, "click")):
            return id_
    return None


def _listeners(page: Page, component: int, event: str) -> list[Mapping[str, Any]]:
    return [listener for listener in page.listeners.values() if [component, event] in listener["targets"]]


def _is_text_box(page: Page, component: int) -> bool:
    return page.components[component]["type"] in EMPTY and _is_interactive(page, component)


def _is_interactive(page: Page, component: int) -> bool:
    """Whether a person can change it (`determine_interactivity`)."""
    props = page.components[component]["props"]
    if props.get("interactive") is not None:
        return bool(props["interactive"])
    listeners = page.listeners.values()
    is_output = any(component in listener["outputs"] for listener in listeners)
    return any(component in listener["inputs"] for listener in listeners) or not (is_output or props.get("value"))


def _names(page: Page, component: int) -> list[str]:
    props = page.components[component]["props"]
    named = [props.get("label"), props.get("placeholder")]
    return [name for name in named if isinstance(name, str)]

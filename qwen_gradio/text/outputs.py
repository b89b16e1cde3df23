"""The value of an output component other than a Chatbot -> a Snapshot. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .chatbot import Snapshot, latest_reply, parse_content
from .components import FILE_COMPONENTS, PLOTS, as_json, component_markdown
from .history import is_component
from .thinking import DEFAULT_TAGS, ThinkingTags

TEXTS = ("textbox", "markdown", "html", "multimodaltextbox")  # their value is a text, or contents of messages
NAMED = (*FILE_COMPONENTS, *PLOTS, "dataframe", "label", "highlightedtext")  # shown by name where a form is new

# What a ChatInterface publishes for a component among other answers (4.x to 6.x).
_OBJECT = re.compile(r"<gradio\.(?:\w+\.)*(\w+) object at 0x[0-9a-fA-F]+>")


def parse_output(
    component_type: str, value: object, *, whole: bool = False, tags: ThinkingTags = DEFAULT_TAGS
) -> Snapshot | None:
    """Read a reply in the value of an output component.

    Args:
        component_type: the component's type in `/config`, such as "textbox".
        value: its value.
        whole: True for the last value; see `latest_reply`.
        tags: the tags around thinking.

    Returns:
        The reply: a text, split into answer and thinking; JSON, indented; any other value as Markdown. None if the
        value has an unknown form.
    """
    if value is None:
        return Snapshot()
    if isinstance(value, str) and component_type not in (*FILE_COMPONENTS, *PLOTS):
        return Snapshot(value) if component_type == "code" else parse_contents(value, whole=whole, tags=tags)
    if component_type == "json":
        reply = parse_contents(value, whole=whole, tags=tags) if _is_reply(value) else None
        return reply or Snapshot(as_json(value))
    is_named = component_type in NAMED
    is_text = component_type in TEXTS or (not is_named and isinstance(value, Mapping) and not is_component(value))
    markdown = None if is_text else component_markdown(component_type, value)
    if markdown is None and not is_named:
        return parse_contents(value, whole=whole, tags=tags)
    return Snapshot(f"[{component_type}]" if markdown is None else markdown)


def parse_contents(value: object, *, whole: bool = False, tags: ThinkingTags = DEFAULT_TAGS) -> Snapshot | None:
    """Read the content of one message, or a `gr.ChatInterface`'s list of contents for the messages of one reply.

    Returns:
        The reply; None if the value has an unknown form, or is an empty list.
    """
    value = _name_objects(value)
    if not isinstance(value, list | tuple):
        return parse_content(value, whole=whole, tags=tags)
    messages = [{"role": "assistant", "content": item} for item in value]
    return latest_reply(messages, whole=whole, tags=tags) if messages else None


def _name_objects(content: object) -> object:
    """Replace the Python objects in a content by the names of their types."""
    if isinstance(content, str) and " object at 0x" in content:
        return _OBJECT.sub(lambda match: f"[{match[1].lower()}]", content)
    if isinstance(content, list | tuple):
        return [_name_objects(item) for item in content]
    if isinstance(content, dict) and "content" in content:
        return {**content, "content": _name_objects(content["content"])}
    return content


def _is_reply(value: object) -> bool:
    """Return True for what a `gr.ChatInterface` publishes as JSON: texts, role dicts, files and components."""
    if isinstance(value, list | tuple):
        return bool(value) and all(map(_is_reply, value))
    if not isinstance(value, Mapping):
        return isinstance(value, str)
    is_message = "content" in value and "role" in value
    is_text = "text" in value and value.keys() <= {"type", "text", "files"}
    is_file = "path" in value and "meta" in value
    return is_message or is_text or is_file or isinstance(value.get("component"), str) or "file" in value

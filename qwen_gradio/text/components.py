"""Files and components -> Markdown. Pure.

A Chatbot shows a file as `{"file": {"path", "url", …}, "alt_text"}` or as the inner mapping alone, and any other
component as `{"component": "dataframe", "value", …}` (`FileMessage` and `ComponentMessage` in gradio's
components/chatbot.py, 4.x to 6.x).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard
from urllib.parse import quote, unquote, urlsplit

IMAGE_SUFFIX = re.compile(r"\.(apng|avif|bmp|gif|ico|jpe?g|png|svg|tiff?|webp)$", re.IGNORECASE)
FILE_COMPONENTS = ("image", "audio", "video", "file", "model3d", "downloadbutton", "gallery", "imageeditor")
PLOTS = ("plot", "lineplot", "barplot", "scatterplot")
MAX_ROWS = 100  # of a table; the others are counted
MAX_URL = 2048  # characters; a file with a longer one, which has the file's data in it, is named only
_OTHER_SCHEME = re.compile(r"(?!https?:)\w{2,}:", re.IGNORECASE)


def as_markdown(content: Mapping[str, Any]) -> str | None:
    """Format a file or a component in a Chatbot as Markdown; None if the mapping is neither."""
    if _is_file(content):
        return _link(content)
    if isinstance(content.get("file"), Mapping):
        return _link(content["file"], content.get("alt_text"))
    name, value = content.get("component"), content.get("value")
    if not isinstance(name, str):
        return _unknown(content)
    if name == "code" and isinstance(value, str):
        return fenced(value)
    if name == "json" and value is not None and not isinstance(value, str):
        return fenced(as_json(value))
    return component_markdown(name, value) or f"[{name}]"


def _unknown(content: Mapping[str, Any]) -> str | None:
    """Format a part of a type that Gradio doesn't have: its files, or else the name of its type."""
    type_ = content.get("type")
    if not isinstance(type_, str) or not type_:
        return None
    return "\n\n".join(_links(content)) or f"[{type_}]"


def file_name(content: Mapping[str, Any]) -> str:
    """Return the name of a file or a component, which stays the same when a server stores it elsewhere."""
    file = content.get("file")
    if isinstance(file, Mapping) or _is_file(content):
        return _name(file if isinstance(file, Mapping) else content)
    return str(content.get("component") or content.get("type"))


def file_markdown(file: object) -> str | None:
    """Format a file as Markdown: a mapping, or its path or URL; None for another form."""
    if isinstance(file, str):
        return _link({"path": file}) if file else None
    return as_markdown(file) if isinstance(file, Mapping) else None


def component_markdown(name: str, value: object) -> str | None:
    """Format a component's value as Markdown.

    Returns:
        `[name](url)` for a file, `![name](url)` for an image, the text of a text, a table, a list of labels, JSON, and
        `[plot]` for a plot; `""` for no value; None if the form is unknown.
    """
    if value is None:
        return ""
    if name in PLOTS:
        return f"[{name}]"
    if isinstance(value, str):
        return file_markdown(value) if name in FILE_COMPONENTS else value
    if name == "json":
        return as_json(value)
    if isinstance(value, bool | int | float):
        return str(value)
    if files := "\n\n".join(_links(value)):
        return files
    if isinstance(value, Mapping):
        return _labels(value) or _table(value)
    return _texts(value) if isinstance(value, list | tuple) else None


def as_json(value: object) -> str:
    """Format a value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def fenced(text: str) -> str:
    """Return a text as a code block."""
    longest = max((len(marks) for marks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _is_file(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(name), str) for name in ("path", "url"))


def _link(file: Mapping[str, Any], alt_text: object = None) -> str:
    address, name = _address(file), _name(file)
    is_image = str(file.get("mime_type") or "").startswith("image/") or bool(IMAGE_SUFFIX.search(name))
    label = alt_text if isinstance(alt_text, str) and alt_text else name
    label = label.replace("[", "\\[").replace("]", "\\]").replace("\n", " ")
    if len(address) > MAX_URL:
        return f"[{label}]"
    return f"{'!' * is_image}[{label}]({quote(address, safe=':/?#@!$&*+,;=%~')})"


def _address(file: Mapping[str, Any]) -> str:
    return next((file[name] for name in ("url", "path") if isinstance(file.get(name), str)), "")


def _name(file: Mapping[str, Any]) -> str:
    names = (file.get("orig_name"), _base_name(_address(file)), "file")
    return next(text for text in names if isinstance(text, str) and text)


def _base_name(address: str) -> str:
    if _OTHER_SCHEME.match(address):
        return ""
    try:
        return posixpath.basename(unquote(urlsplit(address).path).replace("\\", "/"))
    except ValueError:
        return ""


def _links(value: object, depth: int = 5) -> Iterator[str]:
    """Yield links to the files in a value; a gallery's have captions."""
    if not depth:
        return
    if isinstance(value, Mapping) and _is_file(value):
        yield _link(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from [_link(item, value.get("caption"))] if _is_file(item) else _links(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _links(item, depth - 1)


def _labels(value: Mapping[str, Any]) -> str | None:
    """Format a Label's value, `{"label", "confidences": [{"label", "confidence"}, …] | None}`."""
    confidences = value.get("confidences")
    if isinstance(confidences, list | tuple) and confidences and all(isinstance(one, Mapping) for one in confidences):
        return "\n".join(f"- {one.get('label')}{_percent(one.get('confidence'))}" for one in confidences)
    label = value.get("label")
    return str(label) if isinstance(label, str | int | float) else None


def _percent(confidence: object) -> str:
    return f": {confidence:.0%}" if isinstance(confidence, int | float) and 0 <= confidence <= 1 else ""


def _texts(value: Sequence[Any]) -> str | None:
    """Format a list of choices, or a HighlightedText's `[{"token", "class_or_confidence"}, …]`."""
    if all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    if all(isinstance(item, Mapping) and isinstance(item.get("token"), str) for item in value):
        return "".join(item["token"] + _class(item.get("class_or_confidence")) for item in value)
    return None


def _class(name: object) -> str:
    return "" if name is None else f" [{name}]"


def _table(value: Mapping[str, Any]) -> str | None:
    """Format a Dataframe's value, `{"headers", "data"}`, as a table; None if it has another form."""
    headers, rows = value.get("headers"), value.get("data")
    if not _is_row(headers) or not isinstance(rows, list | tuple) or not all(map(_is_row, rows)):
        return None
    table = "\n".join(map(_row, [headers, ["---"] * len(headers), *rows[:MAX_ROWS]]))
    return table if len(rows) <= MAX_ROWS else f"{table}\n\n… and {len(rows) - MAX_ROWS} more rows"


def _is_row(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple) and bool(value)


def _row(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"

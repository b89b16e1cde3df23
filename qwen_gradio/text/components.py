"""Files and components in a Chatbot's value -> Markdown. Pure.

A Chatbot shows a file as `{"file": {"path", "url", …}, "alt_text"}` or as the inner mapping alone, and any other
component as `{"component": "dataframe", "value", …}` (`FileMessage` and `ComponentMessage` in gradio's
components/chatbot.py, 4.x to 6.x).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard
from urllib.parse import quote, unquote, urlsplit

IMAGE_SUFFIX = re.compile(r"\.(apng|avif|bmp|gif|ico|jpe?g|png|svg|tiff?|webp)$", re.IGNORECASE)
TEXT_COMPONENTS = ("html", "markdown", "textbox", "text", "label", "number", "slider")
MAX_ROWS = 100  # of a table; a longer one is named only


def as_markdown(content: Mapping[str, Any]) -> str | None:
    """Format a file or a component as Markdown; None if the mapping is neither.

    Returns:
        `[name](url)` for a file, `![name](url)` for an image, the text of HTML and the like, code in a fence, a table,
        and `[component]` for anything else.
    """
    if _is_file(content):
        return _link(content)
    if isinstance(content.get("file"), Mapping):
        return _link(content["file"], content.get("alt_text"))
    if isinstance(content.get("component"), str):
        return _component(content["component"], content.get("value"))
    return None


def _is_file(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(name), str) for name in ("path", "url"))


def _link(file: Mapping[str, Any], alt_text: object = None) -> str:
    address = next((file[name] for name in ("url", "path") if isinstance(file.get(name), str)), "")
    names = (file.get("orig_name"), _base_name(address), "file")
    name = next(text for text in names if isinstance(text, str) and text)
    is_image = str(file.get("mime_type") or "").startswith("image/") or bool(IMAGE_SUFFIX.search(name))
    label = alt_text if isinstance(alt_text, str) and alt_text else name
    label = label.replace("[", "\\[").replace("]", "\\]").replace("\n", " ")
    return f"{'!' * is_image}[{label}]({quote(address, safe=':/?#@!$&*+,;=%~')})"


def _base_name(address: str) -> str:
    try:
        return posixpath.basename(unquote(urlsplit(address).path).replace("\\", "/"))
    except ValueError:
        return ""


def _component(name: str, value: object) -> str:
    files = list(_files(value))
    if files:
        return "\n\n".join(map(_link, files))
    if isinstance(value, str) and name == "code":
        return f"```\n{value}\n```"
    if isinstance(value, str | int | float) and name in TEXT_COMPONENTS:
        return str(value)
    return _table(value) or f"[{name}]"


def _files(value: object, depth: int = 5) -> Iterator[Mapping[str, Any]]:
    """Yield the files in a value, as a gallery has them."""
    if isinstance(value, Mapping) and _is_file(value):
        yield value
    elif depth and isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _files(item, depth - 1)


def _table(value: object) -> str:
    """Format a Dataframe's value, `{"headers", "data"}`, as a table; `""` if it has another form or many rows."""
    if not isinstance(value, Mapping):
        return ""
    headers, rows = value.get("headers"), value.get("data")
    if (
        not _is_row(headers)
        or not isinstance(rows, list | tuple)
        or len(rows) > MAX_ROWS
        or not all(map(_is_row, rows))
    ):
        return ""
    return "\n".join(map(_row, [headers, ["---"] * len(headers), *rows]))


def _is_row(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple) and bool(value)


def _row(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"

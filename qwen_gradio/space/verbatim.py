"""Published values, sent back as a browser sends them, without reading the files that they name. Pure.

gradio_client uploads the file named by a mapping whose `meta._type` is "gradio.FileData", anywhere among the inputs.
In the caller's own values that is intended; in a published default, it would let a Space read any file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_EXACT = 2**53  # JavaScript writes larger numbers otherwise


class _OpaqueText(str):
    """Text that is sent unchanged, but is equal only to itself, so that gradio_client doesn't recognise it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = str.__hash__


def verbatim(value: Any) -> Any:
    """Copy a JSON value so that gradio_client reads no file: text in mappings that may name one becomes opaque.

    A float without a fraction becomes an int, as in JavaScript, which sends 512.0 as 512: an app may need an int.
    """
    if isinstance(value, Mapping):
        is_file = "path" in value or "meta" in value or "_type" in value
        return {
            (_OpaqueText(key) if is_file else key): _opaque(item) if is_file else verbatim(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [verbatim(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        return int(value)
    return value


def _opaque(value: Any) -> Any:
    return _OpaqueText(value) if isinstance(value, str) else verbatim(value)

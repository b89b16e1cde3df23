"""What a Space published, in a form that gradio_client sends back as it came. Pure.

gradio_client uploads the file that a mapping names whose `meta._type` is "gradio.FileData", wherever it stands
among the inputs. In what the caller passed that is meant; in a default, it would let any Space read files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class _Text(str):
    """A text that is sent as it is, and that nobody recognises: it equals no other."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = str.__hash__


def verbatim(value: Any) -> Any:
    """Copy a JSON value so that no file it names is read: in mappings with a `meta` or a `path`, all text is opaque."""
    if isinstance(value, Mapping):
        is_file = "path" in value or "meta" in value or "_type" in value
        return {
            (_Text(key) if is_file else key): _opaque(one) if is_file else verbatim(one) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [verbatim(one) for one in value]
    return value


def _opaque(value: Any) -> Any:
    return _Text(value) if isinstance(value, str) else verbatim(value)

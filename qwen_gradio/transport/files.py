"""The files among the arguments of a call, in the form of gradio_client, which uploads them."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

from ..errors import InvalidOption
from ..text.files import File

MAX_NAME_CHARS = 60  # of a temporary file; file systems allow 255 bytes


class CallFiles:
    """The files of one call: their bytes are in a folder that only this user can read, until `close`.

    Args:
        max_size: the maximum size of a file, in bytes, as the Space publishes it; any other value for none.
    """

    def __init__(self, max_size: object = None) -> None:
        self._max_size = max_size if isinstance(max_size, int) else None
        self._folder: str | None = None
        self._count = 0

    def replace(self, value: Any) -> Any:
        """Replace each `File` in a value by a mapping for gradio_client. Blocks.

        Raises:
            InvalidOption: a file is too large, or can't be read or written.
        """
        if isinstance(value, File):
            return self._handle(value)
        if isinstance(value, Mapping):
            return {key: self.replace(item) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self.replace(item) for item in value]
        return value

    def _handle(self, file: File) -> Any:
        if file.url is not None:
            return gradio_client.handle_file(file.url)  # the Space downloads it
        try:
            size = os.path.getsize(file.path) if file.path is not None else len(file.data or b"")
            if self._max_size is not None and size > self._max_size:
                raise InvalidOption(f"{file.name} has {size} bytes; this Space accepts files of {self._max_size}")
            return gradio_client.handle_file(file.path or self._write(file))
        except OSError as exc:
            raise InvalidOption(f"a file to upload can't be read or written ({exc})") from exc

    def _write(self, file: File) -> str:
        """Write a file's bytes in a folder of its own, as two files may have the same name."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="qwen_gradio-")
            self._finalizer = weakref.finalize(self, _remove, self._folder, os.getpid())
        self._count += 1
        folder = Path(self._folder, str(self._count))
        folder.mkdir()
        path = folder / file.name[-MAX_NAME_CHARS:]
        path.write_bytes(file.data or b"")
        return str(path)

    def close(self) -> None:
        """Remove the temporary files. May be called again."""
        if self._folder is not None:
            self._finalizer()


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # at the exit of a forked child, the parent's call may still be uploading
        shutil.rmtree(folder, ignore_errors=True)

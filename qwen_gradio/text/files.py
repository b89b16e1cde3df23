"""The files of a question: paths and URLs of `files=`, and the parts of OpenAI-style messages that hold files.

Files are looked up, so that a wrong path is an error at once; only `as_part` reads one.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from ..errors import InvalidMessages, InvalidOption, short_repr

Files: TypeAlias = "Sequence[str | os.PathLike[str]]"
"""Paths, http(s) URLs and data URLs."""

FILE_PARTS = ("image_url", "file", "input_audio")  # types of OpenAI's content parts


@dataclass(frozen=True, slots=True)
class File:
    """A file: a path, an http(s) URL or bytes, whichever is not None.

    Attributes:
        name: its name, without a folder; `""` if its URL has none.
        path: its absolute path.
        url: its http(s) URL, which the Space downloads.
        data: its bytes.
    """

    name: str
    path: str | None = None
    url: str | None = None
    data: bytes | None = field(default=None, repr=False)

    @property
    def mime_type(self) -> str | None:
        """The MIME type that its name has; None if unknown."""
        return mimetypes.guess_type(self.name)[0]

    def is_of_type(self, type_: str) -> bool:
        """Return True if its name fits a type in Gradio's form: ".pdf", "image", "image/png", or "file" for any."""
        if type_.startswith("."):
            return self.name.lower().endswith(type_.lower())
        return type_ == "file" or f"{self.mime_type}/".startswith(f"{type_}/")


def as_files(files: object) -> tuple[File, ...]:
    """Check the paths and URLs of `files=`.

    Args:
        files: a list of paths, and of http(s) and data: URLs.

    Raises:
        InvalidOption: it is no list, or one of them can't be read.
    """
    if isinstance(files, str | bytes | os.PathLike) or not isinstance(files, Sequence):
        raise InvalidOption(f"expected a list of paths or URLs for files, got {short_repr(files)}")
    return tuple(map(_as_file, files))


def _as_file(file: object) -> File:
    if isinstance(file, str) and _is_url(file):
        try:
            return _from_url(file, "file")
        except InvalidMessages as exc:
            raise InvalidOption(f"in files, {exc}") from exc
    path = os.fspath(file) if isinstance(file, str | os.PathLike) else None
    if not isinstance(path, str) or not path:
        raise InvalidOption(f"expected paths or URLs in files, got {short_repr(file)}")
    _check_path(path)
    return File(Path(path).name, path=os.path.abspath(path))


def _check_path(path: str) -> None:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InvalidOption(f"expected regular files in files, got {short_repr(path)}")
        open(path, "rb").close()
    except (OSError, ValueError) as exc:  # ValueError for a null character, or a lone surrogate
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise InvalidOption(f"the file {short_repr(path)} can't be read ({reason})") from exc


# --- parts of messages


def part_file(part: Mapping[str, Any]) -> File:
    """Return the file of a content part whose type is one of `FILE_PARTS`.

    Args:
        part: `{"type": "image_url", "image_url": {"url"}}`, `{"type": "file", "file": {"filename", "file_data"}}` or
            `{"type": "input_audio", "input_audio": {"data", "format"}}`.

    Raises:
        InvalidMessages: it has no http(s) URL, no data: URL and no base64.
    """
    type_ = part["type"]
    content = part.get(type_)
    if type_ == "image_url":
        return _from_url(content.get("url") if isinstance(content, Mapping) else content, type_)
    if not isinstance(content, Mapping):
        raise InvalidMessages(f"expected a mapping as {type_}, got {short_repr(content)}")
    if type_ == "input_audio":
        return File(f"audio.{_name(content.get('format')) or 'wav'}", data=_decode(content.get("data"), type_))
    data, name = content.get("file_data"), _name(content.get("filename"))
    if isinstance(data, str) and _is_url(data):
        return _from_url(data, type_, name)
    return File(name or "file", data=_decode(data, f"{type_}: file_data"))


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://", "data:"))


def _name(name: object) -> str:
    """Return a file's name without its folders; `""` if there is none."""
    text = name if isinstance(name, str) and name.isprintable() else ""
    last = PurePosixPath(text.replace("\\", "/")).name
    return "" if last == ".." else last


def _from_url(url: object, type_: str, name: str = "") -> File:
    if not isinstance(url, str) or not _is_url(url) or not url.isprintable():
        raise InvalidMessages(f"expected an http(s) or data: URL as {type_}, got {short_repr(url)}")
    if url.lower().startswith("data:"):
        return _from_data_url(url, type_, name)
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise InvalidMessages(f"expected an http(s) or data: URL as {type_}, got {short_repr(url)}") from exc
    return File(name or _name(unquote(parts.path)), url=url)


def _from_data_url(url: str, type_: str, name: str) -> File:
    """Decode `data:[media type][;base64],data` (RFC 2397)."""
    head, comma, body = url[len("data:") :].partition(",")
    if not comma:
        raise InvalidMessages(f"expected a data: URL with a comma before its data as {type_}, got {short_repr(url)}")
    media, *flags = head.split(";")
    is_base64 = any(flag.strip().lower() == "base64" for flag in flags)
    data = _decode(unquote(body), type_) if is_base64 else unquote_to_bytes(body)
    suffix = mimetypes.guess_extension(media.strip().lower()) if media else ".txt"
    return File(name or f"{_name(media.partition('/')[0]) or 'file'}{suffix or ''}", data=data)


def _decode(data: object, type_: str) -> bytes:
    try:
        if isinstance(data, str) and data:
            return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidMessages(f"expected base64 as {type_}, got {short_repr(data)} ({exc})") from exc
    raise InvalidMessages(f"expected base64 as {type_}, got {short_repr(data)}")


def as_part(file: File) -> dict[str, Any]:
    """Return a file as one of OpenAI's content parts, for a provider: an image, or a file with its data.

    Raises:
        InvalidOption: the file can't be read, or is a URL of something other than an image.
    """
    mime = file.mime_type or ("image" if file.url else "application/octet-stream")
    is_image = mime.startswith("image")
    if file.url is not None and not is_image:
        raise InvalidOption(f"a provider takes URLs of images alone, not {short_repr(file.url)}; pass the file itself")
    url = file.url or f"data:{mime};base64,{base64.b64encode(_read(file)).decode()}"
    if is_image:
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": file.name, "file_data": url}}


def _read(file: File) -> bytes:
    if file.data is not None:
        return file.data
    try:
        return Path(file.path or "").read_bytes()
    except OSError as exc:
        raise InvalidOption(f"the file {short_repr(file.path)} can't be read ({exc.strerror})") from exc

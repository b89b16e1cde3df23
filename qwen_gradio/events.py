"""The bytes of a Space's event stream -> its messages, checked so that gradio_client can take each of them. Pure.

The messages are those of gradio/server_messages.py, the stream is that of `/queue/data`. What is unknown is left out,
as it may come with a newer Gradio; what can't be read is an error.
"""

from __future__ import annotations

import json
import re
from typing import Any

LARGEST = 64 * 1024 * 1024  # bytes of one event; the queue's own bound on an upload is less
KNOWN = ("estimation", "process_starts", "process_generating", "process_completed", "close_stream")

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class Unreadable(ValueError):
    """Raised when the stream holds what is no event of Gradio's."""


class Events:
    """Takes the stream's bytes as they come, and gives the messages that are whole.

    Args:
        event_id: whose messages are meant where the Space doesn't tell.
    """

    def __init__(self, event_id: str | None) -> None:
        self._event_id = event_id
        self._pieces: list[bytes] = []
        self._end = b""  # of what came before, where a blank line may have begun
        self._size = 0

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """Take some more bytes.

        Raises:
            Unreadable: an event is too large, no JSON, or not what Gradio sends.
        """
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size > LARGEST:
            raise Unreadable(f"an event of more than {LARGEST} bytes")
        fresh = self._end + chunk
        self._end = fresh[-3:]
        if not _BLANK_LINE.search(fresh):
            return []
        *events, rest = _BLANK_LINE.split(b"".join(self._pieces))
        self._pieces, self._size, self._end = [rest], len(rest), rest[-3:]
        return [message for event in events if (message := self._message(event)) is not None]

    def _message(self, event: bytes) -> dict[str, Any] | None:
        data = b"\n".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
        if not data.strip():
            return None  # a comment, or another field
        try:
            message = json.loads(data)
        except (ValueError, RecursionError) as exc:
            raise Unreadable(f"{type(exc).__name__} in {data!r:.80}") from exc
        if not isinstance(message, dict):
            raise Unreadable(f"expected an object, got {data!r:.80}")
        if message.get("event_id") is None:
            message["event_id"] = self._event_id
        is_anothers = self._event_id is not None and message["event_id"] != self._event_id
        return None if is_anothers else _checked(message)


def _checked(message: dict[str, Any]) -> dict[str, Any] | None:
    """A message that gradio_client can take; None if it is of no interest."""
    kind, event_id = message.get("msg"), message["event_id"]
    if kind == "unexpected_error":  # which it knows no status for
        return _failed(event_id, message.get("message"))
    if kind not in KNOWN or not (isinstance(event_id, str) or kind == "close_stream"):
        return None
    output = message.get("output")
    if kind == "process_completed" and not message.get("success", True):
        return _failed(event_id, output.get("error") if isinstance(output, dict) else output)
    has_data = isinstance(output, dict) and isinstance(output.get("data"), list)
    if kind in ("process_generating", "process_completed") and not has_data:
        raise Unreadable(f"{kind} without data: {output!r:.80}")
    return {name: value for name, value in message.items() if name in _TAKEN and _TAKEN[name](value)}


def _failed(event_id: object, error: object) -> dict[str, Any]:
    """The app failed; gradio_client passes on whatever else stands beside the error, and can't take all of it."""
    told = error if isinstance(error, str) else None
    return {"msg": "process_completed", "event_id": event_id, "success": False, "output": {"error": told}}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _is_anything(_: object) -> bool:
    return True


_TAKEN = {
    "msg": _is_anything,
    "event_id": _is_anything,
    "output": lambda value: isinstance(value, dict),
    "success": _is_anything,
    "rank": _is_number,
    "queue_size": _is_number,
    "rank_eta": _is_number,
}

"""The bytes of a Space's event stream -> its messages, checked so that gradio_client can take each of them. Pure.

The messages are those of gradio/server_messages.py, the stream is that of `/queue/data`. What is unknown is left out,
as it may come with a newer Gradio; what can't be read is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
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

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """Take some more bytes.

        Raises:
            Unreadable: an event is too large, no JSON, or not what Gradio sends; not before those before it were given.
        """
        for event in self._whole(chunk):
            if event and (message := self._message(event)) is not None:
                yield message

    def _whole(self, chunk: bytes) -> list[bytes]:
        if not self._size and chunk.endswith(b"\n\n") and b"\r" not in chunk:  # nearly always
            return chunk.split(b"\n\n")
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size > LARGEST:
            raise Unreadable(f"an event of more than {LARGEST} bytes")
        fresh = self._end + chunk
        self._end = fresh[-3:]
        if not _BLANK_LINE.search(fresh):
            return []
        *events, rest = _BLANK_LINE.split(b"".join(self._pieces))
        self._pieces, self._size, self._end = [rest], len(rest), rest[-3:]  # "" and 0, where nothing is left over
        return events

    def _message(self, event: bytes) -> dict[str, Any] | None:
        data = b"\n".join([line[5:] for line in event.splitlines() if line.startswith(b"data:")])
        if not data.strip():
            return None  # a comment, or another field
        try:
            message = json.loads(str(data, "utf-8"))
        except (ValueError, RecursionError) as exc:
            raise Unreadable(f"{type(exc).__name__} in {data!r:.80}") from exc
        if not isinstance(message, dict):
            raise Unreadable(f"expected an object, got {data!r:.80}")
        if message.get("event_id") is None:
            message["event_id"] = self._event_id
        is_anothers = self._event_id is not None and message["event_id"] != self._event_id
        return None if is_anothers else _checked(message)


def changed(value: Any, diff: Sequence[Sequence[Any]]) -> Any:
    """Give a value with the edits of a `process_generating` made (gradio/route_utils.py writes them).

    The value stays as it is, and the new one shares with it all that doesn't lie on the way to an edit: the turns
    before are not copied for each word of a reply. (gradio_client's own `apply_diff` copies everything.)

    Args:
        value: what an output was.
        diff: [action, path, value] each: "replace", "append", "add" or "delete".

    Raises:
        ValueError: an action is none of these.
        LookupError, TypeError: there is nothing at a path, or nothing of which that can be done.
    """
    for action, path, new in diff:
        value = _edited(value, path, action, new)
    return value


def _edited(value: Any, path: Sequence[Any], action: str, new: Any) -> Any:
    if not path:
        return _put(value, action, new)
    copy = value.copy()
    target = copy
    for step in path[:-1]:
        target[step] = target[step].copy()
        target = target[step]
    _edit(target, path[-1], action, new)
    return copy


def _put(before: Any, action: str, new: Any) -> Any:
    if action == "replace":
        return new
    if action == "append":
        return before + new
    raise ValueError(f"unknown action {action!r:.80}")


def _edit(target: Any, step: Any, action: str, new: Any) -> None:
    if action == "delete":
        del target[step]
    elif action == "add" and isinstance(target, list):
        target.insert(step, new)
    elif action == "add":
        target[step] = new
    else:
        target[step] = _put(target[step], action, new)


def _checked(message: dict[str, Any]) -> dict[str, Any] | None:
    """A message that gradio_client can take; None if it is of no interest."""
    kind, event_id, output = message.get("msg"), message["event_id"], message.get("output")
    has_data = isinstance(output, dict) and isinstance(output.get("data"), list)
    if kind == "process_generating" and has_data and isinstance(event_id, str):  # nearly all are this
        return {"msg": kind, "event_id": event_id, "output": output, "success": message.get("success", True)}
    if kind == "unexpected_error":  # which it knows no status for
        return _failed(event_id, message.get("message"))
    if kind not in KNOWN or not (isinstance(event_id, str) or kind == "close_stream"):
        return None
    if kind == "process_completed" and not message.get("success", True):
        return _failed(event_id, output.get("error") if isinstance(output, dict) else output)
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

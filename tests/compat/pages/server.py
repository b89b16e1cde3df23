"""What a page says to its server, and hears: Gradio's queue over HTTP, as the page's own client speaks it.

It shares no code with the package, nor with gradio_client. Its truth is `client/js/src` of Gradio 4.44, 5.50 and 6.
"""

from __future__ import annotations

import copy
import json
import math
import mimetypes
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

NO_TIMEOUT = httpx.Timeout(None, connect=10)


@dataclass(frozen=True)
class Update:
    """What a call gave so far.

    Attributes:
        data: a value for each output; None where there are none.
        state_ids: the States that it changed.
        render: new components and listeners, of a `gr.render`.
        is_last: whether the call has ended.
        error: what went wrong, and the call has ended.
    """

    data: list[Any] | None = None
    state_ids: Sequence[int] = ()
    render: dict[str, Any] | None = None
    is_last: bool = False
    error: str | None = None


class Server:
    """A page's connection: its calls, all in one session, and the one stream that answers those in the queue."""

    def __init__(self, http: httpx.AsyncClient, url: str, api_prefix: str) -> None:
        self.session_hash = secrets.token_hex(6)
        self._http = http
        self._url = url.rstrip("/")
        self._api = self._url + api_prefix
        self._mailboxes: dict[str, Mailbox] = {}
        self._is_open = False

    async def call(self, body: dict[str, Any]) -> AsyncIterator[Update]:
        """Call a function that isn't queued."""
        answer = await self._post("/run/predict", body)
        if answer.status_code == httpx.codes.OK:
            output = read_json(answer.text)
            yield Update(output["data"], render=output.get("render_config"), is_last=True)
        else:
            yield Update(error=_error_of(answer))

    async def join(self, body: dict[str, Any], tasks: anyio.abc.TaskGroup) -> AsyncIterator[Update]:
        """Put a call in the queue, and give what will come of it; `tasks` then read the stream."""
        answer = await self._post("/queue/join", body)
        if answer.status_code != httpx.codes.OK:
            return _only(Update(error=_error_of(answer)))
        event_id = answer.json()["event_id"]
        mailbox = self._mailbox(event_id)
        if not self._is_open:
            self._is_open = True
            tasks.start_soon(self._read)
        return self._updates(event_id, mailbox)

    async def upload(self, paths: Sequence[Path]) -> list[dict[str, Any]]:
        """Upload files, and give them as a page's components hold them."""
        files = [("files", (path.name, path.read_bytes(), _mime_type(path))) for path in paths]
        answer = await self._http.post(f"{self._api}/upload", files=files)
        answer.raise_for_status()
        return [
            {
                "path": there,
                "url": f"{self._api}/file={there}",
                "orig_name": path.name,
                "size": path.stat().st_size,
                "mime_type": _mime_type(path),
                "meta": {"_type": "gradio.FileData"},
            }
            for path, there in zip(paths, answer.json(), strict=True)
        ]

    async def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._http.post(self._api + path, json={**body, "session_hash": self.session_hash})

    async def _updates(self, event_id: str, mailbox: Mailbox) -> AsyncIterator[Update]:
        so_far: list[Any] | None = None
        with mailbox.send, mailbox.receive:
            while True:
                update = _read_message(await mailbox.receive.receive())
                if update.is_last or update.error is not None:
                    break
                if update.data is not None:  # the first is whole, later ones are differences
                    so_far = update.data if so_far is None else _patched(so_far, update.data)
                yield replace(update, data=copy.deepcopy(so_far))
            del self._mailboxes[event_id]
            yield update

    async def _read(self) -> None:
        parameters = {"session_hash": self.session_hash}
        async with self._http.stream("GET", f"{self._api}/queue/data", params=parameters, timeout=NO_TIMEOUT) as answer:
            async for line in answer.aiter_lines():
                message = read_json(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "close_stream":
                    self._is_open = False  # at once, as a call that follows needs a new one
                    return
                if event_id := message.get("event_id"):
                    self._mailbox(event_id).send.send_nowait(message)
                elif message.get("msg") not in (None, "heartbeat"):
                    self._tell_all(message)
        self._is_open = False
        self._tell_all({"msg": "broken_connection", "message": "the stream ended"})

    def _tell_all(self, message: dict[str, Any]) -> None:
        for mailbox in self._mailboxes.values():
            mailbox.send.send_nowait(message)

    def _mailbox(self, event_id: str) -> Mailbox:
        if event_id not in self._mailboxes:  # a message may be here before the answer that names its event
            self._mailboxes[event_id] = Mailbox(*anyio.create_memory_object_stream[dict[str, Any]](math.inf))
        return self._mailboxes[event_id]


@dataclass(frozen=True)
class Mailbox:
    """The messages of a call that have not been read."""

    send: MemoryObjectSendStream[dict[str, Any]]
    receive: MemoryObjectReceiveStream[dict[str, Any]]


def read_json(text: str) -> Any:
    """Read JSON as JavaScript does, for which 1.0 is 1."""
    return json.loads(text, parse_float=lambda digits: int(n) if (n := float(digits)).is_integer() else n)


async def _only(update: Update) -> AsyncIterator[Update]:
    yield update


def _read_message(message: dict[str, Any]) -> Update:
    """Read a message of the stream (`handle_message`)."""
    output = message.get("output") or {}
    match message["msg"]:
        case "process_generating" | "process_completed" as kind:
            if not message.get("success") or "error" in output:
                return Update(error=str(output.get("error") or "An error occurred"))
            is_last = kind == "process_completed"
            return Update(
                output.get("data"), output.get("changed_state_ids") or (), output.get("render_config"), is_last
            )
        case "unexpected_error" | "broken_connection" | "queue_full":
            return Update(error=str(message.get("message") or message["msg"]))
    return Update()  # of progress, say


def _patched(so_far: list[Any], differences: list[Any]) -> list[Any]:
    return [_patch(value, difference) for value, difference in zip(so_far, differences, strict=True)]


def _patch(value: Any, edits: list[Any]) -> Any:
    """Apply the edits that lead to a later value (`apply_diff`)."""
    for action, path, new in edits:
        if path:
            _edit(value, path, action, new)
        else:
            value = value + new if action == "append" else new
    return value


def _edit(value: Any, path: list[Any], action: str, new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    key = path[-1]
    if action == "append":
        value[key] += new
    elif action == "delete":
        del value[key]
    elif action == "add" and isinstance(value, list):
        value.insert(int(key), new)
    else:
        value[key] = new


def _error_of(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return str(problem.get("detail") or problem.get("error") or f"HTTP {answer.status_code}")


def _mime_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or ""

"""A server that speaks the queue protocol and nothing else, so that what a client adds shows: its own lag is < 1 ms.

What it says of itself, `/config` and `/info`, is what the real server said; its messages are those of Gradio 6. It
answers as `clock` does, until standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from clock import answer  # type: ignore[import-not-found] # both are run as scripts

PREFIX = "/gradio_api"
WHOLE = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


class Session:
    """The events of one session, and what there is to tell of them."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.running: set[asyncio.Task[None]] = set()

    def join(self, data: list[Any]) -> str:
        event_id = uuid.uuid4().hex
        task = asyncio.create_task(self._run(event_id, *data))
        self.running.add(task)
        return event_id

    async def _run(self, event_id: str, query: str, history: list[Any] | None, system: str) -> None:
        turns, before = [*(history or []), _message("user", query)], ""
        self._tell("estimation", event_id, rank=0, queue_size=1, rank_eta=None)
        self._tell("process_starts", event_id, eta=None)
        async for text in answer(query):
            data: list[Any] = ["", [*turns, _message("assistant", text)], system]
            if before:
                data = [[], [["append", [len(turns), "content", 0, "text"], text[len(before) :]]], []]
            before = text
            self._tell("process_generating", event_id, output=_output(data), success=True)
        whole = _output(["", [*turns, _message("assistant", before)], system])
        self._tell("process_completed", event_id, output=whole, success=True)

    def _tell(self, msg: str, event_id: str, **more: Any) -> None:
        self.messages.put_nowait({"msg": msg, "event_id": event_id, **more})

    async def told(self) -> AsyncIterator[dict[str, Any]]:
        """Each message as soon as there is one, and `close_stream` when no event is left."""
        completed = 0
        while completed < len(self.running):
            message = await self.messages.get()
            completed += message["msg"] == "process_completed"
            yield message
        yield {"msg": "close_stream", "event_id": None}


class Minimal:
    """The app."""

    def __init__(self, config: dict[str, Any], info: bytes) -> None:
        self._config = config
        self._info = info
        self._sessions: dict[str, Session] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._respond(*await _request(reader), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _respond(self, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        if url.path == f"{PREFIX}/queue/data":
            session = parse_qs(url.query)["session_hash"][0]
            await self._stream(session, writer)
        elif url.path.startswith(f"{PREFIX}/heartbeat/"):
            writer.write(STREAM)
        else:
            status, page = self._page(url.path, body, writer)
            writer.write(WHOLE % (status, len(page), page))

    def _page(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        if path in ("/config", f"{PREFIX}/config"):
            root = "http://{}:{}".format(*writer.get_extra_info("sockname"))
            return 200, json.dumps({**self._config, "root": root}).encode()
        if path == f"{PREFIX}/info":
            return 200, self._info
        if path == f"{PREFIX}/queue/join":
            asked = json.loads(body)
            session = self._sessions.setdefault(asked["session_hash"], Session())
            return 200, json.dumps({"event_id": session.join(asked["data"])}).encode()
        return 404, b"{}"

    async def _stream(self, name: str, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        async for message in self._sessions[name].told():
            event = b"data: " + json.dumps(message, separators=(",", ":")).encode() + b"\n\n"
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            if writer.transport.is_closing():
                return
        del self._sessions[name]
        writer.write(b"0\r\n\r\n")


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The target and the body of the next request."""
    head, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    length = next((int(field[15:]) for field in fields if field.lower().startswith("content-length:")), 0)
    return head.split()[1], await reader.readexactly(length)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "metadata": None, "content": [{"text": text, "type": "text"}], "options": None}


def _output(data: list[Any]) -> dict[str, Any]:
    """With all that stands beside the data in a real one."""
    times = {"duration": 0.005, "average_duration": 0.005}
    return {"data": data, "is_generating": True, **times, "render_config": None, "changed_state_ids": []}


async def serve(config: dict[str, Any], info: bytes) -> None:
    server = await asyncio.start_server(Minimal(config, info).serve, "127.0.0.1", 0, limit=2**24, backlog=1000)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)  # noqa: T201 - its URL is its output
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("info", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(json.loads(given.config.read_bytes()), given.info.read_bytes()))


if __name__ == "__main__":
    main()

"""A server that speaks the queue protocol and does nothing else, so that what a client adds shows: its own lag is < 1 ms.

What it says of itself, `/config` and `/info`, is what the real server said; the messages are as that one's, on Gradio 6.
It answers as `clock` does, until standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PREFIX = "/gradio_api"
WHOLE = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire:
    """The app: what was asked in each session, until its stream is opened."""

    def __init__(self, config: bytes, info: bytes) -> None:
        self._pages = {"/config": config, f"{PREFIX}/config": config, f"{PREFIX}/info": info}
        self._asked: dict[str, tuple[str, list[Any]]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._respond(*await _request(reader), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _respond(self, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        if url.path == f"{PREFIX}/queue/join":
            told = _whole(200, json.dumps({"event_id": self._join(json.loads(body))}).encode())
        elif url.path == f"{PREFIX}/queue/data":
            return await _stream(self._messages(parse_qs(url.query)["session_hash"][0]), writer)
        elif url.path.startswith(f"{PREFIX}/heartbeat/"):
            return writer.write(STREAM)
        else:
            page = self._pages.get(url.path)
            told = _whole(404, b"{}") if page is None else _whole(200, page)
        writer.write(told)
        return None

    def _join(self, asked: dict[str, Any]) -> str:
        event_id = uuid.uuid4().hex
        self._asked.setdefault(asked["session_hash"], (event_id, asked["data"]))
        return event_id

    async def _messages(self, session: str) -> AsyncIterator[dict[str, Any]]:
        """What the queue would tell of the one event of a session, each message as soon as it is so."""
        from .clock import answer

        event_id, (query, history, system) = self._asked.pop(session)
        turns, before = [*(history or []), _message("user", query)], ""
        yield {"msg": "estimation", "event_id": event_id, "rank": 0, "queue_size": 1, "rank_eta": None}
        yield {"msg": "process_starts", "event_id": event_id, "eta": None}
        async for text in answer(query):
            if before:
                path = [len(turns), "content", 0, "text"]
                data: list[Any] = [[], [["append", path, text[len(before) :]]], []]
            else:
                data = ["", [*turns, _message("assistant", text)], system]
            before = text
            yield {"msg": "process_generating", "event_id": event_id, "output": _output(data), "success": True}
        data = ["", [*turns, _message("assistant", before)], system]
        yield {"msg": "process_completed", "event_id": event_id, "output": _output(data), "success": True}
        yield {"msg": "close_stream", "event_id": None}


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The target and the body of the next request."""
    head, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    length = next((int(field[15:]) for field in fields if field.lower().startswith("content-length:")), 0)
    return head.split()[1], await reader.readexactly(length)


async def _stream(messages: AsyncIterator[dict[str, Any]], writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM)
    async for message in messages:
        event = b"data: " + json.dumps(message, separators=(",", ":")).encode() + b"\n\n"
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        if writer.transport.is_closing():
            return
    writer.write(b"0\r\n\r\n")


def _whole(status: int, body: bytes) -> bytes:
    return WHOLE % (status, len(body), body)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "metadata": None, "content": [{"text": text, "type": "text"}], "options": None}


def _output(data: list[Any]) -> dict[str, Any]:
    """With all that stands beside the data in a real one."""
    rest = {"render_config": None, "changed_state_ids": [], "used_cache": None}
    return {"data": data, "is_generating": True, "duration": 0.005, "average_duration": 0.005, **rest}


async def main(config: Path, info: Path) -> None:
    server = await asyncio.start_server(Wire(config.read_bytes(), info.read_bytes()).serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)  # noqa: T201 - its URL is its output
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:])))

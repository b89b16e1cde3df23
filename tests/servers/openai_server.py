"""An OpenAI-compatible server, small but real: it streams chat completions as its prompt says.

The prompt "think" has reasoning, "wait" never ends, "break" is cut off, "bad" is no JSON, "refuse" is an error in the
stream; any other is repeated with all that was received. The file that it is told has its URL, and "left" for each
stream that was left.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "a-model"


async def complete(request: Request) -> Response:
    body = await request.json()
    if body["model"] != MODEL:
        return JSONResponse({"error": {"message": f"no model {body['model']}"}}, status_code=404)
    return StreamingResponse(_stream(body, request.headers.get("authorization")), media_type="text/event-stream")


async def _stream(body: dict[str, object], key: str | None) -> AsyncIterator[str]:
    messages = body["messages"]
    assert isinstance(messages, list)
    prompt = messages[-1]["content"]
    try:
        yield ": a comment, as some send\n\n" + _line({"role": "assistant"})
        if prompt == "think":
            yield _line({"reasoning_content": "hm"})
        words = ["so"] if prompt == "think" else [json.dumps({"messages": messages, "key": key})]
        for character in "".join(words):
            yield _line({"content": character})
        if prompt == "wait":
            await asyncio.sleep(3600)
        elif prompt == "bad":
            yield "data: {\n\n"
        elif prompt == "refuse":
            yield f"data: {json.dumps({'error': {'message': 'out of memory'}})}\n\n"
        elif prompt != "break":
            yield "data: [DONE]\n\n"
    except asyncio.CancelledError:
        _log("left")
        raise


def _log(line: str) -> None:
    with open(sys.argv[1], "a") as log:
        log.write(f"{line}\n")


def _line(delta: dict[str, str]) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n"


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before the server runs, waits
        app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
        _log(f"http://127.0.0.1:{listening.getsockname()[1]}")
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])

"""Completion: the HTTP response that streams a reply, or sends it whole, and ends it when the client leaves."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ...errors import InvalidSpace, QwenGradioError, UsageError
from ...reply.reply import Reply
from ..openai_replies import (
    Delta,
    Deltas,
    chunk,
    completion,
    cut,
    error_body,
    error_headers,
    error_object,
    error_status,
    usage,
)
from ..openai_requests import ChatRequest
from .checks import AsciiJSONResponse
from .models import Models

SEND_TIMEOUT = 60.0  # seconds in which a client has to read what it was sent; one that doesn't is taken for gone

logger = logging.getLogger("qwen_gradio")


class Completion(Response):
    """A response to one request: a stream of chunks, or one completion.

    Its status is sent with the first words, so that a failure before them has the right one. A client that leaves
    meanwhile ends the reply, and so the Space's work.

    Args:
        models: the models.
        request: the request.
        release: called at the end.
    """

    def __init__(self, models: Models, request: ChatRequest, release: Callable[[], object]) -> None:
        super().__init__()
        self._models = models
        self._request = request
        self._release = release
        self._head = (f"chatcmpl-{uuid.uuid4().hex}", request.model, int(time.time()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the Space and send its reply."""

        async def bounded_send(message: Message) -> None:
            with anyio.fail_after(SEND_TIMEOUT):
                await send(message)

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_on_disconnect, receive, tasks.cancel_scope)
                try:
                    await self._respond(scope, receive, bounded_send)
                except TimeoutError:
                    logger.warning("a client of %s did not read for %.0f s", self._request.model, SEND_TIMEOUT)
                tasks.cancel_scope.cancel()
        finally:
            self._release()

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request
        try:
            async with (
                self._models.client(request.model) as client,
                client.stream(request.messages, **request.options) as reply,
            ):
                answer = self._send_stream if request.stream else self._send_whole
                await answer(reply, scope, receive, send)
        except QwenGradioError as exc:
            self._log(exc)
            await failure(exc)(scope, receive, send)

    def _log(self, exc: QwenGradioError) -> None:
        """Log a failure that isn't the client's, without its message, which may have words of the prompt."""
        if not isinstance(exc, UsageError):
            logger.warning("%s: %s at %s", self._request.model, type(exc).__name__, exc.space or "this server")

    async def _send_whole(self, reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        deltas = Deltas(self._request.stop)
        async for event in reply.events():
            deltas.feed(event)
            if deltas.stopped:
                break
        answer, thinking = cut(reply.text, self._request.stop), reply.thinking
        counted = usage(self._request.messages, answer, thinking)
        body = completion(*self._head, answer, thinking=thinking, usage=counted, space=reply.space)
        await AsciiJSONResponse(body)(scope, receive, send)

    async def _send_stream(self, reply: Reply, _scope: Scope, _receive: Receive, send: Send) -> None:
        deltas = Deltas(self._request.stop)
        async with aclosing(_deltas(reply, deltas)) as texts:
            first = await anext(texts, Delta(""))  # a failure before it is no part of the stream
            await send(_start())
            try:
                await self._send_chunk(send, reply, delta=first, is_first=True)
                async for delta in texts:
                    await self._send_chunk(send, reply, delta=delta)
            except QwenGradioError as exc:
                self._log(exc)
                await send(_event(json.dumps(error_body(exc)), more=False))
                return
        await self._send_chunk(send, reply, finish_reason="stop")
        if self._request.include_usage:
            counted = usage(self._request.messages, deltas.sent["answer"], deltas.sent["thinking"])
            await self._send_chunk(send, reply, usage=counted)
        await send(_event("[DONE]", more=False))

    async def _send_chunk(self, send: Send, reply: Reply, **content: Any) -> None:
        await send(_event(json.dumps(chunk(*self._head, space=reply.space, **content))))


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _deltas(reply: Reply, deltas: Deltas) -> AsyncGenerator[Delta, None]:
    async for event in reply.events():
        delta = deltas.feed(event)
        if delta is not None:
            yield delta
        if deltas.stopped:
            return


def _start() -> Message:
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": HTTPStatus.OK, "headers": encoded}


def _event(content: str, *, more: bool = True) -> Message:
    """Return a server-sent event; JSON has no line break that would end it early."""
    return {"type": "http.response.body", "body": f"data: {content}\n\n".encode(), "more_body": more}


def failure(exc: QwenGradioError) -> Response:
    """Return the response to a request that failed."""
    if isinstance(exc, InvalidSpace):
        return AsciiJSONResponse(error_object(str(exc), HTTPStatus.NOT_FOUND, "model_not_found"), HTTPStatus.NOT_FOUND)
    body = error_body(exc)
    if exc.partial:
        body["error"]["partial"] = exc.partial
    return AsciiJSONResponse(body, error_status(exc), error_headers(exc))

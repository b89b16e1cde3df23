"""The application: its routes, and the server that runs it until a signal."""

from __future__ import annotations

import contextlib
import copy
import errno
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from types import FrameType

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.config import LOGGING_CONFIG

from ...errors import QwenGradioError
from ..openai_requests import parse_request
from .checks import AsciiJSONResponse, Checks, Refused, is_address, read_json, refusal
from .models import Models
from .replies import Completion, failure

LOCAL_NAMES = ("localhost",)
CONCURRENCY = 256
GRACE = 10  # seconds that replies have to finish after SIGTERM
BACKLOG = 2048


def create_app(
    models: Models,
    *,
    hosts: Sequence[str] = (),
    api_key: str | None = None,
    origins: Sequence[str] = (),
    concurrency: int = CONCURRENCY,
) -> Starlette:
    """Create the application.

    Args:
        models: its models, which it closes at the end.
        hosts: names of this server beside localhost and IP addresses; "*" for any.
        api_key: the key that clients need; None for none.
        origins: the origins of web pages that may use it; none by default.
        concurrency: the maximum number of replies at a time.
    """
    free = anyio.Semaphore(concurrency)

    async def list_models(_: Request) -> Response:
        return AsciiJSONResponse({"object": "list", "data": [_model(name) for name in models.names]})

    async def get_model(request: Request) -> Response:
        name = request.path_params["model"]
        models.check(name)
        return AsciiJSONResponse(_model(name))

    async def complete(request: Request) -> Response:
        chat = parse_request(await read_json(request))
        models.check(chat.model)
        try:
            free.acquire_nowait()
        except anyio.WouldBlock:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, f"{concurrency} replies run already; ask again soon") from None
        return Completion(models, chat, free.release)

    async def health(_: Request) -> Response:
        return AsciiJSONResponse({"status": "ok", "replies": concurrency - free.value})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await models.aclose()

    cors = Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
    checks = Middleware(Checks, hosts=[*LOCAL_NAMES, *hosts], api_key=api_key)
    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/v1/models", list_models),
            Route("/v1/models/{model:path}", get_model),
            Route("/v1/chat/completions", complete, methods=["POST"]),
        ],
        middleware=[*([cors] if origins else []), checks],
        exception_handlers=dict.fromkeys(
            (Refused, QwenGradioError, HTTPException, ClientDisconnect, Exception), _respond_error
        ),
        lifespan=lifespan,
    )


async def _respond_error(_: Request, exc: Exception) -> Response:
    """Return the response for an exception; a coroutine, as starlette calls other handlers in a thread."""
    if isinstance(exc, QwenGradioError):
        return failure(exc)
    if isinstance(exc, Refused):
        return refusal(exc)
    if isinstance(exc, HTTPException):
        return refusal(Refused(exc.status_code, exc.detail))
    if isinstance(exc, ClientDisconnect):
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
    return refusal(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "an error in this server; its log has more"))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "qwen-gradio"}


def is_loopback(host: str) -> bool:
    """Return True for an address that only this machine can reach."""
    return host in LOCAL_NAMES or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def listen(host: str, port: int) -> socket.socket:
    """Open the server's socket.

    Raises:
        RuntimeError: the address is in use, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise RuntimeError(f"port {port} on {host} is in use; --port 0 takes a free one") from exc
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc  # `strerror` has the address again
        raise RuntimeError(f"port {port} on {host}: {reason}") from exc


def run(app: Starlette, listening: socket.socket) -> None:
    """Serve until SIGINT, which ends every reply at once, or SIGTERM, which lets them finish for `GRACE` seconds."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=_log_config(),
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    _Server(config).run([listening])


def _log_config() -> dict[str, object]:
    """Return uvicorn's own, without its starting and stopping, and with all of it on stderr."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config["loggers"]["uvicorn.error"]["level"] = "WARNING"
    return config


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop serving; uvicorn would log a traceback for each reply that this ends."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        if sig == signal.SIGINT:
            self.config.timeout_graceful_shutdown = 0
        super().handle_exit(sig, frame)

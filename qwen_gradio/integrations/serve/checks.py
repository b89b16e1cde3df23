"""Checks of a request before it is read: its Host, its key, its content type, and the size of its body."""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..openai_replies import error_object

MAX_BODY_BYTES = 20 * 2**20  # files are in it, as base64
BODY_TIMEOUT = 60.0  # seconds in which the whole body has to arrive
MAX_DEPTH = 100  # of lists and objects in each other, which are walked by recursion later
CODES = {413: "content_too_large"}  # which Python names so from 3.13 on
OPEN_PATHS = ("/healthz",)  # which need no key


class AsciiJSONResponse(JSONResponse):
    """A response in JSON whose escapes can express lone surrogates, too."""

    def render(self, content: object) -> bytes:
        """Encode the content."""
        return json.dumps(content).encode()


class Refused(Exception):
    """Raised when a request is refused before its body is understood.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refusal(exc: Refused) -> AsciiJSONResponse:
    """Return the response to a refused request, in OpenAI's form."""
    code = CODES.get(exc.status) or HTTPStatus(exc.status).phrase.lower().replace(" ", "_")
    headers = {"www-authenticate": "Bearer"} if exc.status == HTTPStatus.UNAUTHORIZED else {}
    if exc.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers = {"retry-after": "1"}
    return AsciiJSONResponse(error_object(str(exc), exc.status, code), exc.status, headers)


class Checks:
    """A middleware that lets through requests with a known Host and the key.

    The Host is what keeps a web page away whose own name has been made to lead here (DNS rebinding). An IP address
    can't be such a name.

    Args:
        app: the application.
        hosts: the names of this server; "*" allows every name.
        api_key: the key that clients send as a bearer token; None for none.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], api_key: str | None) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            try:
                self._check(Headers(scope=scope), scope["path"])
            except Refused as exc:
                await refusal(exc)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, headers: Headers, path: str) -> None:
        if not _is_allowed(headers.get("host", ""), self._hosts):
            raise Refused(HTTPStatus.FORBIDDEN, "this server is not known by that Host; see --allow-host")
        if self._api_key is None or path in OPEN_PATHS:
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(key.strip().encode(), self._api_key.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "expected the API key of this server as a bearer token")


def _is_allowed(host: str, allowed: Collection[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # an invalid IPv6 address
        return False
    return bool(name) and ("*" in allowed or name in allowed or is_address(name))


def is_address(name: str) -> bool:
    """Return True for an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def read_json(request: Request) -> object:
    """Return the body of a request.

    Raises:
        Refused: it is not JSON, too large, or too slow.
        ClientDisconnect: the client left.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":  # a web page can't send that to another's server without CORS
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected the content type application/json")
    try:
        with anyio.fail_after(BODY_TIMEOUT):
            body = await _read(request)
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {BODY_TIMEOUT:.0f} s") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise Refused(HTTPStatus.BAD_REQUEST, f"expected JSON as the body: {exc}") from None
    if _is_too_deep(value):
        raise Refused(HTTPStatus.BAD_REQUEST, f"expected JSON of at most {MAX_DEPTH} levels as the body")
    return value


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {MAX_BODY_BYTES} bytes")
    return bytes(body)

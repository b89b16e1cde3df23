"""The visitor of a Gradio app that asks in its functions: the header for ZeroGPU's quota goes on, and no further."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import pytest

from qwen_gradio.transport.hooks import Hook

from ..faults.cases import RIGHT, WHOLE
from ..servers import proxy, wrong_server
from ..servers.forked import FORK_SERVER, ForkServers

VISITED = FORK_SERVER.with_name("visited.py")
FUNCTIONS = ["ask", "stream", "ask_many", "ask_without_async", "stream_without_async"]
VISITOR = {"x-ip-token": "visitor-1"}
Serve = Callable[[str], wrong_server.WrongServer]


@pytest.fixture
def serve(description: Any, serve_as: Callable[[str, str], None]) -> Iterator[Serve]:
    """Serve a Space under a host's name."""
    with wrong_server.running(description, {}, RIGHT) as server:

        def serve(host: str) -> wrong_server.WrongServer:
            serve_as(host, server.url)
            return server

        yield serve


@pytest.fixture(params=[frozenset(Hook), frozenset({Hook.NETWORK})], ids=["all hooks", "the network's hook"])
def app(
    request: pytest.FixtureRequest,
    fork_servers: ForkServers,
    serve: Serve,  # noqa: ARG001 - it sets SSL_CERT_FILE
) -> Iterator[str]:
    """An app that uses this package; it reaches other hosts through a proxy, which knows their addresses."""
    hooks = [hook.name for hook in request.param]
    with proxy.running() as through:
        arguments = (through.url, os.environ["SSL_CERT_FILE"], *hooks)
        with fork_servers.running(VISITED, *arguments) as process:
            yield process.printed


def visit(app: str, function: str, space: str, headers: dict[str, str]) -> Any:
    client = gradio_client.Client(app, headers=headers, verbose=False, analytics_enabled=False)
    return client.predict(space, api_name=f"/{function}")


def carriers(heads: list[str]) -> list[str]:
    """The paths of the requests that have the visitor's header."""
    return [head.split()[1] for head in heads if "x-ip-token: visitor-1" in head.lower()]


def test_visitor_header_goes_with_questions_alone(app: str, serve: Serve) -> None:
    space = serve("someone-else.hf.space")
    for function in FUNCTIONS:
        space.heads.clear()
        assert visit(app, function, "someone/else", VISITOR) == WHOLE
        assert (function, carriers(space.heads)) == (function, ["/gradio_api/queue/join"])
        space.heads.clear()
        assert visit(app, function, "someone/else", {}) == WHOLE
        assert space.heads
        assert carriers(space.heads) == []


def test_visitor_header_goes_to_no_other_host(app: str, serve: Serve) -> None:
    others = {
        "modelscope:someone/else": "someone-else.ms.show",
        "https://hf.space.example": "hf.space.example",
        "https://else-hf.space": "else-hf.space",
    }
    for name, host in others.items():
        other = serve(host)
        other.heads.clear()
        assert visit(app, "ask", name, VISITOR) == WHOLE
        assert other.heads
        assert carriers(other.heads) == []

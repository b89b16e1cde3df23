"""The httpx that gradio_client's functions see: over one pool, to one origin, cancellable, and else httpx's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest

from qwen_gradio.transport import network as network_module
from qwen_gradio.transport.network import Network
from qwen_gradio.transport.pool import Pool, tls_context

from ..conftest import ScriptedSpace, eventually

Answering = Callable[[bytes], str]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.fixture
def make_network() -> Iterator[Callable[..., Network]]:
    pools: list[Pool] = []

    def make(url: str, headers: Sequence[tuple[str, str]] = (), **options: Any) -> Network:
        pools.append(Pool(url, proxy=None, timeout=5, headers=headers))
        return Network(pools[-1], **options)

    yield make
    for pool in pools:
        pool.close()


def calls(network: Network, url: str) -> dict[str, Callable[[], Any]]:
    """List the calls that make a request, by their names."""

    def streamed() -> Any:
        with network.stream("GET", url) as response:
            response.read()
            return response

    def by_client() -> Any:
        with network.Client(timeout=1, headers={"x-more": "1"}, verify=False) as client:
            return client.get(url)

    def built() -> Any:
        client = network.Client()
        return client.send(client.build_request("GET", url))

    return {
        "get": lambda: network.get(url, timeout=None, verify=tls_context(), cookies={}, follow_redirects=True),
        "request": lambda: network.request("POST", url, json={}),
        "post": lambda: network.post(url, content=b"x", headers={}),
        "stream": streamed,
        "Client": by_client,
        "send": built,
    }


@pytest.mark.parametrize("call", calls(None, "").keys())  # type: ignore[arg-type] # for their names alone
def test_network_each_call_gives_real_response_over_the_pool(
    make_network: Callable[..., Network], answering: Answering, call: str
) -> None:
    url = answering(HELLO)
    network = make_network(url)
    response = calls(network, url)[call]()
    assert isinstance(response, httpx.Response)
    assert (response.text, network.requests, network.responses) == ("hello", 1, 1)


@pytest.mark.parametrize("call", calls(None, "").keys())  # type: ignore[arg-type] # the same
@pytest.mark.parametrize("elsewhere", ["https://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.0.0.1:9/"])
def test_network_other_origin_raises_unsupported_protocol(
    make_network: Callable[..., Network], answering: Answering, call: str, elsewhere: str
) -> None:
    url = answering(HELLO)
    network = make_network(url)
    other = elsewhere.format(port=url.rpartition(":")[2])
    with pytest.raises(httpx.UnsupportedProtocol, match="which is not this Space"):
        calls(network, other)[call]()
    assert network.requests == 0


async def test_network_async_client_is_httpx_own_for_this_origin_alone(
    make_network: Callable[..., Network], answering: Answering
) -> None:
    url = answering(HELLO)
    network = make_network(url)
    async with network.AsyncClient(timeout=5) as client:
        assert (await client.get(url)).text == "hello"
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("http://127.0.0.1:9/")


def test_network_unknown_names_are_httpx_own(make_network: Callable[..., Network]) -> None:
    network = make_network("http://127.0.0.1:9")
    assert network.URL is httpx.URL
    assert network.RemoteProtocolError is httpx.RemoteProtocolError
    assert issubclass(network.Client, httpx.Client)
    with pytest.raises(AttributeError):
        network.nonsense  # noqa: B018 - it is looked up


def test_network_custom_transport_is_used(make_network: Callable[..., Network]) -> None:
    network = make_network("http://127.0.0.1:9")
    mock = httpx.MockTransport(lambda _: httpx.Response(200, text="mine"))
    with network.Client(transport=mock) as client:
        assert client.get("http://127.0.0.1:9").text == "mine"


def reading(network: Network, url: str) -> tuple[threading.Thread, list[Exception]]:
    """Read a stream in a thread, and note what is raised."""
    raised: list[Exception] = []

    def read() -> None:
        try:
            with network.stream("GET", url) as response:
                for _ in response.iter_bytes():
                    pass
        except httpx.HTTPError as exc:
            raised.append(exc)

    thread = threading.Thread(target=read)
    thread.start()
    return thread, raised


def test_cancel_open_stream_ends_reading(make_network: Callable[..., Network]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        network = make_network(url)
        thread, raised = reading(network, url)
        connection, _ = server.accept()
        connection.sendall(CHUNKED)
        assert eventually(lambda: network.streams == 1)
        assert network.cancel()
        thread.join(10)
        connection.close()
    assert [type(exc) for exc in raised] == [httpx.RemoteProtocolError], "gradio_client takes it for the end"
    assert network.failure is None, "nothing but our own cancel"


def test_cancel_before_stream_opens_aborts_it_once_open(make_network: Callable[..., Network]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        network = make_network(url)
        assert not network.cancel()
        thread, raised = reading(network, url)
        connection, _ = server.accept()
        connection.sendall(CHUNKED)
        thread.join(10)
        connection.close()
    assert len(raised) == 1


def test_stream_end_after_the_job_is_read_and_its_connection_reused(make_network: Callable[..., Network]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        network = make_network(url)
        network.job_thread = -1  # another's, which bounds how long the end is waited for
        opened = threading.Event()

        def read_a_part() -> None:
            with network.stream("GET", url) as response:
                next(response.iter_bytes())
                opened.set()

        thread = threading.Thread(target=read_a_part)
        thread.start()
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(CHUNKED)
        assert opened.wait(10)
        connection.sendall(b"0\r\n\r\n")
        thread.join(10)
        network.cancel()  # it may be another reply's now, and isn't touched
        connection.settimeout(10)
        requesting = threading.Thread(target=network.get, args=[url])
        requesting.start()
        assert connection.recv(65536).startswith(b"GET")
        connection.sendall(HELLO)
        requesting.join(10)
        connection.close()


def test_stream_without_end_after_the_job_is_aborted(
    make_network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "DRAIN_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        network = make_network(url)
        network.job_thread = -1
        thread = threading.Thread(target=lambda: _read_one(network, url))
        thread.start()
        connection, _ = server.accept()
        connection.sendall(CHUNKED)
        assert eventually(lambda: network.streams == 1)
        network.finish()
        thread.join(10)
        connection.close()
    assert not thread.is_alive()


def _read_one(network: Network, url: str) -> None:
    with network.stream("GET", url) as response:
        next(response.iter_bytes())


def test_body_too_large_raises_decoding_error(
    make_network: Callable[..., Network], answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "MAX_BODY_BYTES", 4)
    url = answering(HELLO)
    with pytest.raises(httpx.DecodingError, match="more than 4 bytes"):
        make_network(url).get(url)


@pytest.mark.parametrize("timeout", [None, 5.0, 60.0])
def test_timeout_none_waits_for_ever_for_a_response_and_not_for_a_heartbeat(timeout: float | None) -> None:
    network = Network(Pool("http://127.0.0.1:9", proxy=None, timeout=timeout))
    read = []
    for is_stream in (False, True):
        request = httpx.Request("GET", "http://127.0.0.1:9", extensions={"timeout": httpx.Timeout(5.0).as_dict()})
        network.prepare(request, is_stream=is_stream)
        read.append(request.extensions["timeout"]["read"])
        assert {request.extensions["timeout"][name] for name in ("connect", "write", "pool")} == {timeout}
    assert read == [timeout, 45.0]


def test_timeout_none_cancelled_session_does_not_wait_for_ever(make_network: Callable[..., Network]) -> None:
    network = make_network("http://127.0.0.1:9")
    network.cancel()
    request = httpx.Request("GET", "http://127.0.0.1:9")
    network.prepare(request, is_stream=False)
    assert request.extensions["timeout"]["read"] == network_module.DRAIN_TIMEOUT


@pytest.mark.parametrize("call", [*calls(None, "").keys(), "own transport"])  # type: ignore[arg-type] # the same
def test_headers_are_added_by_every_client(
    make_network: Callable[..., Network], answering: Answering, call: str
) -> None:
    url = answering(HELLO)
    network = make_network(url, headers=[("x-key", "mine")])

    def by_own_transport() -> Any:
        with network.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
            return client.get(url, headers={"X-Key": "another"})

    response = {**calls(network, url), "own transport": by_own_transport}[call]()
    assert response.request.headers.get_list("x-key") == ["mine"]


async def test_headers_are_added_by_an_async_client(make_network: Callable[..., Network], answering: Answering) -> None:
    url = answering(HELLO)
    network = make_network(url, headers=[("x-key", "mine")])
    async with network.AsyncClient(timeout=5) as client:
        assert (await client.get(url)).request.headers["x-key"] == "mine"


def test_network_many_requests_at_once_reuse_their_connections(
    make_network: Callable[..., Network], space: ScriptedSpace
) -> None:
    """Idle connections beyond a limit would be closed, though another thread may have been given one just then."""
    network, at_once = make_network(space.url), 50
    all_are_open = threading.Barrier(at_once)
    addresses: set[object] = set()

    def ask() -> None:
        with network.stream("GET", f"{space.url}/config") as response:
            addresses.add(response.extensions["network_stream"].get_extra_info("client_addr"))
            all_are_open.wait(timeout=30)
            response.read()

    for _ in range(2):
        threads = [threading.Thread(target=ask) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(addresses) == at_once

"""Intermediaries: an HTTP proxy that records its requests, and TLS in front of a server."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class Server(socketserver.ThreadingTCPServer):
    """A server whose shutdown doesn't wait for open connections."""

    daemon_threads = True


@dataclass
class Proxy:
    url: str
    requests: list[str] = field(default_factory=list)
    heads: str = ""


@contextlib.contextmanager
def running(*, upload: Callable[[socket.socket], object] | None = None, pause: float = 0.0) -> Iterator[Proxy]:
    """Run a proxy.

    Args:
        upload: what is done with an upload's connection after its head, in place of passing it on.
        pause: seconds between two parts of an upload that are passed on.
    """

    class Handler(socketserver.StreamRequestHandler):
        rbufsize = 0  # what follows the head is copied from the socket

        def handle(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            proxy.requests.append(f"{method} {target}")
            proxy.heads += head.decode()
            is_upload = target.endswith("/upload")
            if upload is not None and is_upload:
                upload(self.connection)
                return
            where = urlsplit(target if "//" in target else f"//{target}")
            try:
                reached = socket.create_connection((where.hostname or "", where.port or 80))
            except OSError:
                self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with reached as onward:
                if method == "CONNECT":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                else:  # one request a connection, so that the next one is written down too
                    path = target.partition(where.netloc)[2]
                    head = head.replace(target.encode(), path.encode(), 1)
                    head = head.replace(b"Connection: keep-alive", b"Connection: close")
                    onward.sendall(head)
                copied = (self.connection, onward, pause if is_upload else 0.0)
                threading.Thread(target=_copy, args=copied, daemon=True).start()
                _copy(onward, self.connection)

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield proxy
        server.shutdown()


def _copy(source: socket.socket, target: socket.socket, pause: float = 0.0) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
            time.sleep(pause)
        target.shutdown(socket.SHUT_RDWR)


def _relay(near: socket.socket, url: str) -> None:
    """Pass on what comes, to the server of this URL and back."""
    behind = urlsplit(url)
    with socket.create_connection((behind.hostname or "", behind.port or 80)) as onward:
        threading.Thread(target=_copy, args=(near, onward), daemon=True).start()
        _copy(onward, near)


@contextlib.contextmanager
def tls(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """Put TLS before a server, as a Space has it; gives its https URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as safe:
                _relay(safe, url)

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()


@contextlib.contextmanager
def refusing(url: str, answers: list[bytes]) -> Iterator[str]:
    """Put a server before another that gives these answers, one to each of the first connections; gives its URL."""
    remaining = [*answers]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if remaining:
                self.request.recv(65536)
                self.request.sendall(remaining.pop(0))
                return
            with contextlib.suppress(OSError):
                _relay(self.request, url)

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()

"""The connections to one Space: one pool, one TLS context, and a way to shut all of them down from another thread."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
import urllib.request
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .rebinding import http_module
from .threads import shutdown_socket

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Make the process's TLS context: it takes 20-100 ms of CPU, and gradio_client has one made for each request."""
    context: ssl.SSLContext = http.create_ssl_context()
    return context


def origin_of(url: Any) -> tuple[str, str, int | None]:
    """Give the scheme, the host and the port of an `httpx.URL`, with the scheme's own port spelled out."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _environment_proxy(scheme: str, host: str, port: int | None) -> str | None:
    """Give the proxy that the environment names for a host."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(f"{host}:{port}" if port else host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class Pool:
    """The connections to one Space.

    Args:
        url: the Space's URL; no other origin is asked.
        proxy: the URL of a proxy; None leaves it to HTTP_PROXY and its kin.
        timeout: seconds for connecting, sending and waiting for a free connection; None for ever.
    """

    def __init__(self, url: str, *, proxy: str | None, timeout: float | None) -> None:
        self.origin = origin_of(http.URL(url))
        self.proxy = proxy
        self.timeout = timeout
        # Servers close an idle connection after 5 s (uvicorn): a request into one that is just closing would be lost.
        limits = http.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=4.0)
        self.transport = http.HTTPTransport(
            verify=tls_context(), proxy=proxy or _environment_proxy(*self.origin), limits=limits
        )
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._is_shut = False
        with _pools_lock:
            _pools.add(self)

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note a socket that is opened; called by httpcore at its steps (the extension "trace")."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                opened = info["return_value"].get_extra_info("socket")
                if opened is not None:
                    self._sockets.add(opened)
                    if self._is_shut:
                        shutdown_socket(opened)

    def abort(self) -> None:
        """Shut down every socket, and those to come: a read or write that waits on one fails. From any thread."""
        with self._lock:
            self._is_shut = True
            for opened in list(self._sockets):
                shutdown_socket(opened)

    def close(self) -> None:
        """Abort, and close the connections."""
        self.abort()
        self.transport.close()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_pools_lock = threading.Lock()


def _abort_all() -> None:
    with _pools_lock:
        pools = list(_pools)
    for pool in pools:
        pool.abort()


# At interpreter exit gradio_client's own threads are joined before `atexit` has its turn, by a callback that
# concurrent.futures registers here; callbacks run last in, first out.
getattr(threading, "_register_atexit", lambda _: None)(_abort_all)

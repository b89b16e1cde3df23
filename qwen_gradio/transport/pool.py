"""Pool: the connections to one Space, which any thread can shut down, and the process's TLS context."""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import socket
import ssl
import threading
import urllib.request
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOption
from .access import PROXY_SCHEMES
from .rebinding import http_module
from .threads import shutdown_socket

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()

TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")  # read by httpx and `ssl.create_default_context`


# --- the environment


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Make the process's TLS context, once: it takes 20-100 ms of CPU, and gradio_client makes one for each request.

    Raises:
        InvalidOption: an environment variable names certificates that can't be read.
    """
    try:
        _check_certificates()
        context: ssl.SSLContext = http.create_ssl_context()
    except OSError as exc:  # ssl.SSLError is one
        names = " or ".join(f"{name}={os.environ[name]}" for name in TLS_VARIABLES if os.environ.get(name))
        raise InvalidOption(f"TLS can't be set up with {names or 'certifi'} ({exc}); correct or unset it") from exc
    return context


def _check_certificates() -> None:
    """Check the paths in SSL_CERT_FILE and SSL_CERT_DIR: OpenSSL ignores a missing folder, httpx 0.27 a file too.

    Raises:
        OSError: the file can't be opened, or none of the folders exists.
    """
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:  # httpx then ignores the other
        open(file, "rb").close()
    elif folders and not any(map(os.path.isdir, folders.split(os.pathsep))):
        raise NotADirectoryError("no such folder")


def environment_proxy(scheme: str, host: str, port: int | None) -> tuple[str, str] | None:
    """Return the environment's proxy for a host.

    Args:
        scheme: "http" or "https".
        host: the host's name.
        port: its port; None for the scheme's own.

    Returns:
        the proxy's URL, and the variable or the settings that it comes from; None if there is no proxy.
    """
    proxies = urllib.request.getproxies()
    key = next((key for key in (scheme, "all") if proxies.get(key)), None)
    if key is None or urllib.request.proxy_bypass(f"{host}:{port}" if port else host):
        return None
    names = [name for name in os.environ if name.lower() == f"{key}_proxy" and os.environ[name] == proxies[key]]
    return proxies[key], names[0] if names else "the system's proxy settings"


def _proxy(url: str, source: str) -> Any:
    """Make an `httpx.Proxy`.

    Args:
        url: the proxy's URL; without a scheme, `http://` is added.
        source: the variable or the option that it comes from.

    Raises:
        InvalidOption: it is no URL of a proxy; the message doesn't contain it, as it may have a password.
    """
    try:
        parsed = http.URL(url if "://" in url else f"http://{url}")
    except http.InvalidURL:  # whose text may quote a password
        raise InvalidOption(f"{source} is no URL of a proxy; correct or unset it") from None
    if parsed.scheme not in PROXY_SCHEMES or not parsed.host:
        expected = ", ".join(f"{scheme}://" for scheme in PROXY_SCHEMES)
        cause = ValueError(f"no proxy has the scheme {parsed.scheme!r}")
        raise InvalidOption(f"{source} is no URL of a proxy: expected one of {expected} and a host") from cause
    return http.Proxy(parsed)


def _transport(proxy: tuple[str, str] | None) -> Any:
    """Make httpx's pool of connections, through a proxy if its URL and source are given."""
    # uvicorn closes an idle connection after 5 s; a request sent at that moment would be lost.
    # The number is unlimited: to enforce a limit, httpcore closes an idle one, even if a thread is about to use it.
    limits = http.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=4.0)
    try:
        return http.HTTPTransport(verify=tls_context(), proxy=proxy and _proxy(*proxy), limits=limits)
    except ImportError as exc:
        source = proxy[1] if proxy else "the environment"
        raise InvalidOption(f"{source} names a SOCKS proxy: pip install 'qwen_gradio[socks]', or unset it") from exc


# --- the pool


def origin_of(url: Any) -> tuple[str, str, int | None]:
    """Return the scheme, the host and the port of an `httpx.URL`; its port defaults to the scheme's."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


class PoolState(enum.Enum):
    """The state of a pool: OPEN -> ABORTED."""

    OPEN = enum.auto()
    ABORTED = enum.auto()


class Pool:
    """The connections to one Space.

    Args:
        url: the Space's URL; requests to any other origin are refused.
        proxy: the URL of a proxy; None for that of the environment (HTTP_PROXY and the like).
        timeout: seconds for connecting, sending and waiting for a free connection; None for no limit.
        headers: names and values, sent with each request.

    Raises:
        InvalidOption: the proxy or the certificates, of the arguments or the environment, can't be used.
    """

    def __init__(
        self, url: str, *, proxy: str | None, timeout: float | None, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._url = url
        self.origin = origin_of(http.URL(url))
        self.proxy = proxy
        self.timeout = timeout
        self.headers = list(headers)
        self.state = PoolState.OPEN
        self.transport = _transport((proxy, "proxy=") if proxy else environment_proxy(*self.origin))
        self._pid = os.getpid()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._assigning = threading.RLock()
        _registry.add(self)

    def __repr__(self) -> str:
        return f"<Pool for {self.host}: {self.state.name.lower()}>"

    @property
    def host(self) -> str:
        """The Space's host and port, as in "host:443"."""
        return f"{self.origin[1]}:{self.origin[2]}"

    @property
    def is_of_this_process(self) -> bool:
        """True if it was made in this process, not before a fork."""
        return self._pid == os.getpid()

    def sibling(self) -> Pool:
        """Make another pool with the same settings."""
        return Pool(self._url, proxy=self.proxy, timeout=self.timeout, headers=self.headers)

    def send(self, request: Any) -> Any:
        """Send a request, and return its response.

        At each request and each response's end, httpcore chooses idle connections, and then closes them. A lock, held
        until the request has begun on its connection, keeps that connection from being closed in between.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._assigning)

            def trace(event: str, info: Mapping[str, Any]) -> None:
                stack.close()  # the request has its connection
                self.trace(event, info)

            request.extensions = {**request.extensions, "trace": trace}
            return self.transport.handle_request(request)

    def close_response(self, response: Any) -> None:
        """Close a response; its connection is reused if it was read to its end."""
        with self._assigning:
            response.close()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Record each opened socket; httpcore calls this at each of its steps (the extension "trace")."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                opened = info["return_value"].get_extra_info("socket")
                if opened is not None:
                    self._sockets.add(opened)
                    if self.state is PoolState.ABORTED:
                        shutdown_socket(opened)

    def abort(self) -> None:
        """Shut down every socket, open now or later; pending reads and writes fail. Any thread may call it."""
        if self.is_of_this_process:
            with self._lock:
                self.state = PoolState.ABORTED
                for opened in list(self._sockets):
                    shutdown_socket(opened)

    def close(self) -> None:
        """Abort, and close the connections. May be called again, and from several threads."""
        if self.is_of_this_process:
            self.abort()
            self.transport.close()

    def disown(self) -> None:
        """Close a forked child's copies of the sockets; a shutdown would end the parent's connections."""
        for opened in list(self._sockets):
            opened.close()


class _Registry:
    """The pools of this process."""

    def __init__(self) -> None:
        self._pools: weakref.WeakSet[Pool] = weakref.WeakSet()
        self._lock = threading.Lock()

    def add(self, pool: Pool) -> None:
        with self._lock:
            self._pools.add(pool)

    def abort(self) -> None:
        """Abort all pools, as the interpreter exits."""
        with self._lock:
            pools = list(self._pools)
        for pool in pools:
            pool.abort()

    def disown(self) -> None:
        """Drop the parent's pools and lock in a forked child: another thread may have held the lock."""
        pools, self._pools, self._lock = list(self._pools), weakref.WeakSet(), threading.Lock()
        for pool in pools:
            pool.disown()


_registry = _Registry()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_registry.disown)
# At interpreter exit, a callback that concurrent.futures registers here joins gradio_client's own threads, before the
# functions of `atexit` run. Callbacks run in reverse order, so this one aborts the pools before that.
getattr(threading, "_register_atexit", lambda _: None)(_registry.abort)

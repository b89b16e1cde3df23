"""Uploads: a session's uploads of files, each over a connection of its own, which can be shut down while it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .pool import Pool
from .rebinding import http_module

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()


def is_upload(request: Any) -> bool:
    """Return True if a request sends files."""
    return str(request.headers.get("content-type", "")).startswith("multipart/form-data")


class _CountedParts(http.SyncByteStream):
    """The body of an upload, which counts the bytes that are sent."""

    def __init__(self, parts: Any, count: Callable[[int], object]) -> None:
        self._parts = parts
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._count(len(part))
            yield part


class Uploads:
    """The uploads of one session.

    Args:
        pool: the Space's connections, whose settings apply.
        notify: called for each part that is sent, from any thread.

    Attributes:
        sent: the number of bytes that were sent.
    """

    def __init__(self, pool: Pool, notify: Callable[[], object]) -> None:
        self.sent = 0
        self._pool = pool
        self._notify = notify
        self._current: Pool | None = None
        self._is_aborted = False
        self._lock = threading.RLock()  # reentrant, as a reply's `__del__` may abort while this thread holds it

    def send(self, request: Any) -> Any:
        """Send an upload, and return its response, to be closed by `close_response`."""
        pool = self._pool.sibling()
        with self._lock:
            self._current = pool
            if self._is_aborted:
                pool.abort()
        request.stream = _CountedParts(request.stream, self._record)
        try:
            return pool.send(request)
        except BaseException:
            self._close()
            raise

    def close_response(self, response: Any) -> None:
        """Close an upload's response, and its connection."""
        response.close()
        self._close()

    def _close(self) -> None:
        with self._lock:
            pool, self._current = self._current, None
        if pool is not None:
            pool.close()

    def _record(self, size: int) -> None:
        self.sent += size
        self._notify()

    def abort(self) -> bool:
        """Shut down the current upload and refuse later ones; return True if there was one."""
        with self._lock:
            self._is_aborted = True
            current = self._current
        if current is not None:
            current.abort()
        return current is not None

"""Mailboxes whose length waits for a message: gradio_client sleeps 50 ms whenever it finds one empty.

Each keeps its messages in gradio_client's own list or deque, and adds the waiting alone: a second at the most, and not
at all where the sender may need a lock that is held. Another gradio_client may look under locks, or in other threads.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

MAX_WAIT = 1.0  # seconds
POLL_INTERVAL = 0.05  # seconds between looks while waiting, for a message that was added by none of the methods below
POLLS = range(round(MAX_WAIT / POLL_INTERVAL))
LOCK_RECHECK = 0.001  # seconds
ADDING = ("append", "appendleft", "extend", "extendleft", "insert", "__iadd__")
TAKING = ("popleft", "pop")
NOT_FORWARDED = (
    "__new__",
    "__init__",
    "__len__",
    "__getattribute__",
    "__class_getitem__",
    "__doc__",
    "__hash__",
    "__sizeof__",
)


class _Mailbox:
    """The waiting that a mailbox adds to the list or the deque that it stands for.

    Args:
        kept: gradio_client's own, which holds the messages.
        is_locked: returns whether gradio_client holds one of its locks.

    Attributes:
        is_read: whether another thread than the sender's has looked into it.
        is_current: whether it is still the mailbox of its event.
    """

    def __init__(self, kept: Any, is_locked: Callable[[], bool]) -> None:
        super().__init__()
        self.wrap(kept)
        self.is_read = False
        self.is_current = True
        self._is_locked = is_locked
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._sender: int | None = None

    def wrap(self, kept: Any) -> None:
        """Stand for this list or deque from now on."""
        self.kept = kept
        for name in TAKING:  # bound here, as they are called for each message
            if hasattr(kept, name):
                setattr(self, name, getattr(kept, name))

    def notify(self) -> None:
        """Wake the reader: the calling thread has added a message."""
        self._sender = threading.get_ident()
        if self._arrived.empty():
            self._arrived.put(None)

    def __len__(self) -> int:
        """Count its messages; where there are none, wait for one first."""
        size = len(self.kept)
        if size or not self.is_current or self._sender == threading.get_ident():
            return size
        self.is_read = True
        for _ in POLLS:
            if self._is_sender_blocked():
                break
            with contextlib.suppress(queue.Empty):
                self._arrived.get(timeout=POLL_INTERVAL)
            if size := len(self.kept):
                break
        return size or len(self.kept)

    def _is_sender_blocked(self) -> bool:
        """Whether a lock is held, for longer than a moment, that the sender may need."""
        if not self._is_locked():
            return False
        time.sleep(LOCK_RECHECK)
        return self._is_locked()


def _forwarded(name: str) -> Callable[..., Any]:
    is_adding = name in ADDING

    def method(self: _Mailbox, *args: Any, **kwargs: Any) -> Any:
        result = getattr(self.kept, name)(*args, **kwargs)
        if is_adding:
            self.notify()
        return self if result is self.kept else result

    return method


def _mailbox_class(base: type) -> Any:
    methods = {
        name: _forwarded(name) for name, value in vars(base).items() if callable(value) and name not in NOT_FORWARDED
    }
    return type(f"{base.__name__.capitalize()}Mailbox", (_Mailbox, base), methods)


DequeMailbox = _mailbox_class(deque)  # from gradio_client 2.3 on
ListMailbox = _mailbox_class(list)  # before
_MAILBOXES: dict[type, Any] = {deque: DequeMailbox, list: ListMailbox}


class Mailboxes(dict[str, Any]):
    """A client's mailboxes by event: each list and deque that is set becomes one that waits."""

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[Any] = []

    def watch_locks(self, holder: object) -> None:
        """Don't wait while any lock among an object's attributes is held."""
        values = getattr(holder, "__dict__", {}).values()
        self._locks += [value for value in values if isinstance(value, type(threading.Lock()))]

    def _is_locked(self) -> bool:
        for lock in self._locks:  # noqa: SIM110 - it runs for each message, and `any` takes twice as long
            if lock.locked():
                return True
        return False

    def __setitem__(self, key: str, value: Any) -> None:
        if type(value) in _MAILBOXES:
            before: Any = self.get(key)
            if type(before) is ListMailbox and not before.is_read and not value:
                # gradio_client up to 2.0 sets one after it has opened the stream, which may have brought messages.
                value.extend(before.kept)
                before.wrap(value)
                return
            value = _MAILBOXES[type(value)](value, self._is_locked)
        self._retire(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._retire(key)
        super().__delitem__(key)

    def _retire(self, key: str) -> None:
        before = self.get(key)
        if isinstance(before, _Mailbox):
            before.is_current = False

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the mailbox of an event, which is set where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

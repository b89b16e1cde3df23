"""Mailboxes whose `len()` waits for a message, as gradio_client sleeps 50 ms whenever a mailbox is empty.

A mailbox keeps its messages in gradio_client's own list or deque, and adds nothing but the wait. It lasts a second at
most, and is left out while a lock is held that the sender may need: other versions of gradio_client may call `len()`
under a lock, or in other threads.
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
POLL_INTERVAL = 0.05  # seconds between checks while waiting: a message may be added by none of the `ADDING` methods
POLLS = range(round(MAX_WAIT / POLL_INTERVAL))
LOCK_RECHECK = 0.001  # seconds after which a held lock is checked again
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
    """The base of the mailbox classes: it adds the wait to a list or a deque.

    Args:
        kept: gradio_client's list or deque, which keeps the messages.
        is_locked: returns True if one of gradio_client's locks is held.

    Attributes:
        is_read: True once a thread other than the sender's has waited for a message.
        is_current: True until the mailbox of its event is replaced or deleted.
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
        """Keep the messages in this list or deque from now on."""
        self.kept = kept
        for name in TAKING:  # bound once, as they are called for each message
            if hasattr(kept, name):
                setattr(self, name, getattr(kept, name))

    def notify(self) -> None:
        """Wake the reader: the calling thread has added a message."""
        self._sender = threading.get_ident()
        if self._arrived.empty():
            self._arrived.put(None)

    def __len__(self) -> int:
        """Return the number of messages; if there is none, wait for one first."""
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
        """Return True if a lock that the sender may need is held for longer than `LOCK_RECHECK`."""
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


DequeMailbox = _mailbox_class(deque)  # for gradio_client from 2.3 on
ListMailbox = _mailbox_class(list)  # for earlier versions
_MAILBOXES: dict[type, Any] = {deque: DequeMailbox, list: ListMailbox}


class Mailboxes(dict[str, Any]):
    """A client's mailboxes by event; a list or a deque that is set becomes a mailbox that waits."""

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[Any] = []

    def watch_locks(self, holder: object) -> None:
        """Skip the wait while any lock among an object's attributes is held."""
        values = getattr(holder, "__dict__", {}).values()
        self._locks += [value for value in values if isinstance(value, type(threading.Lock()))]

    def _is_locked(self) -> bool:
        for lock in self._locks:  # noqa: SIM110 - called for each message, and `any` takes twice as long
            if lock.locked():
                return True
        return False

    def __setitem__(self, key: str, value: Any) -> None:
        if type(value) in _MAILBOXES:
            before: Any = self.get(key)
            if type(before) is ListMailbox and not before.is_read and not value:
                # gradio_client up to 2.0 sets a second list once it has opened the stream; the first may have messages.
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
        """Return the mailbox of an event; `default` is set first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

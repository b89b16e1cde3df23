"""Mailboxes that are waited for: gradio_client sleeps 50 ms whenever it finds one empty.

Each keeps what is put in where gradio_client keeps it, and adds the waiting alone. It waits a second at the most, and
not at all where that would hold up the mail: another gradio_client may look under locks, or from other threads.
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
LOOK_INTERVAL = 0.05  # seconds between looks while waiting, should mail have come otherwise than by the methods below
LOOKS = range(round(MAX_WAIT / LOOK_INTERVAL))
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
    """What a mailbox adds to the list or the deque that it stands for.

    Args:
        kept: gradio_client's own, in which all is kept.
        is_locked: tells whether gradio_client holds one of its locks.

    Attributes:
        is_read: whether anybody but the sender has looked into it.
        is_current: whether it is still its event's.
    """

    def __init__(self, kept: Any, is_locked: Callable[[], bool]) -> None:
        super().__init__()
        self.keep(kept)
        self.is_read = False
        self.is_current = True
        self._is_locked = is_locked
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._sender: int | None = None

    def keep(self, kept: Any) -> None:
        """Stand for another list or deque from now on."""
        self.kept = kept
        for name in TAKING:  # asked for each message
            if hasattr(kept, name):
                setattr(self, name, getattr(kept, name))

    def notify(self) -> None:
        """Note that the calling thread has put something in."""
        self._sender = threading.get_ident()
        if self._arrived.empty():
            self._arrived.put(None)

    def __len__(self) -> int:
        """Count what is in it; where that is nothing, wait for mail first."""
        size = len(self.kept)
        if size or not self.is_current or self._sender == threading.get_ident():
            return size
        self.is_read = True
        for _ in LOOKS:
            if self._is_held_up():
                break
            with contextlib.suppress(queue.Empty):
                self._arrived.get(timeout=LOOK_INTERVAL)
            if size := len(self.kept):
                break
        return size or len(self.kept)

    def _is_held_up(self) -> bool:
        """Whether a lock is held that whoever puts mail in may wait for; one that is held for a moment is none."""
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


def _mailbox_of(base: type) -> Any:
    methods = {
        name: _forwarded(name) for name, value in vars(base).items() if callable(value) and name not in NOT_FORWARDED
    }
    return type(f"{base.__name__.capitalize()}Mailbox", (_Mailbox, base), methods)


DequeMailbox = _mailbox_of(deque)  # from gradio_client 2.3 on
ListMailbox = _mailbox_of(list)  # before
_MAILBOXES: dict[type, Any] = {deque: DequeMailbox, list: ListMailbox}


class Mailboxes(dict[str, Any]):
    """A client's mailboxes by event: each list and deque that is put in waits."""

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[Any] = []

    def watch_locks(self, holder: object) -> None:
        """Hold up none of the locks that an object has among its attributes."""
        values = getattr(holder, "__dict__", {}).values()
        self._locks += [value for value in values if isinstance(value, type(threading.Lock()))]

    def _is_locked(self) -> bool:
        for lock in self._locks:  # noqa: SIM110 - asked for each message, where `any` takes twice as long
            if lock.locked():
                return True
        return False

    def __setitem__(self, key: str, value: Any) -> None:
        if type(value) in _MAILBOXES:
            before: Any = self.get(key)
            if type(before) is ListMailbox and not before.is_read and not value:
                # gradio_client up to 2.0 puts one in after it has opened the stream, which may have brought mail.
                value.extend(before.kept)
                before.keep(value)
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
        """Give the mailbox of an event, which is put in where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

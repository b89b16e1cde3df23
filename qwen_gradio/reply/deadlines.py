"""Deadlines: which timeout applies in which state, and the one way to bound an await."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import anyio

from ..errors import DeadlineExceeded
from .states import AttemptState

CLOSE_TIMEOUT = 2.0  # seconds for which cleaning up is waited for, at most

# The field of `Timeouts` that bounds how long an attempt stays in a state; in STREAMING, from one fragment to the next.
TIMEOUT_OF: Mapping[AttemptState, str] = {
    AttemptState.CONNECTING: "connect",
    AttemptState.QUEUED: "queue",
    AttemptState.STARTED: "first",
    AttemptState.STREAMING: "silence",
}
MESSAGES = {
    "connect": "it did not answer",
    "queue": "no turn came",
    "first": "it began, and said nothing",
    "silence": "nothing new came",
    "total": "the reply was not whole",
}


class Deadline(NamedTuple):
    """The end of a timeout; the earlier one is the lesser.

    Attributes:
        at: its end, by the event loop's clock.
        timeout: its length, in seconds.
        name: the field of `Timeouts`.
    """

    at: float
    timeout: float
    name: str

    def error(self) -> DeadlineExceeded:
        """Make the error for a deadline that has passed."""
        return DeadlineExceeded(f"{MESSAGES[self.name]} for {self.timeout:g} s", deadline=self.name)


def deadline(name: str, timeout: float | None, *, waited: float = 0.0) -> Deadline | None:
    """Make a deadline from now on.

    Args:
        name: the field of `Timeouts`.
        timeout: its length, in seconds; None for no deadline.
        waited: the seconds of it that have been used up.
    """
    return None if timeout is None else Deadline(anyio.current_time() + timeout - waited, timeout, name)


@contextlib.contextmanager
def fail_at(*deadlines: Deadline | None) -> Iterator[None]:
    """Bound one await by the earliest of some deadlines; None is no deadline. Never wrap a `yield` in it.

    Raises:
        DeadlineExceeded: it passed.
    """
    earliest = min(filter(None, deadlines), default=None)
    if earliest is None:
        yield
        return
    with anyio.CancelScope(deadline=earliest.at) as scope:
        yield
    if scope.cancelled_caught:
        raise earliest.error()

"""Deadlines: the timeout of each state, and the context manager that bounds one await by it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import anyio

from ..errors import DeadlineExceeded
from .states import AttemptState

# The field of `Timeouts` for the time that an attempt spends in a state; in STREAMING, since the last fragment.
TIMEOUT_OF: Mapping[AttemptState, str] = {
    AttemptState.CONNECTING: "connect",
    AttemptState.QUEUED: "queue",
    AttemptState.STARTED: "first",
    AttemptState.STREAMING: "silence",
}
MESSAGES = {
    "connect": "it did not answer for {:g} s",
    "queue": "the question waited in the queue for {:g} s",
    "first": "it started, but no fragment came for {:g} s",
    "silence": "nothing new came for {:g} s",
    "total": "the reply was not complete after {:g} s",
}


class Deadline(NamedTuple):
    """The end of a timeout. Deadlines compare by their time.

    Attributes:
        at: the time, by the event loop's clock.
        timeout: the length of the timeout, in seconds.
        name: the field of `Timeouts`.
    """

    at: float
    timeout: float
    name: str

    def error(self) -> DeadlineExceeded:
        """Create the error to raise once the deadline has passed."""
        return DeadlineExceeded(MESSAGES[self.name].format(self.timeout), deadline=self.name)


def deadline(name: str, timeout: float | None, *, waited: float = 0.0) -> Deadline | None:
    """Create the deadline of a timeout that starts now.

    Args:
        name: the field of `Timeouts`.
        timeout: the length of the timeout, in seconds; None for no deadline.
        waited: seconds of the timeout that are already used up.

    Returns:
        The deadline; None if there is no timeout.
    """
    return None if timeout is None else Deadline(anyio.current_time() + timeout - waited, timeout, name)


@contextlib.contextmanager
def fail_at(*deadlines: Deadline | None) -> Iterator[None]:
    """Bound one await by the earliest of the deadlines; None is no deadline. Don't wrap a `yield` in it.

    Raises:
        DeadlineExceeded: the earliest passed.
    """
    earliest = min(filter(None, deadlines), default=None)
    if earliest is None:
        yield
        return
    with anyio.CancelScope(deadline=earliest.at) as scope:
        yield
    if scope.cancelled_caught:
        raise earliest.error()

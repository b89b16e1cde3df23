"""Rotation: questions spread over several choices; one that failed is passed over for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import (
    EndpointNotFound,
    NeedsAuthentication,
    NotAGradioApp,
    QueueFull,
    QwenGradioError,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
    TransportError,
)

PASSED_OVER_SECONDS = 60.0  # after a failure that doesn't say when to ask again

# Failures of the choice itself, which the next question would meet as well.
FAILURES_OF_THE_CHOICE = (
    EndpointNotFound,
    NeedsAuthentication,
    NotAGradioApp,
    QueueFull,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
    TransportError,
)


class Rotation:
    """The order in which each question tries the choices: from the next in turn, those passed over last.

    Args:
        count: the number of choices.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._resume_at = [0.0] * count
        self._next = 0
        self._clock = clock

    def next_order(self) -> list[int]:
        """Return the choices' numbers for the next question; of those passed over, the first to return leads."""
        now, count = self._clock(), len(self._resume_at)
        order = [(self._next + offset) % count for offset in range(count)]
        order.sort(key=lambda number: max(self._resume_at[number] - now, 0.0))
        self._next = (self._next + 1) % count
        return order

    def report(self, number: int, exc: QwenGradioError) -> None:
        """Pass a choice over until its `retry_after`, or for a minute, if the failure is the choice's own."""
        is_total = getattr(exc, "deadline", "") == "total"  # of the whole reply, whichever choice was asked last
        if isinstance(exc, FAILURES_OF_THE_CHOICE) and not is_total:
            retry_after = getattr(exc, "retry_after", None)
            resume_at = self._clock() + (PASSED_OVER_SECONDS if retry_after is None else retry_after)
            self._resume_at[number] = max(self._resume_at[number], resume_at)

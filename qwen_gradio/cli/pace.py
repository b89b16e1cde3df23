"""Pace: when the next question of a batch may be asked, by its rate and by the quotas of the Spaces."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import qwen_gradio

UNKNOWN_PAUSE = 60.0  # seconds, where the Space doesn't say when to ask again
MIN_PAUSE = 1.0


class Pace:
    """When the next question may be asked.

    Args:
        sleep: a function to await, such as `anyio.sleep`.
        rate: the maximum number of questions a minute; None for no maximum.
        max_wait: seconds to wait for used-up quotas from one answer to the next.
        clock: a monotonic clock, in seconds.

    Attributes:
        used_up: what the Space says of its quota, once that takes too long to return; else `""`.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[object]],
        *,
        rate: float | None = None,
        max_wait: float = 3600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.used_up = ""
        self._sleep = sleep
        self._interval = 60 / rate if rate else 0.0
        self._max_wait = max_wait
        self._clock = clock
        self._start_at = self._resume_at = clock()
        self._waited = 0.0

    async def wait(self) -> None:
        """Wait until the next question may be asked, or never may. For one task at a time."""
        while not self.used_up and (seconds := max(self._start_at, self._resume_at) - self._clock()) > 0:
            await self._sleep(min(seconds, 1.0))  # in parts, as another question may change it
        self._start_at = self._clock() + self._interval

    def pause(self, limits: Sequence[qwen_gradio.RateLimited]) -> float:
        """Let no question be asked until the first of several quotas returns; return the seconds until then."""
        now = self._clock()
        seconds = max(MIN_PAUSE, min(UNKNOWN_PAUSE if one.retry_after is None else one.retry_after for one in limits))
        resume_at = max(self._resume_at, now + seconds)
        self._waited += resume_at - max(self._resume_at, now)
        self._resume_at = resume_at
        if self._waited > self._max_wait:
            self.used_up = str(limits[0])
        return resume_at - now

    def count_answer(self) -> None:
        """Begin to count the waiting anew, as a quota has returned."""
        self._waited = 0.0

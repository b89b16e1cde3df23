"""The events of a reply, and the timeouts for them: Queued, Started, Fragment, Finished, Timeouts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import InvalidOption, short_repr


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds, greater than 0; None for no timeout.

    A server's heartbeats don't count as fragments, but three missed ones end a reply too.

    Attributes:
        connect: until the Space has described itself, and again until it has accepted the question; while files are
            uploaded, from one part that is sent to the next.
        queue: from then until the Space starts to work on the question.
        first: from then until the first fragment.
        silence: from one fragment to the next.
        total: for the complete reply, with all its attempts.

    Raises:
        InvalidOption: a timeout is neither None nor a finite number greater than 0.
    """

    connect: float | None = 20.0
    queue: float | None = 300.0
    first: float | None = 120.0
    silence: float | None = 60.0
    total: float | None = 1800.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            seconds = getattr(self, name)
            if seconds is not None and not _is_duration(seconds):
                raise InvalidOption(
                    f"expected a number of seconds above 0, or None, for {name}; got {short_repr(seconds)}"
                )


def _is_duration(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return value > 0 and math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


@dataclass(frozen=True, slots=True)
class Queued:
    """Emitted while the question waits in the queue.

    Attributes:
        position: its position, 1 being the next; None if the Space doesn't publish it.
        size: the number of questions in the queue; None if the Space doesn't publish it.
        eta: the Space's estimate of the wait, in seconds; None if it has none.
    """

    position: int | None
    size: int | None
    eta: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """Emitted when the Space starts to work on the answer."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Emitted for new text in the answer or the thinking. It replaces the text from `start` on; usually an append.

    Attributes:
        text: the new text.
        start: the offset of the first character that it replaces.
        kind: "answer" or "thinking".
    """

    text: str
    start: int
    kind: Kind = "answer"


@dataclass(frozen=True, slots=True)
class Finished:
    """Emitted once the reply is complete.

    Attributes:
        text: the answer.
        thinking: the model's thinking; `""` if the Space publishes none.
    """

    text: str
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Uploading:
    """Emitted when a part of the question's files was sent. Internal: not passed on to readers."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Emitted when the Space has accepted the question, its position unknown. Internal: not passed on to readers."""


Internal: TypeAlias = Uploading | Joined
Kind: TypeAlias = Literal["answer", "thinking"]
Event: TypeAlias = Queued | Started | Fragment | Finished

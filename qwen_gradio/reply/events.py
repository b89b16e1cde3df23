"""The events of a reply, and how long each may be waited for: Queued, Started, Fragment, Finished, Timeouts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import InvalidOption, short_repr


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds, above 0; None waits for ever.

    A server's heartbeat is no fragment: it only shows that the server lives. Three that are missed end a reply too.

    Attributes:
        connect: for the Space to describe itself, and for it to accept the question.
        queue: for the question's turn, once it was accepted.
        first: for the first fragment, once it is the question's turn.
        silence: for the next fragment.
        total: for the whole reply, with all its attempts.

    Raises:
        InvalidOption: one is no such number.
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
    """The question waits for its turn.

    Attributes:
        position: its place, 1 being next; None if the Space doesn't tell.
        size: how many wait in all; None if the Space doesn't tell.
        eta: seconds until its turn, by the Space's estimate; None if it has none.
    """

    position: int | None
    size: int | None
    eta: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """The Space works on the answer."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the answer or of the thinking: it replaces all from character `start` on. Usually an append.

    Attributes:
        text: the new text.
        start: the number of characters before it that stay.
        kind: "answer" or "thinking".
    """

    text: str
    start: int
    kind: Kind = "answer"


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is whole.

    Attributes:
        text: the answer.
        thinking: the model's thinking before it; `""` if the Space shows none.
    """

    text: str
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """The Space has accepted the question; its place in the queue isn't known. Internal: no reader gets it."""


Kind: TypeAlias = Literal["answer", "thinking"]
Event: TypeAlias = Queued | Started | Fragment | Finished

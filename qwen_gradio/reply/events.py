"""What happens to a question, as events, and how long each may take: Queued, Started, Fragment, Finished, Timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds; None waits for ever.

    A server's heartbeat is no fragment: it only shows that the server lives. Three that are missed end a reply too.

    Attributes:
        connect: for the Space to describe itself, and for it to take the question.
        queue: for a turn, once it has been asked.
        first: for the first fragment, once it is our turn.
        silence: for the next fragment.
        total: for the whole reply, from its first step to its last, trying again included.
    """

    connect: float | None = 20.0
    queue: float | None = 300.0
    first: float | None = 120.0
    silence: float | None = 60.0
    total: float | None = 1800.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            seconds = getattr(self, name)
            if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
                raise InvalidOption(f"expected a number of seconds above 0 or None for {name}, got {seconds!r}")


@dataclass(frozen=True, slots=True)
class Queued:
    """The question waits its turn.

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
    """From character `start` on, the answer (or the thinking) is now `text`; nearly always it ended there before."""

    text: str
    start: int
    kind: Kind = "answer"


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is whole: this is the answer, and what was thought on the way there, where the Space shows it."""

    text: str
    thinking: str = ""


Kind: TypeAlias = Literal["answer", "thinking"]
Event: TypeAlias = Queued | Started | Fragment | Finished

JOINED = Queued(None, None, None)
"""The Space took the question; where that stands is not known yet, and nobody else is told."""

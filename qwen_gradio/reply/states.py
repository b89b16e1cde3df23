"""The states of a client, a reply and an attempt, and the transitions between them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, TypeVar

S = TypeVar("S", bound=enum.Enum)


class ClientState(enum.Enum):
    """The state of a client's connection."""

    NEW = enum.auto()
    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    CLOSED = enum.auto()


class _EndingState(enum.Enum):
    """A state of something that ends; its last states have the same names everywhere."""

    @property
    def is_over(self) -> bool:
        """True if no event follows."""
        return self.name in ("FINISHED", "FAILED", "CANCELLED")


class ReplyState(_EndingState):
    """The state of a reply; WAITING lasts until its first fragment, over all its attempts."""

    NEW = enum.auto()
    WAITING = enum.auto()
    STREAMING = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


class AttemptState(_EndingState):
    """The state of one attempt at a reply; CONNECTING lasts until the Space has accepted the question."""

    NEW = enum.auto()
    CONNECTING = enum.auto()
    QUEUED = enum.auto()
    STARTED = enum.auto()
    STREAMING = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


_C, _R, _A = ClientState, ReplyState, AttemptState
TRANSITIONS: Mapping[enum.Enum, set[Any]] = {
    _C.NEW: {_C.CONNECTING, _C.CLOSED},
    _C.CONNECTING: {_C.CONNECTED, _C.NEW, _C.CLOSED},  # NEW after a failure: the next reply connects again
    _C.CONNECTED: {_C.NEW, _C.CLOSED},  # NEW in a forked process
    _C.CLOSED: set(),
    _R.NEW: {_R.WAITING, _R.CANCELLED},
    _R.WAITING: {_R.STREAMING, _R.FAILED, _R.CANCELLED},
    _R.STREAMING: {_R.FINISHED, _R.FAILED, _R.CANCELLED},
    _R.FINISHED: set(),
    _R.FAILED: set(),
    _R.CANCELLED: set(),
    _A.NEW: {_A.CONNECTING, _A.STARTED, _A.CANCELLED},  # STARTED at a provider, which has no queue
    _A.CONNECTING: {_A.QUEUED, _A.STARTED, _A.FAILED, _A.CANCELLED},
    # CONNECTING if the question was refused; gradio_client may say that one has begun, when it has just failed.
    _A.QUEUED: {_A.CONNECTING, _A.STARTED, _A.FAILED, _A.CANCELLED},
    _A.STARTED: {_A.CONNECTING, _A.QUEUED, _A.STREAMING, _A.FAILED, _A.CANCELLED},  # QUEUED for the page's next step
    _A.STREAMING: {_A.FINISHED, _A.FAILED, _A.CANCELLED},
    _A.FINISHED: set(),
    _A.FAILED: {_A.CANCELLED},  # cancelled by its reply, so that no other attempt follows
    _A.CANCELLED: set(),
}


def transition(state: S, new: S) -> S:
    """Return the new state, if it may follow the old one.

    Raises:
        RuntimeError: it may not, which is an error of this package.
    """
    if new not in TRANSITIONS[state]:
        raise RuntimeError(f"{type(state).__name__} can't change from {state.name} to {new.name}")
    return new

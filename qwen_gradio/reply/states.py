"""The states of a client, a reply and an attempt, and which may follow which."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, TypeVar

S = TypeVar("S", bound=enum.Enum)


class ClientState(enum.Enum):
    """Where a client stands."""

    NEW = enum.auto()
    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    CLOSED = enum.auto()


class ReplyState(enum.Enum):
    """Where a reply stands; WAITING until its first fragment, with all its attempts."""

    NEW = enum.auto()
    WAITING = enum.auto()
    STREAMING = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


class AttemptState(enum.Enum):
    """Where one attempt at a reply stands; CONNECTING until the Space has accepted the question."""

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
    _C.CONNECTING: {_C.CONNECTED, _C.NEW, _C.CLOSED},  # NEW after a failure: the next question connects again
    _C.CONNECTED: {_C.NEW, _C.CLOSED},  # NEW in a forked process
    _C.CLOSED: set(),
    _R.NEW: {_R.WAITING, _R.CANCELLED},
    _R.WAITING: {_R.STREAMING, _R.FAILED, _R.CANCELLED},
    _R.STREAMING: {_R.FINISHED, _R.FAILED, _R.CANCELLED},
    _R.FINISHED: set(),
    _R.FAILED: set(),
    _R.CANCELLED: set(),
    _A.NEW: {_A.CONNECTING, _A.STARTED, _A.CANCELLED},  # STARTED at once at another provider, which has no queue
    _A.CONNECTING: {_A.QUEUED, _A.STARTED, _A.FAILED, _A.CANCELLED},
    _A.QUEUED: {_A.CONNECTING, _A.STARTED, _A.FAILED, _A.CANCELLED},  # CONNECTING if the question was refused
    _A.STARTED: {_A.STREAMING, _A.FAILED, _A.CANCELLED},
    _A.STREAMING: {_A.FINISHED, _A.FAILED, _A.CANCELLED},
    _A.FINISHED: set(),
    _A.FAILED: {_A.CANCELLED},  # by the reply, so that no other attempt follows
    _A.CANCELLED: set(),
}


def transition(state: S, new: S) -> S:
    """Return the new state.

    Raises:
        RuntimeError: it can't follow this one, which is an error of this package.
    """
    if new not in TRANSITIONS[state]:
        raise RuntimeError(f"{type(state).__name__} can't go from {state.name} to {new.name}")
    return new

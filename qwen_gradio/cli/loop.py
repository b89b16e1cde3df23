"""The event loop of a command: `anyio.run`, which ends with KeyboardInterrupt after Ctrl-C on every Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def run(function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Run a coroutine function until it returns.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    import asyncio  # not at the top, as `--help` doesn't need them

    import anyio

    try:
        return anyio.run(function, *arguments)
    except asyncio.CancelledError:  # that is what Ctrl-C ends with on Python 3.10
        raise KeyboardInterrupt from None

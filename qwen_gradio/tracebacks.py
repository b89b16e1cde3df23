"""Short tracebacks: of an error's frames the caller's remain, and of each of its causes the one that raised it."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from types import TracebackType

from .errors import AllFailed, QwenGradioError

logger = logging.getLogger("qwen_gradio")


class ShortTraceback(contextlib.AbstractContextManager[None]):
    """Removes the frames below its `with` statement from the traceback of a QwenGradioError.

    The whole traceback of an error that has causes is logged at the level DEBUG.
    """

    def __enter__(self) -> None:
        """Remember the exception that the caller handles, whose traceback is the caller's own."""
        self._handled = sys.exc_info()[1]

    def __exit__(
        self, type_: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, QwenGradioError) and traceback is not None:
            seen = {id(exc)}
            if self._handled is not None:
                seen |= {id(self._handled), *(id(one) for one in _causes(self._handled, set()))}
            causes = [cause for cause in _causes(exc, seen) if cause.__traceback__ is not _last(cause)]
            if causes:
                logger.debug("%s", exc, exc_info=exc)
            for cause in causes:
                cause.__traceback__ = _last(cause)
            traceback.tb_next = None


def _last(exc: BaseException) -> TracebackType | None:
    traceback = exc.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def _causes(exc: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Yield each exception of an error's chain, and of a group in it, once."""
    others = exc.exceptions if isinstance(exc, AllFailed) else ()
    for cause in (exc.__cause__, exc.__context__, *others):
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            yield from _causes(cause, seen)

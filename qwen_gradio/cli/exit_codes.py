"""The exit codes of the command, other than 0."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    SPACE_FAILED = 1
    WRONG_USE = 2  # as click's own
    INTERRUPTED = 130  # 128 + SIGINT, as in a shell

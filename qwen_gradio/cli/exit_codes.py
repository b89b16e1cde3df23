"""The exit codes of the command, other than 0."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    SPACE_FAILED = 1
    WRONG_USE = 2  # click's own code for a usage error
    INTERRUPTED = 130  # 128 + SIGINT, as in a shell

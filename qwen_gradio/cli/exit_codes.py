"""The exit codes of the command, other than 0."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    SPACE_FAILED = 1
    WRONG_USE = 2  # click's own code for a usage error
    USED_UP = 3  # the quota, before a batch was done
    CANNOT_WRITE = 4  # a full disk, or a closed stdout
    INTERRUPTED = 130  # 128 + SIGINT, as in a shell
    BROKEN_PIPE = 141  # 128 + SIGPIPE, as in a shell: the reader of stdout has gone

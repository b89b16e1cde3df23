"""Runs the command: in this process, or in one of its own on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from click.testing import CliRunner, Result

from qwen_gradio.cli.main import main

SECONDS = 120  # of silence, after which a command hangs
COMMAND = [sys.executable, "-m", "qwen_gradio"]


def run(*arguments: str, stdin: str | None = None) -> Result:
    """Run it in this process, with pipes as its three streams."""
    return CliRunner().invoke(main, arguments, input=stdin)


def run_in_process(
    *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[bytes]:
    """Run it in a process of its own, with pipes as its three streams."""
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, env={**os.environ, **environment}, check=False
    )


def complete(instruction: str, **environment: str) -> Result:
    """Run it as a shell does that completes a command line."""
    variables = {**environment, "_QWEN_GRADIO_COMPLETE": instruction}
    return CliRunner().invoke(main, prog_name="qwen-gradio", env=variables)


def run_on_terminal(
    *arguments: str, when: str = "", then: Callable[[], object] = bool, keys: str = ""
) -> tuple[int, str]:
    """Run it with a terminal as its three streams.

    Args:
        arguments: its arguments.
        when: a text that the terminal shows at some time.
        then: called once at that time.
        keys: typed at that time.

    Returns:
        Its exit code, and all that the terminal shows.
    """
    parent, child = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdin=child, stdout=child, stderr=child)
    os.close(child)
    output, is_called = b"", False
    with contextlib.suppress(OSError):  # how a terminal ends
        while select.select([parent], [], [], SECONDS)[0]:
            output += os.read(parent, 65536)
            if not is_called and when.encode() in output:
                is_called = True
                then()
                os.write(parent, keys.encode())
        process.kill()
    os.close(parent)
    return process.wait(), output.decode(os.environ.get("PYTHONIOENCODING", "utf-8"))

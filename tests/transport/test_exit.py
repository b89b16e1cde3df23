"""A program that is done exits, and one Ctrl-C is enough, however silent the Space."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from qwen_gradio.transport.hooks import Hook

from ..conftest import ScriptedSpace, eventually

ASYNC = """
import anyio, sys
from qwen_gradio import AsyncQwenClient
async def main():
    client = AsyncQwenClient(URL)
    reply = client.stream(PROMPT)
    print(await anext(reply), flush=True)
    if WAITS:
        await anext(reply)
    globals().update(kept=(client, reply))
anyio.run(main, backend=sys.argv[1])
"""
SYNC = """
from qwen_gradio import QwenClient
client = QwenClient(URL)
reply = client.stream(PROMPT)
print(next(reply), flush=True)
if WAITS:
    next(reply)
"""


@pytest.mark.parametrize("waits", [False, True], ids=["done", "Ctrl-C"])
@pytest.mark.parametrize(
    ("program", "arguments"),
    [(ASYNC, ["asyncio"]), (ASYNC, ["trio"]), (SYNC, [])],
    ids=["asyncio", "trio", "sync"],
)
def test_ctrl_c_or_end_exits_program_and_cancels_reply(
    space: ScriptedSpace, program: str, arguments: list[str], waits: bool
) -> None:
    assert_exits(space, program, arguments, waits=waits)


@pytest.mark.full
@pytest.mark.parametrize("hook", [Hook.NETWORK, Hook.EXECUTORS])
@pytest.mark.parametrize("waits", [False, True], ids=["done", "Ctrl-C"])
def test_ctrl_c_or_end_with_one_of_two_hooks_exits_program(space: ScriptedSpace, hook: Hook, waits: bool) -> None:
    """With neither, gradio_client's own threads are joined at exit, for as long as their read timeout."""
    only = f"from qwen_gradio.transport import hooks\nhooks.HOOKS = frozenset({{hooks.Hook.{hook.name}}})\n"
    assert_exits(space, only + ASYNC, ["asyncio"], waits=waits)


def assert_exits(space: ScriptedSpace, program: str, arguments: list[str], *, waits: bool) -> None:
    script = space.script(5, quiet_at=1)
    code = f"URL, PROMPT, WAITS = {space.url!r}, {script.prompt!r}, {waits}\n{program}"
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(script.name)
        if waits:
            process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)  # bounds a failing test: the Space is silent for an hour
        finally:
            process.kill()
    assert (process.returncode == 0) != waits, err
    assert eventually(script.stopped)

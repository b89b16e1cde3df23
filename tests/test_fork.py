"""A client in a forked process: it connects anew, and the other process's replies go on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import ScriptedSpace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")

SYNC = """
import os, sys, warnings
from qwen_gradio import QwenClient, UsageError
warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork, which is what this is about
with QwenClient(URL) as client:
    reply = client.stream(PROMPT)
    text = next(reply)
    child = os.fork()
    if not child:
        try:
            next(reply)
        except UsageError as exc:
            print("child:", exc)
        print("child:", client.ask("hi there"), flush=True)
        reply.close()
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    text += "".join(reply)
    print("parent:", text == reply.text, client.ask("hi there"), flush=True)
    print(text, flush=True)
"""
ASYNC = """
import anyio, os, sys, warnings
from qwen_gradio import AsyncQwenClient
warnings.simplefilter("ignore", DeprecationWarning)
client = AsyncQwenClient(URL)
async def ask():
    print("child:" if child == 0 else "parent:", await client.ask("hi there"), flush=True)
child = None
anyio.run(ask)
child = os.fork()
anyio.run(ask)
anyio.run(client.aclose)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def run(code: str, space: ScriptedSpace, prompt: str = "") -> list[str]:
    preamble = f"URL, PROMPT = {space.url!r}, {prompt!r}\n"
    command = [sys.executable, "-c", preamble + code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def test_fork_sync_client_asks_in_both_processes(space: ScriptedSpace) -> None:
    script = space.script(30, step=0.05)
    lines = run(SYNC, space, script.prompt)
    assert "belongs to the process that this one was forked from" in lines[0]
    assert lines[1].startswith("child: ")
    assert "hi there" in lines[1]
    assert lines[-2].startswith("parent: True ")
    assert lines[-1] == script.final


def test_fork_async_client_asks_in_both_processes(space: ScriptedSpace) -> None:
    lines = run(ASYNC, space)
    assert sorted(line.partition(":")[0] for line in lines) == ["child", "parent", "parent"]
    assert all("hi there" in line for line in lines)


def test_fork_results_of_map_belong_to_other_process(space: ScriptedSpace) -> None:
    code = """
import os, warnings
from qwen_gradio import QwenClient, UsageError
warnings.simplefilter("ignore", DeprecationWarning)
with QwenClient(URL) as client:
    results = client.map([PROMPT, PROMPT])
    next(results)
    child = os.fork()
    if not child:
        try:
            next(results)
        except UsageError as exc:
            print("child:", exc, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print("parent:", len(list(results)), flush=True)
"""
    lines = run(code, space, space.script(3).prompt)
    assert "belong to the process that this one was forked from" in lines[0]
    assert lines[1] == "parent: 1"

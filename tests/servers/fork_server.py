"""Imports gradio once, and forks a process for each script that is to serve an app.

It needs gradio alone. A line of its standard input is a request as JSON, and so is the line that answers it:

- `{"run": [script, argument, …]}` runs a script that prints one line when it is up, and ends when its standard input
  does: `{"pid": …, "printed": …}`, where nothing printed means that it has failed.
- `{"signal": number, "pid": …}` sends a signal, and waits for the end of a process that the signal ends: `{}`.

When its own standard input ends, so does it, and with it every process that it forked.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import sys
from typing import Any

START_TIMEOUT = 60  # seconds for a script to start
ENDING = (signal.SIGKILL, signal.SIGTERM)


def run(lifetime: tuple[int, int], script: str, *arguments: str) -> dict[str, Any]:
    """Fork a process that runs a script, and wait for its first line.

    Args:
        lifetime: both ends of a pipe; the process ends when the second is closed everywhere.
        script: the path of its file.
        arguments: passed on to it.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(lifetime[0], 0)
        os.dup2(writing, 1)
        for end in (*lifetime, reading, writing):
            os.close(end)
        _play(script, *arguments)
    os.close(writing)
    line = _first_line(reading)
    if not line:
        send(signal.SIGKILL, pid)
    return {"pid": pid, "printed": line}


def _first_line(reading: int) -> str:
    with os.fdopen(reading) as printed:
        is_there, _, _ = select.select([printed], [], [], START_TIMEOUT)
        return printed.readline().strip() if is_there else ""


def _play(script: str, *arguments: str) -> None:
    """Run a script as Python would, and never return."""
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException:  # noqa: BLE001 - it is the whole process
        sys.excepthook(*sys.exc_info())
    os._exit(1)  # a server that is up ends itself


def send(number: int, pid: int) -> dict[str, Any]:
    """Send a signal to a process that was forked here and not waited for."""
    os.kill(pid, number)
    if number in ENDING:
        os.waitpid(pid, 0)
    return {}


def main() -> None:
    # Gradio looks these up at import.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's, which starts threads at import otherwise
    import gradio  # noqa: F401 - what takes the time

    assert len(os.listdir("/proc/self/task")) == 1, "a fork has none of the threads"
    gc.freeze()  # so that no collection copies what all share
    lifetime = os.pipe()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what gradio prints is no answer
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        answer = run(lifetime, *request["run"]) if "run" in request else send(request["signal"], request["pid"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""The fork server imports gradio once, reports a script's failure, and ends all its processes with itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..conftest import eventually
from .forked import ForkServers

UNTIL_STDIN_ENDS = "import os, sys; print(%s, flush=True); sys.stdin.buffer.read(); os._exit(0)"


def script(folder: Path, printed: str) -> Path:
    path = folder / "script.py"
    path.write_text(UNTIL_STDIN_ENDS % printed)
    return path


def is_gone(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def test_fork_server_two_scripts_share_one_import(fork_servers: ForkServers, tmp_path: Path) -> None:
    asking = script(tmp_path, "os.getppid(), 'gradio' in sys.modules")
    with fork_servers.running(asking) as one, fork_servers.running(asking) as other:
        assert one.printed == other.printed
        assert one.printed.endswith(" True")
        assert one.pid != other.pid


def test_fork_server_left_script_is_ended(fork_servers: ForkServers, tmp_path: Path) -> None:
    with fork_servers.running(script(tmp_path, "os.getpid()")) as process:
        assert not is_gone(process.pid)
    assert is_gone(process.pid)


def test_fork_server_failing_script_raises_with_its_error(fork_servers: ForkServers, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such luck')")
    with pytest.raises(RuntimeError, match="no such luck"), fork_servers.running(broken):
        pass


def test_fork_server_killed_ends_every_process(tmp_path: Path) -> None:
    with ForkServers() as servers:
        pids = [servers.start(script(tmp_path, "os.getpid()")).pid for _ in range(2)]
    assert eventually(lambda: all(map(is_gone, pids)))

"""Closing a connection ends all replies, waits for little, and may be repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from qwen_gradio import ConnectionLost
from qwen_gradio.transport import connection as connection_module
from qwen_gradio.transport.connection import Connection

from ..conftest import ScriptedSpace, eventually, our_threads
from ..faults.cases import RIGHT
from ..servers import wrong_server
from ..servers.wrong_server import Exchange
from .conftest import submit

Connect = Callable[..., Connection]
NEVER = 3600.0


def closing(connection: Connection) -> threading.Thread:
    thread = threading.Thread(target=connection.close)
    thread.start()
    return thread


@pytest.mark.usefixtures("some_hooks")
def test_close_from_several_threads_and_again_ends_every_reply(space: ScriptedSpace, connect: Connect) -> None:
    connection, scripts = connect(space.url), [space.script(2000) for _ in range(3)]
    submissions = [submit(connection, script.prompt, name=f"{n:012x}") for n, script in enumerate(scripts)]
    assert eventually(lambda: all(script.count("step") > 1 for script in scripts))
    threads = [closing(connection) for _ in range(4)]
    assert eventually(lambda: not any(thread.is_alive() for thread in threads))
    connection.close()
    for submission, script in zip(submissions, scripts, strict=True):
        assert eventually(submission.done)
        with pytest.raises(ConnectionLost, match="closed from this side"):
            submission.result()
        assert eventually(script.stopped)
    assert eventually(lambda: not our_threads())
    assert repr(connection) == f"<Connection to 127.0.0.1:{space.port}: aborted>"


def test_close_does_not_wait_for_threads_whose_stream_is_aborted(
    space: ScriptedSpace, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", NEVER)
    connection, script = connect(space.url), space.script(2000)
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        """Hold up the job's thread once the stream runs."""
        if script.count("step") > 1:
            is_held.set()
            may_end.wait()

    submission = submit(connection, script.prompt, notify=hold)
    assert is_held.wait(30)
    thread = closing(connection)
    assert eventually(lambda: not thread.is_alive())
    assert not submission.done()
    may_end.set()


@pytest.mark.usefixtures("some_hooks")
def test_close_while_joining_waits_until_the_space_knows(
    description: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that was joined and whose stream is never opened runs to its end."""
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", NEVER)
    is_joining, may_answer = threading.Event(), threading.Event()

    def join(exchange: Exchange) -> None:
        is_joining.set()
        may_answer.wait()
        wrong_server.right(exchange)

    with wrong_server.running(description, {"join": join}, RIGHT) as server:
        connection = connect(server.url)
        submission = submit(connection)
        assert is_joining.wait(30)
        thread = closing(connection)
        thread.join(0.1)
        assert thread.is_alive()
        may_answer.set()
        assert eventually(lambda: not thread.is_alive())
        assert [head for head in server.heads if "/queue/data" in head or "/cancel" in head]
        assert eventually(submission.done)


def test_close_while_a_join_is_not_answered_ends_its_thread(
    description: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no timeout either."""
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.05)
    with wrong_server.running(description, {"join": wrong_server.silent}, RIGHT) as server:
        connection = connect(server.url, timeout=None)
        submission = submit(connection)
        assert eventually(lambda: any("/queue/join" in head for head in server.heads))
        connection.close()
        assert eventually(submission.done)
        assert eventually(lambda: not our_threads())

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from qwen_gradio.threads import Bell, DaemonThreads, Ear, Overdue, Watch, finished, in_time


async def test_thread_notification_wakes_event_loop() -> None:
    bell = Bell()
    for _ in range(3):
        threading.Thread(target=bell.ring).start()
        with anyio.fail_after(5):
            await bell.wait()


async def test_thread_notifications_before_wait_are_merged() -> None:
    bell = Bell()
    for _ in range(100):
        bell.ring()
    with anyio.fail_after(5):
        await bell.wait()
    with anyio.move_on_after(0.05) as scope:
        await bell.wait()
    assert scope.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_thread_notification_after_event_loop_ended_is_ignored(backend: str) -> None:
    bells: list[Bell] = []

    async def make() -> None:
        bells.append(Bell())

    anyio.run(make, backend=backend)
    bells[0].ring()
    bells[0].ring()


async def test_thread_call_returns_result_or_raises() -> None:
    threads = DaemonThreads()
    assert await finished(threads.submit(int, "3")) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        await finished(threads.submit(int, "x"))


def test_thread_is_daemon() -> None:
    seen = DaemonThreads().submit(lambda: threading.current_thread().daemon)
    assert seen.result(timeout=5)


class Heard:
    """A socket, the one that it is joined to, and what an Ear has read of it."""

    def __init__(self) -> None:
        self.theirs, self.ours = socket.socketpair()
        self.ours.settimeout(0)
        self.pieces: list[bytes] = []
        self.ear = Ear(self.ours, lambda: self.pieces.append(self.ours.recv(99)))

    async def wait(self) -> None:
        with anyio.fail_after(5):
            await self.ear.wait(Watch())


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.theirs.close()
    made.ours.close()


async def test_socket_reader_reads_when_data_arrives(heard: Heard) -> None:
    for said in (b"one", b"two"):
        threading.Timer(0.01, heard.theirs.send, [said]).start()
        await heard.wait()
    heard.ear.stop()
    assert heard.pieces == [b"one", b"two"]


async def test_socket_reader_without_waiter_reads_nothing(heard: Heard) -> None:
    heard.theirs.send(b"one")
    await heard.wait()
    heard.theirs.send(b"two")
    for _ in range(10):
        await anyio.sleep(0.005)
    assert not heard.ear.is_at_work, "else the event loop would find it readable again and again"
    assert heard.pieces == [b"one"]
    await heard.wait()
    heard.ear.stop()
    assert heard.pieces == [b"one", b"two"]


async def test_socket_reader_cancelled_wait_can_be_resumed(heard: Heard) -> None:
    with anyio.move_on_after(0.01):
        await heard.ear.wait(Watch())
    heard.theirs.send(b"one")
    await heard.wait()
    heard.ear.stop()
    assert heard.pieces == [b"one"]


async def test_socket_reader_close_waits_for_event_loop(heard: Heard) -> None:
    let_go: list[bool] = []

    def take_away() -> None:
        heard.ear.close()
        let_go.append(not heard.ear.is_at_work)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heard.wait)
        await anyio.sleep(0.01)
        tasks.start_soon(anyio.to_thread.run_sync, take_away)
    assert let_go == [True]


async def test_socket_reader_closed_does_not_touch_socket(heard: Heard) -> None:
    heard.ear.close()
    heard.ours.close()
    await heard.wait()
    assert (heard.ear.is_at_work, heard.pieces) == (False, [])


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_socket_reader_close_after_event_loop_ended_returns(backend: str, heard: Heard) -> None:
    async def wait_and_leave() -> None:
        heard.theirs.send(b"one")
        await heard.wait()

    anyio.run(wait_and_leave, backend=backend)
    closing = threading.Thread(target=heard.ear.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()


async def test_socket_reader_timeout_raises_overdue(heard: Heard) -> None:
    watch = Watch()
    for _ in range(2):
        watch.begin(0.02)
        with pytest.raises(Overdue):
            await heard.ear.wait(watch)
        with pytest.raises(Overdue):
            await in_time(anyio.sleep(5), watch)
    heard.theirs.send(b"one")
    watch.begin(5)
    await heard.ear.wait(watch)
    heard.ear.stop()
    assert heard.pieces == [b"one"]


async def test_socket_reader_timeout_is_not_extended_by_data(heard: Heard) -> None:
    async def beat() -> None:
        while True:
            await anyio.sleep(0.01)
            heard.theirs.send(b"heartbeat")

    async def listen() -> None:
        while True:
            await heard.ear.wait(watch)

    watch = Watch()
    watch.begin(0.1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat)
        with pytest.raises(Overdue):
            await listen()
        tasks.cancel_scope.cancel()
    heard.ear.stop()
    assert heard.pieces


async def test_socket_reader_timeout_can_be_shortened(heard: Heard) -> None:
    watch = Watch()
    heard.theirs.send(b"one")
    watch.begin(60)
    await heard.ear.wait(watch)
    watch.begin(None, anyio.current_time() + 0.02)
    with anyio.fail_after(5), pytest.raises(Overdue):
        await heard.ear.wait(watch)
    assert watch.is_the_latest
    heard.ear.stop()


async def test_socket_reader_timeout_extended_sets_no_new_timer(heard: Heard, mocker: Any) -> None:
    watch = Watch()
    timers = mocker.spy(heard.ear, "_set_timer")
    calls = mocker.spy(asyncio.base_events.BaseEventLoop, "call_at")
    for _ in range(50):
        heard.theirs.send(b"one")
        watch.begin(60)
        await heard.ear.wait(watch)
    heard.ear.stop()
    assert calls.call_count == (1 if timers.call_count else 0)


async def test_socket_reader_timeout_expires_under_constant_data(heard: Heard) -> None:
    watch = Watch()
    watch.begin(0.05)

    async def listen() -> None:
        while True:
            heard.theirs.send(b"spinner")
            await heard.ear.wait(watch)

    with anyio.fail_after(5), pytest.raises(Overdue):
        await listen()
    heard.ear.stop()


async def test_socket_reader_unwatchable_socket_raises_and_is_released(heard: Heard) -> None:
    heard.ours.close()
    with pytest.raises((ValueError, OSError, anyio.ClosedResourceError)):
        await heard.wait()
    heard.ear.close()
    assert not heard.ear.is_at_work

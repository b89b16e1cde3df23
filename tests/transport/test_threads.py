from __future__ import annotations

import threading

import anyio
import pytest

from qwen_gradio import TransportError
from qwen_gradio.transport.threads import DaemonThreadExecutor, LoopThread, ThreadsafeEvent, wrap_future

from ..conftest import eventually, our_threads


async def test_thread_notification_wakes_event_loop() -> None:
    event = ThreadsafeEvent()
    for _ in range(3):
        threading.Thread(target=event.set).start()
        with anyio.fail_after(5):
            await event.wait()


async def test_thread_notifications_before_wait_are_merged() -> None:
    event = ThreadsafeEvent()
    for _ in range(100):
        event.set()
    with anyio.fail_after(5):
        await event.wait()
    with anyio.move_on_after(0.05) as scope:
        await event.wait()
    assert scope.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_thread_notification_after_event_loop_ended_is_ignored(backend: str) -> None:
    events: list[ThreadsafeEvent] = []

    async def make() -> None:
        events.append(ThreadsafeEvent())

    anyio.run(make, backend=backend)
    events[0].set()
    events[0].set()


async def test_thread_call_returns_result_or_raises() -> None:
    threads = DaemonThreadExecutor()
    assert await wrap_future(threads.submit(int, "3")) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        await wrap_future(threads.submit(int, "x"))


def test_thread_is_daemon() -> None:
    seen = DaemonThreadExecutor().submit(lambda: threading.current_thread().daemon)
    assert seen.result(timeout=5)


async def test_thread_notification_missing_ends_wait_after_timeout() -> None:
    event = ThreadsafeEvent()
    with anyio.fail_after(5):
        await event.wait(0.01)
    event.set()
    with anyio.fail_after(5):
        await event.wait(60)


def test_thread_limit_raises_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    threads = DaemonThreadExecutor()
    with pytest.raises(TransportError, match="this process can't start another thread"):
        threads.submit(int)
    assert threads.running == set()


def test_loop_thread_without_event_loop_raises_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    loop = LoopThread()
    with monkeypatch.context() as limited:
        limited.setattr(anyio, "run", no_loop)
        ended = DaemonThreadExecutor().submit(loop.run, anyio.sleep, 0)
        with pytest.raises(TransportError, match="can't start another event loop"):
            ended.result(timeout=30)
    loop.run(anyio.sleep, 0)
    loop.close()


def test_loop_thread_dropped_ends() -> None:
    loop = LoopThread()
    loop.run(anyio.sleep, 0)
    assert our_threads()
    del loop
    assert eventually(lambda: not our_threads())


def test_loop_thread_closed_from_its_own_thread_ends() -> None:
    loop = LoopThread()

    async def close() -> None:
        loop.close_soon()

    loop.start(close)
    assert eventually(lambda: not our_threads())

from __future__ import annotations

import threading

import anyio
import pytest

from qwen_gradio.transport.threads import DaemonThreadExecutor, ThreadsafeEvent, wrap_future


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

"""Where threads and the event loop meet: daemon threads that never hold up exit, and a bell that is heard in a task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio.lowlevel import current_token

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """A daemon thread for each call.

    A ThreadPoolExecutor is joined at interpreter exit, so a program that is done would wait for a silent Space.

    Attributes:
        running: the calls that haven't ended.
    """

    def __init__(self) -> None:
        self.running: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start `fn` in a thread of its own."""
        future: Future[T] = Future()
        self.running.add(future)
        future.add_done_callback(self.running.discard)
        thread = threading.Thread(target=settle, args=(future, fn, args, kwargs), daemon=True, name="qwen_gradio")
        thread.start()
        return future


def settle(future: Future[T], fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call `fn` here, and put what comes of it into the future."""
    future.set_running_or_notify_cancel()
    try:
        result = fn(*args, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - the future carries it to whoever asks for the result
        future.set_exception(exc)
        del future, exc  # else the traceback keeps this frame, and the frame the future
    else:
        future.set_result(result)


class Bell:
    """Rung from any thread, heard in the task that made it.

    Ringing never blocks and never raises: it happens under gradio_client's locks. anyio's own way across,
    `from_thread.run_sync`, waits for the loop; the native tokens' calls do not.
    """

    def __init__(self) -> None:
        token: Any = current_token().native_token  # asyncio's loop, or trio's token
        self._wake_soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon
        self._rung = False
        self._heard = anyio.Event()

    def ring(self, *_: object) -> None:
        """Wake the listener; any arguments are ignored, so that this can be a callback."""
        if self._rung:  # one wake-up is on its way, and what it finds includes this
            return
        self._rung = True
        try:
            self._wake_soon(self._hear)
        except RuntimeError:
            self._rung = False  # the loop has ended, and the listener with it

    def _hear(self) -> None:
        self._heard.set()

    async def wait(self) -> None:
        """Wait until it has been rung since the last wait."""
        await self._heard.wait()
        self._heard = anyio.Event()
        self._rung = False


async def finished(future: Future[T]) -> T:
    """Wait for what a thread does, and give its result; leaving this early leaves the thread to itself."""
    bell = Bell()
    future.add_done_callback(bell.ring)
    if not future.done():
        await bell.wait()
    return future.result()

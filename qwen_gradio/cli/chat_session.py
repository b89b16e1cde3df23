"""A chat on the command line: its questions, shown and logged; and what may be changed between them."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

import qwen_gradio

from .log import Log, SavedConversation, Turn
from .options import in_command_words
from .render import Renderer, print_error
from .terminal import note, without_echo

REFRESH_INTERVAL = 0.1  # seconds from one drawing of a reply to the next
DRAWING_SHARE = 5  # how many times as long as drawing takes there is none after it


class Outcome(enum.Enum):
    """What came of a question."""

    COMPLETE = enum.auto()
    STOPPED = enum.auto()  # by Ctrl-C
    FAILED = enum.auto()


class Chat:
    """A conversation with a Space, as it is shown and logged.

    Args:
        connect: makes the client of a Space from its name, or of the first one; raises UsageError.
        saved: the conversation to begin with.
        log: where to log it; None for nowhere.
        make_renderer: makes the renderer of one reply.

    Attributes:
        saved: the conversation as it stands, but for its messages.
        client: the client of the Space.
        conversation: the conversation with it.
        recipe: how the Space is asked; None before `open`.
        files: the files that it was saved to, or loaded from.
    """

    def __init__(
        self,
        connect: Callable[[str], qwen_gradio.AsyncQwenClient],
        saved: SavedConversation,
        *,
        log: Log | None,
        make_renderer: Callable[[], Renderer],
    ) -> None:
        self.saved = saved
        self.client = connect(saved.space)
        self.conversation = self.client.conversation(system=saved.system, messages=saved.messages)
        self.recipe: qwen_gradio.Recipe | None = None
        self.files: set[Path] = set()
        self._connect = connect
        self._log = log
        self._make_renderer = make_renderer
        self._question: str | None = None  # the latest

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.saved.space}: {len(self.messages)} messages>"

    @property
    def messages(self) -> list[Any]:
        """The turns so far."""
        return self.conversation.messages

    async def open(self) -> None:
        """Connect to the Space.

        Raises:
            QwenGradioError: it can't be reached, or has no chat.
            KeyboardInterrupt: Ctrl-C stopped it.
        """
        self.recipe = await self._inspect(self.client)
        if self.recipe is None:
            raise KeyboardInterrupt

    async def move(self, space: str) -> None:
        """Go on with another Space, in its own session and without the options of the one before.

        Raises:
            QwenGradioError: it can't be reached, or has no chat; then all is as before.
        """
        client = self._connect(space)
        recipe = await self._inspect(client)
        if recipe is None:
            return
        await self.client.aclose()
        self.client, self.recipe = client, recipe
        self.saved = replace(self.saved, space=space, options={})
        self.conversation = client.conversation(system=self.conversation.system, messages=self.messages)

    async def _inspect(self, client: qwen_gradio.AsyncQwenClient) -> qwen_gradio.Recipe | None:
        """Connect a client; return None if Ctrl-C stopped it."""
        found: list[qwen_gradio.Recipe] = []

        async def inspect() -> None:
            async with contextlib.AsyncExitStack() as on_failure:
                on_failure.push_async_callback(client.aclose)
                found.append((await client.inspect()).recipe)
                on_failure.pop_all()

        await self._show(self._make_renderer(), inspect)
        return found[0] if found else None

    async def aclose(self) -> None:
        """Close the connection."""
        await self.client.aclose()

    async def ask(self, question: str) -> Outcome:
        """Ask a question, and show the reply. If Ctrl-C stops it, what came of it is kept as the answer.

        Raises:
            UsageError: the question, or an option, is invalid.
        """
        reply = self.conversation.stream(question, **self.saved.options)
        self._question, before = question, len(self.messages)
        try:
            outcome, error = await self._read(reply)
        except qwen_gradio.UsageError:  # it wasn't asked
            raise
        except Exception as exc:  # it can't be drawn
            self._log_turn(question, reply, f"{type(exc).__name__}: {exc}")
            raise
        if outcome is Outcome.STOPPED and len(self.messages) > before:  # it was complete when it was stopped
            outcome, error = Outcome.COMPLETE, ""
        elif outcome is Outcome.STOPPED:
            note("Stopped.")
        if outcome is Outcome.STOPPED and reply.text:
            self.messages.extend([_message("user", question), _message("assistant", reply.text)])
        self._log_turn(question, reply, error)
        return outcome

    def _log_turn(self, question: str, reply: qwen_gradio.Reply, error: str) -> None:
        turn = Turn(reply.space, question, reply.text, reply.thinking, error)
        self._write(lambda log: log.append(self._as_saved(), turn))

    async def _read(self, reply: qwen_gradio.Reply) -> tuple[Outcome, str]:
        """Show a reply; return what came of it, and why it isn't complete."""
        renderer = self._make_renderer()

        async def read() -> None:
            async with reply:
                async for event in reply.events():
                    renderer.render(event)

        try:
            is_complete = await self._show(renderer, read)
        except qwen_gradio.UsageError:  # it wasn't asked
            raise
        except qwen_gradio.QwenGradioError as exc:
            print_error(in_command_words(str(exc)))
            return Outcome.FAILED, str(exc)
        return (Outcome.COMPLETE, "") if is_complete else (Outcome.STOPPED, "stopped")

    async def retry(self) -> Outcome:
        """Ask the latest question again, in place of its answer; if that fails, the answer stays.

        Raises:
            UsageError: nothing was asked.
        """
        asked = [self._question, *(one["content"] for one in reversed(self.messages) if _is_user(one))]
        question = next(filter(None, asked), None)
        if question is None:
            raise qwen_gradio.UsageError("there is no question to ask again")
        before = [*self.messages]
        if before and before[-2:-1] == [_message("user", question)]:
            self.conversation.messages = before[:-2]
        try:
            return await self.ask(question)
        finally:
            if len(self.messages) < len(before):
                self.conversation.messages = before
                self.save()

    def undo(self) -> str:
        """Take the latest question and its answer back; return the question.

        Raises:
            UsageError: there is none.
        """
        asked = [number for number, message in enumerate(self.messages) if _is_user(message)]
        if not asked:
            raise qwen_gradio.UsageError("there is nothing to take back")
        question = str(self.messages[asked[-1]]["content"])
        self.conversation.messages = self.messages[: asked[-1]]
        self._question = None
        self.save()
        return question

    def begin(self, messages: list[Any], *, system: str | None) -> None:
        """Begin another conversation; the one before stays in the log as it is.

        Raises:
            InvalidMessages: the messages can't be sent.
        """
        self.client.stream([*messages, _message("user", "?")])  # it is checked, and not asked
        self.saved = SavedConversation(self.saved.space, options=self.saved.options)
        self.conversation = self.client.conversation(system=system, messages=messages)
        self._question = None

    def change_options(self, options: dict[str, Any]) -> None:
        """Replace the options of the next questions.

        Raises:
            InvalidOption: the Space has no such option, or doesn't accept its value.
        """
        if self.recipe is not None:
            self.recipe.select(options)
        self.saved = replace(self.saved, options=options)

    def save(self) -> None:
        """Save the conversation as it stands in the log."""
        self._write(lambda log: log.save(self._as_saved()))

    def _write(self, write: Callable[[Log], None]) -> None:
        """Write to the log; once that fails, say so, and go on without it."""
        if self._log is None:
            return
        try:
            write(self._log)
        except qwen_gradio.UsageError as exc:
            self._log = None
            print_error(f"nothing is logged from here on: {exc}")

    def _as_saved(self) -> SavedConversation:
        return replace(self.saved, system=self.conversation.system, messages=[*self.messages])

    async def _show(self, renderer: Renderer, work: Callable[[], Awaitable[object]]) -> bool:
        """Run a function while a renderer draws; return False if Ctrl-C stopped it."""
        failures: list[Exception] = []
        is_complete = False
        with without_echo(), renderer:
            async with anyio.create_task_group() as tasks:
                loop, stop = asyncio.get_running_loop(), tasks.cancel_scope.cancel

                async def run_and_stop(run: Callable[[], Awaitable[object]]) -> None:
                    try:
                        await run()
                    except Exception as exc:  # noqa: BLE001 - raised below, not as a group
                        failures.append(exc)
                    stop()

                tasks.start_soon(run_and_stop, functools.partial(_refresh, renderer))
                with on_interrupt(lambda: loop.call_soon_threadsafe(stop)):
                    await run_and_stop(work)
                    is_complete = True
        if failures:
            raise failures[0]
        return is_complete


async def _refresh(renderer: Renderer) -> None:
    """Draw at intervals, longer ones if drawing takes long."""
    while True:
        started = time.monotonic()
        renderer.refresh()
        await anyio.sleep(max(REFRESH_INTERVAL, DRAWING_SHARE * (time.monotonic() - started)))


@contextlib.contextmanager
def on_interrupt(handle: Callable[[], object]) -> Iterator[None]:
    """Call a function at each Ctrl-C."""
    before = signal.signal(signal.SIGINT, lambda *_: handle())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _is_user(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "user"

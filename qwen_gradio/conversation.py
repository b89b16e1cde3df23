"""Conversation: a chat with memory, in one session on a Space."""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from .errors import InvalidOption, UsageError
from .reply.reply import Reply, collect
from .reply.session import Memory
from .text.files import Files
from .text.messages import Message, as_messages, format_markdown, name_files
from .tracebacks import ShortTraceback


class Client(Protocol):
    """What a Conversation asks: an AsyncQwenClient, whose module imports this one."""

    @property
    def space(self) -> str:
        """The Space's id, or its URL."""

    def stream_in(
        self,
        memory: Memory | None,
        messages: str | Sequence[Message],
        new: Sequence[Message] | None = None,
        /,
        **options: Any,
    ) -> Reply:
        """Stream the reply to a question; see `AsyncQwenClient.stream_in`."""


class Conversation:
    """A chat with memory: the questions are asked in one session on the Space, as in a browser.

    A turn is added to `messages` once its reply is complete, and never if the reply fails or is ended early. The next
    question can be asked once the reply to the previous one is over.

    A question is asked in a new session, with all turns before it, if the attributes were changed, if the latest reply
    wasn't complete, or if messages of other roles come with it.

    Attributes:
        system: the system message; None keeps the Space's own.
        messages: the turns so far, as `{"role", "content"}` dicts. They may be changed between questions. Files are
            kept by their names alone, as `[photo.png]`, and aren't sent again.
    """

    def __init__(self, client: Client, *, system: str | None = None, messages: Iterable[Message] = ()) -> None:
        self.system = system
        self.messages: list[Message] = [*as_messages([*messages])]
        self._client = client
        self._memory = Memory()
        self._remembered: object = None  # the attributes as they were when the session's latest question was answered
        self._latest_reply: Callable[[], Reply | None] = lambda: None

    def __repr__(self) -> str:
        return f"<qwen_gradio.Conversation with {self._client.space}: {len(self.messages)} messages>"

    def _repr_markdown_(self) -> str | None:
        """Return the turns for a notebook; None without any."""
        system: list[Message] = [] if self.system is None else [{"role": "system", "content": self.system}]
        return format_markdown([*system, *self.messages]) or None

    def stream(self, messages: str | Sequence[Message], *, files: Files = (), **options: Any) -> Reply:
        """Stream the reply to the next question; see `AsyncQwenClient.stream`.

        Raises:
            UsageError: the previous reply is not over.
            InvalidOption: `system` is among the options; here it is an attribute.
        """
        if "system" in options:
            raise InvalidOption("a Conversation has one system message: set its attribute `system`")
        previous = self._latest_reply()
        if previous is not None and not previous.closed:
            raise UsageError("one question at a time in a Conversation: read the previous reply to its end or close it")
        new = [*as_messages(messages)]  # the caller may change the list
        asked = self._attributes()
        is_continued = self._remembered == asked and all(one.get("role") == "user" for one in new)
        reply = self._client.stream_in(
            self._memory,
            [*self.messages, *new],
            new if is_continued else None,
            system=self.system,
            files=files,
            **options,
        )
        self._remembered = None
        reply.add_finished_callback(functools.partial(self._add_turn, asked, name_files(new, files)))
        self._latest_reply = weakref.ref(reply)
        return reply

    def _add_turn(self, asked: tuple[str | None, list[Message]], new: Sequence[Message], text: str) -> None:
        """Add a turn; what was changed while it was answered, the session doesn't know."""
        turn: list[Message] = [*new, {"role": "assistant", "content": text}]
        self.messages.extend(turn)
        system, messages = asked
        self._remembered = system, [*messages, *copy.deepcopy(turn)]

    def _attributes(self) -> tuple[str | None, list[Message]]:
        return self.system, copy.deepcopy(self.messages)

    async def ask(self, messages: str | Sequence[Message], *, files: Files = (), **options: Any) -> str:
        """Return the complete reply to the next question; see `AsyncQwenClient.ask`."""
        with ShortTraceback():
            return await collect(self.stream(messages, files=files, **options))

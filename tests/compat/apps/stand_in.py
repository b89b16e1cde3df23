"""What every app here shares: a model that answers with what it heard, and a log of the steps that ran.

It runs on any Gradio. Words in a question rule every app alike: "slowly" makes the answer some sixty words long, 50 ms
each; "fail in NAME" makes the step of that name raise a `gr.Error`, a streaming one after three updates; "wait in NAME"
makes it begin with a second of waiting. A step that doesn't take the question knows it from the step of the same session that took it before.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from model import MESSAGES, text_of, turns  # type: ignore[import-not-found] # in tests/servers/apps

__all__ = ["MESSAGES", "PAIRS", "answer_to", "files_of", "growing", "growing_async", "step", "text_of", "turns"]

PAIRS: dict[str, Any] = {"type": "tuples"} if MESSAGES else {}  # the other way, until Gradio 6

WORD_SECONDS = 0.006
SLOW_WORD_SECONDS = 0.05
SLOW_WORDS = 60
WAIT_SECONDS = 1.0
UPDATES_BEFORE_FAILURE = 3

_questions: dict[str | None, str] = {}  # by session
_log_lock = threading.Lock()


def answer_to(question: Any, earlier: Sequence[Any] | None = None, **heard: Any) -> str:
    """Give the model's whole answer: as JSON, what it heard.

    Args:
        question: the newest turn's text.
        earlier: the turns before, in any form of history.
        heard: what else there was, `system`, `options` and `files` say.
    """
    question = text_of(question)
    said = {"question": question, "earlier": turns(earlier), **heard, "by": "a stand-in without a model"}
    text = json.dumps(said, ensure_ascii=False)
    if _is_slow(question):
        text += "".join(f" word{n}" for n in range(SLOW_WORDS - len(text.split())))
    return text


def growing(question: Any, earlier: Sequence[Any] | None = None, **heard: Any) -> Iterator[str]:
    """Write the model's answer a word at a time. Each item is the whole text so far."""
    for text in _snapshots(question, earlier, **heard):
        time.sleep(_pause(question))
        yield text


async def growing_async(question: Any, earlier: Sequence[Any] | None = None, **heard: Any) -> AsyncIterator[str]:
    """Write the same as `growing`, without holding up an event loop."""
    for text in _snapshots(question, earlier, **heard):
        await asyncio.sleep(_pause(question))
        yield text


def _snapshots(question: Any, earlier: Sequence[Any] | None, **heard: Any) -> Iterator[str]:
    text = answer_to(question, earlier, **heard)
    return (text[: word.end()] for word in re.finditer(r"\S+", text))


def _pause(question: Any) -> float:
    return SLOW_WORD_SECONDS if _is_slow(text_of(question)) else WORD_SECONDS


def _is_slow(question: str) -> bool:
    return "slowly" in question


def files_of(*files: Any) -> list[list[Any]]:
    """Name each file that was sent, with what it holds: its text, or else its size in bytes.

    Args:
        files: paths, as a multimodal ChatInterface of Gradio 4 has them in mappings; `None` is no file.
    """
    paths = [Path(file["path"] if isinstance(file, dict) else file) for file in files if file]
    return [[path.name, _contents(path)] for path in paths]


def _contents(path: Path) -> str | int:
    with contextlib.suppress(UnicodeDecodeError):
        return path.read_text("utf-8")[:200]
    return path.stat().st_size


def step(function: Any = None, *, question: str | None = None, name: str | None = None) -> Any:
    """Log each call of an app's function, and let the question make it fail.

    Args:
        function: a function, generator, coroutine function or async generator.
        question: its parameter that takes the question, if one does.
        name: for one that has none.
    """
    if function is None:
        return functools.partial(step, question=question, name=name)
    return _wrapped(function, functools.partial(_Call.make, function, question, name or function.__name__))


def _wrapped(function: Any, call_of: Callable[..., _Call]) -> Any:
    if inspect.isasyncgenfunction(function):

        async def wrapper(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
            call = call_of(arguments, named)
            with call.logged():
                async with contextlib.aclosing(function(*arguments, **named)) as updates:
                    async for update in call.checked(updates):
                        yield update
                call.check()

    elif inspect.isgeneratorfunction(function):

        def wrapper(*arguments: Any, **named: Any) -> Iterator[Any]:  # type: ignore[misc] # one of four
            call = call_of(arguments, named)
            with call.logged(), contextlib.closing(function(*arguments, **named)) as updates:
                for count, update in enumerate(updates):
                    call.check(count)
                    yield update
                call.check()

    elif inspect.iscoroutinefunction(function):

        async def wrapper(*arguments: Any, **named: Any) -> Any:  # type: ignore[misc] # one of four
            call = call_of(arguments, named)
            with call.logged():
                call.check()
                return await function(*arguments, **named)

    else:

        def wrapper(*arguments: Any, **named: Any) -> Any:  # type: ignore[misc] # one of four
            call = call_of(arguments, named)
            with call.logged():
                call.check()
                return function(*arguments, **named)

    return functools.wraps(function)(wrapper)


@dataclass(frozen=True)
class _Call:
    """One call of a step."""

    app: str
    step: str
    heard: dict[str, Any]
    session: str | None

    @classmethod
    def make(cls, function: Any, question: str | None, name: str, arguments: Any, named: Any) -> _Call:
        heard = inspect.signature(function).bind(*arguments, **named).arguments
        session = getattr(LocalContext.request.get(None), "session_hash", None)
        if question:
            _questions[session] = _question_of(heard[question])
        sent = {key: value for key, value in heard.items() if _is_sent(value)}
        as_heard = json.loads(json.dumps(sent, default=_as_json))  # the app may change a list that it was given
        return cls(function.__module__, name, as_heard, session)

    @contextlib.contextmanager
    def logged(self) -> Iterator[None]:
        self._log("start")
        if self.step in re.findall(r"wait in (\w+)", _questions.get(self.session, "")):
            time.sleep(WAIT_SECONDS)
        try:
            yield
        except (GeneratorExit, asyncio.CancelledError):
            self._log("stopped")
            raise
        except BaseException:
            self._log("error")
            raise
        self._log("end")

    def check(self, count: int = UPDATES_BEFORE_FAILURE) -> None:
        """Raise if the question says so, once enough updates were sent."""
        named = re.findall(r"fail in (\w+)", _questions.get(self.session, ""))
        if self.step in named and count >= UPDATES_BEFORE_FAILURE:
            raise gr.Error(f"{self.step} was asked to fail.")

    async def checked(self, updates: AsyncIterator[Any]) -> AsyncIterator[Any]:
        count = 0
        async for update in updates:
            self.check(count)
            yield update
            count += 1

    def _log(self, event: str) -> None:
        line = {"app": self.app, "step": self.step, "heard": self.heard, "session": self.session, "event": event}
        path = os.environ.get("APP_LOG")
        if path:
            with _log_lock, open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _question_of(value: Any) -> str:
    """Give the text of what was sent: a text box's, a multimodal box's, or a history's newest turn."""
    if isinstance(value, list) and value:
        last = value[-1]
        return str(text_of(last["content"] if isinstance(last, dict) else last[0]))
    return str(text_of(value))


def _is_sent(value: Any) -> bool:
    return not isinstance(value, gr.Request | gr.EventData | gr.Progress | gr.OAuthToken)


def _as_json(value: Any) -> Any:
    return vars(value) if hasattr(value, "__dict__") else repr(value)

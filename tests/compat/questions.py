"""Three questions at once to a scripted Space, by this package and by gradio_client alone: a program for any environment.

Each line of its output is JSON: the mode, the replies, and the addresses that were connected to or looked up
meanwhile. Nothing but 127.0.0.1 is reached.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECONDS = 20  # how long an answer may take; a bound for what never comes
HERE = "127.0.0.1"
connected: set[str] = set()


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what is connected to, and keep it from any other machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        connected.add(f"{arguments[1][0]}:{arguments[1][1]}")
        if arguments[1][0] != HERE:
            raise OSError(f"not {HERE}")
    if event == "socket.getaddrinfo" and arguments[0] not in (HERE, HERE.encode()):
        connected.add(str(arguments[0]))
        raise OSError(f"not {HERE}")


class Question:
    """A question, and what became of it."""

    def __init__(self, name: str, k: int, log: Path) -> None:
        self.name = name
        self._log = log
        self._read = log.with_name(f"{name}.read")  # the Space waits at each update until the one before was read
        self.fragments: list[str] = []
        self.streamed = False
        self.error = ""
        words = [f"{k}-{n} " for n in range(10)]
        updates = ["".join(words[: n + 1]) for n in range(len(words))]
        self.script = {"id": name, "updates": updates, "step": 0.02}
        self.streaming = {**self.script, "read": str(self._read)}

    def add(self, fragment: str) -> None:
        if not self.fragments:
            self.streamed = f'{{"id": "{self.name}", "saw": "final"' not in self._log.read_text()
        with self._read.open("ab") as read:
            read.write(b".")
        self.fragments.append(fragment)

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - it is judged
            self.error = f"{type(exc).__name__}: {exc}"

    def report(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "fragments": self.fragments,
            "streamed": self.streamed,
            "error": self.error,
        }


def newest(outputs: Any) -> str:
    """Give the newest turn's text, of pairs (up to Gradio 5) or role dicts (6)."""
    turn = outputs[1][-1]
    content = turn["content"] if isinstance(turn, dict) else turn[1]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def by_gradio_client(url: str, questions: list[Question]) -> None:
    from gradio_client import Client  # type: ignore[import-untyped] # it ships no py.typed

    try:
        client = Client(url)
        jobs = [client.submit(json.dumps(question.script), [], "", api_name="/model_chat") for question in questions]
    except Exception as exc:  # noqa: BLE001 - it is judged
        for question in questions:
            question.error = f"{type(exc).__name__}: {exc}"
        return
    for question, job in zip(questions, jobs, strict=True):
        with question.failing():
            question.add(newest(job.result(timeout=SECONDS)))


def by_this_package(url: str, questions: list[Question], backend: str, proxy: str | None) -> None:
    import anyio

    from qwen_gradio import AsyncQwenClient

    async def ask(client: AsyncQwenClient, question: Question) -> None:
        with question.failing(), anyio.fail_after(SECONDS):
            async for fragment in client.stream(json.dumps(question.streaming)):
                question.add(fragment)

    async def ask_all() -> None:
        async with AsyncQwenClient(url, proxy=proxy) as client, anyio.create_task_group() as tasks:
            for question in questions:
                tasks.start_soon(ask, client, question)

    try:
        anyio.run(ask_all, backend=backend)
    except Exception as exc:  # noqa: BLE001 - it is judged
        for question in questions:
            question.error = question.error or f"{type(exc).__name__}: {exc}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("log", type=Path, help="the Space's log")
    parser.add_argument("proxy")
    parser.add_argument("name", help="what the questions' names begin with")
    parser.add_argument("--plain", action="store_true", help="by gradio_client alone")
    given = parser.parse_args()
    sys.addaudithook(watch)
    for backend in () if given.plain else ("asyncio", "trio"):
        for proxy in (None, given.proxy):
            mode = f"{backend}{', proxy' if proxy else ''}"
            questions = [Question(f"{given.name}, {mode}, {k}", k, given.log) for k in range(3)]
            by_this_package(given.url, questions, backend, proxy)
            report(mode, questions)
    questions = [Question(f"{given.name}, plain, {k}", k, given.log) for k in range(3)]
    by_gradio_client(given.url, questions)
    report("plain", questions)


def report(mode: str, questions: list[Question]) -> None:
    replies = [question.report() for question in questions]
    print(json.dumps({"mode": mode, "replies": replies, "connected": sorted(connected)}), flush=True)  # noqa: T201 - its output
    connected.clear()


if __name__ == "__main__":
    main()

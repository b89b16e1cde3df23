"""One of the clients that are measured, in a process of its own: `clients.py NAME URL`.

It connects, and says when that was done. Then each line of standard input is an order, as `{"updates": 60, "gap": 0.02,
"at_once": 1, "turns": 0}`, and is answered with one line: when the order began and ended, the CPU that it took, the
peak of memory in MB, the most threads, and of each reply when each token was seen, and how late.

It runs in g4f's environment too, and so imports nothing at the top but anyio.
"""

from __future__ import annotations

import contextlib
import functools
import json
import resource
import sys
import threading
import time
import uuid
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import anyio

# What is asked: a prompt, and the turns before. What comes: each new piece of text, as soon as there is one.
Reader = Callable[[str, Sequence[tuple[str, str]]], AsyncIterator[str]]
SyncReader = Callable[[str, Sequence[tuple[str, str]]], Iterator[str]]
FOR_EVER = {"connect": 60.0, "queue": None, "first": None, "silence": None, "total": None}


class Seen:
    """What a reply brought, in flat arrays, as memory is measured too."""

    def __init__(self) -> None:
        self.fragments = 0
        self.seen, self.lags = array("d"), array("d")
        self.error = ""
        self.threads = 0

    def take(self, text: str) -> None:
        now = time.time()
        self.fragments += 1
        for token in text.split():
            self.seen.append(now)
            self.lags.append(now - float(token))
        self.threads = max(self.threads, threading.active_count())

    def told(self) -> dict[str, Any]:
        first = self.seen[0] if self.seen else None
        told = {"first": first, "fragments": self.fragments, "seen": self.seen.tolist(), "lags": self.lags.tolist()}
        return {**told, "error": self.error} if self.error else told


# --- ours


@contextlib.asynccontextmanager
async def ours(url: str) -> AsyncIterator[Reader]:
    from qwen_gradio import AsyncQwenClient, Timeouts

    async with AsyncQwenClient(url, timeouts=Timeouts(**FOR_EVER)) as client:

        async def read(prompt: str, turns: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
            async with client.stream(_messages(prompt, turns)) as reply:
                async for fragment in reply:
                    yield fragment

        yield read


@contextlib.asynccontextmanager
async def without_hooks(url: str) -> AsyncIterator[Reader]:
    """As where an installed gradio_client lacks what ours needs of it."""
    from qwen_gradio.transport import hooks

    hooks.HOOKS = frozenset()
    async with ours(url) as read:
        yield read


@contextlib.contextmanager
def ours_sync(url: str) -> Iterator[SyncReader]:
    from qwen_gradio import QwenClient, Timeouts

    with QwenClient(url, timeouts=Timeouts(**FOR_EVER)) as client:

        def read(prompt: str, turns: Sequence[tuple[str, str]]) -> Iterator[str]:
            with client.stream(_messages(prompt, turns)) as reply:
                yield from reply

        yield read


def _messages(prompt: str, turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    said = [(role, text) for turn in turns for role, text in zip(("user", "assistant"), turn, strict=True)]
    return [{"role": role, "content": text} for role, text in (*said, ("user", prompt))]


def _history(turns: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    said = _messages("", turns)[:-1]
    return [{"role": one["role"], "content": [{"type": "text", "text": one["content"]}]} for one in said]


# --- the peers


@contextlib.asynccontextmanager
async def raw_sse(url: str) -> AsyncIterator[Reader]:
    """The queue protocol by hand, as careful people write it: one shared client, diffs applied, what is new given."""
    import httpx

    async with httpx.AsyncClient(base_url=f"{url}gradio_api/", timeout=None) as client:  # noqa: S113 - it is bounded
        (await client.get("info")).raise_for_status()

        async def read(prompt: str, turns: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
            session, known = uuid.uuid4().hex[:12], ""
            asked = {"data": [prompt, _history(turns), ""], "fn_index": 0, "session_hash": session}
            (await client.post("queue/join", json=asked)).raise_for_status()
            async with client.stream("GET", "queue/data", params={"session_hash": session}) as response:
                outputs: list[Any] = []
                async for line in response.aiter_lines():
                    message = json.loads(line[5:]) if line.startswith("data:") else {}
                    if message.get("msg") == "process_generating":
                        data = message["output"]["data"]
                        outputs = list(map(_applied, outputs, data)) if outputs else data
                        text = _text(outputs)
                        if len(text) > len(known):
                            yield text[len(known) :]
                            known = text
                    elif message.get("msg") == "process_completed" and not message["success"]:
                        raise RuntimeError(message["output"]["error"])

        yield read


def _applied(value: Any, diff: list[list[Any]]) -> Any:
    for action, path, new in diff:
        if not path:
            value = new if action == "replace" else value + new
            continue
        target = functools.reduce(lambda inside, step: inside[step], path[:-1], value)
        if action == "delete":
            del target[path[-1]]
        elif action == "add" and isinstance(target, list):
            target.insert(path[-1], new)
        else:
            target[path[-1]] = target[path[-1]] + new if action == "append" else new
    return value


@contextlib.contextmanager
def for_output_in_job(url: str) -> Iterator[SyncReader]:
    import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

    client = gradio_client.Client(url, verbose=False)

    def read(prompt: str, turns: Sequence[tuple[str, str]]) -> Iterator[str]:
        known = ""
        for output in client.submit(prompt, _history(turns), "", api_name="/model_chat"):
            known, before = _text(output), known
            if len(known) > len(before):
                yield known[len(before) :]

    yield read


@contextlib.asynccontextmanager
async def async_for_update_in_job(url: str) -> AsyncIterator[Reader]:
    import gradio_client

    client = gradio_client.Client(url, verbose=False)

    async def read(prompt: str, turns: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
        known = ""
        async for update in client.submit(prompt, _history(turns), "", api_name="/model_chat"):
            if update.type == "output" and not update.final:
                known, before = _text(update.outputs), known
                if len(known) > len(before):
                    yield known[len(before) :]

    yield read


def _text(output: Any) -> str:
    """The newest answer, in pairs (Gradio 5) or in role dicts (6)."""
    last = output[1][-1]
    text: str = last["content"][0]["text"] if isinstance(last, dict) else last[1]
    return text


@contextlib.asynccontextmanager
async def g4f(url: str) -> AsyncIterator[Reader]:
    """g4f's provider for this very Space, as it last was, asking this server instead. It understands Gradio 5 still."""
    from g4f.Provider.hf_space import (  # type: ignore[import-not-found] # only in an environment of its own
        Qwen_Qwen_2_72B_Instruct as Provider,
    )

    # It was written for the paths of Gradio 4, which stand below a prefix since.
    Provider.url = f"{url}gradio_api"
    Provider.api_endpoint = f"{url}gradio_api/queue/join?"

    async def read(prompt: str, _: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
        latest = 0.0
        asked = [{"role": "user", "content": prompt}]
        async for fragment in Provider.create_async_generator(model=Provider.default_model, messages=asked):
            # The last is the whole again, if it doesn't go on from the others: no token counts twice.
            new = [token for token in fragment.split() if float(token) > latest]
            if new:
                latest = float(new[-1])
                yield " ".join(new)

    yield read


ASYNC: dict[str, Callable[[str], contextlib.AbstractAsyncContextManager[Reader]]] = {
    "raw SSE, httpx": raw_sse,
    "ours, asyncio": ours,
    "ours, trio": ours,
    "ours, without hooks": without_hooks,
    "async for update in job": async_for_update_in_job,
    "g4f's provider": g4f,
}
SYNC: dict[str, Callable[[str], contextlib.AbstractContextManager[SyncReader]]] = {
    "ours, sync": ours_sync,
    "for output in job": for_output_in_job,
}


# --- the worker


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    """In MB; the system counts in KB, but macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


async def read_all(read: Reader, order: dict[str, Any], replies: Sequence[Seen]) -> None:
    async def one(seen: Seen) -> None:
        try:
            async for text in read(*_question(order)):
                seen.take(text)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is what became of the reply
            seen.error = repr(exc)

    async with anyio.create_task_group() as tasks:
        for seen in replies:
            tasks.start_soon(one, seen)


def read_all_in_threads(read: SyncReader, order: dict[str, Any], replies: Sequence[Seen]) -> None:
    def one(seen: Seen) -> None:
        try:
            for text in read(*_question(order)):
                seen.take(text)
        except Exception as exc:  # noqa: BLE001 - the same
            seen.error = repr(exc)

    threads = [threading.Thread(target=one, args=(seen,), daemon=True) for seen in replies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _question(order: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    turns = [(f"What is {number}? " * 10, "It is a number. " * 30) for number in range(order["turns"])]
    return f"{order['updates']} {order['gap']}", turns


async def fulfil(order: dict[str, Any], read: Callable[[Sequence[Seen]], Awaitable[None]]) -> dict[str, Any]:
    replies = [Seen() for _ in range(order["at_once"])]
    before, asked = cpu(), time.time()
    await read(replies)
    ended, spent, most = time.time(), cpu() - before, peak()
    told = [reply.told() for reply in replies]
    threads = max(reply.threads for reply in replies)
    return {"asked": asked, "ended": ended, "cpu": spent, "peak": most, "threads": threads, "replies": told}


def tell(told: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(told) + "\n")  # type: ignore[union-attr] # it is a pipe
    sys.__stdout__.flush()  # type: ignore[union-attr] # the same


async def work(name: str, url: str) -> None:
    """Connect, and fulfil orders until there are no more."""
    async with contextlib.AsyncExitStack() as stack:
        if name in ASYNC:
            reader = await stack.enter_async_context(ASYNC[name](url))
        else:
            sync_reader = stack.enter_context(SYNC[name](url))
        tell({"connected": time.time()})
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            order = json.loads(line)
            if name in ASYNC:
                tell(await fulfil(order, functools.partial(read_all, reader, order)))
            else:
                reading = functools.partial(read_all_in_threads, sync_reader, order)
                tell(await fulfil(order, functools.partial(anyio.to_thread.run_sync, reading)))


if __name__ == "__main__":
    sys.stdout = sys.stderr  # what the clients print is not for the reader
    anyio.run(work, sys.argv[1], sys.argv[2], backend="trio" if sys.argv[1].endswith("trio") else "asyncio")

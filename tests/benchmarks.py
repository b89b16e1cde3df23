"""How prompt the stream is, beside what else a user could pick: `python -m tests.benchmarks`.

All of them ask one real gradio server, in turn, several rounds, so that they share whatever the machine does meanwhile.
Each token is the server's clock at its `yield`, so the reader knows how late it is. Both are on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import httpx

from qwen_gradio import AsyncQwenClient, demo

UPDATES, SECONDS_BETWEEN = 60, 0.02

# What a reader does: a prompt goes in, and out comes each new piece of text, as soon as there is one.
Reader = Callable[[], AsyncIterator[str]]


def clock(_system: str, _turns: object, _query: str) -> Iterator[str]:
    """Answer with the time, again and again."""
    text = ""
    for _ in range(UPDATES):
        text += f" {time.time():.6f}"
        yield text
        time.sleep(SECONDS_BETWEEN)


async def ours(client: AsyncQwenClient) -> AsyncIterator[str]:
    async with client.stream("go") as reply:
        async for fragment in reply:
            yield fragment


async def for_output_in_job(client: gradio_client.Client) -> AsyncIterator[str]:
    for output in client.submit("go", api_name="/model_chat"):  # blocks, as its callers do
        yield _text(output)


async def async_for_update_in_job(client: gradio_client.Client) -> AsyncIterator[str]:
    async for update in client.submit("go", api_name="/model_chat"):
        if update.type == "output" and not update.final:
            yield _text(update.outputs)


def _text(output: Any) -> str:
    text: str = output[1][-1]["content"][0]["text"]
    return text


async def raw_sse(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """The queue protocol by hand, over one shared client; each update brings what was appended."""
    session = uuid.uuid4().hex[:12]
    asked = {"data": ["go", [], ""], "fn_index": 0, "session_hash": session}
    (await client.post("queue/join", json=asked)).raise_for_status()
    async with client.stream("GET", "queue/data", params={"session_hash": session}) as response:
        first = True
        async for line in response.aiter_lines():
            message = json.loads(line[5:]) if line.startswith("data:") else {}
            if message.get("msg") == "process_generating":
                if first:
                    yield message["output"]["data"][1][-1]["content"][0]["text"]
                else:
                    for _, _, appended in message["output"]["data"][1]:
                        yield appended
                first = False


async def measured(reader: Reader) -> tuple[float, float, int]:
    """Milliseconds to the first fragment, the median lag of the others, and how many fragments there were."""
    asked, lags, first = time.time(), [], 0.0
    async for text in reader():
        now = time.time()
        first = first or now - asked
        lags.append(now - float(text.split()[-1]))
    return first * 1000, statistics.median(lags[1:]) * 1000, len(lags)


async def compare(url: str, rounds: int) -> dict[str, list[tuple[float, float, int]]]:
    results: dict[str, list[tuple[float, float, int]]] = {}
    plain = await asyncio.to_thread(gradio_client.Client, url, verbose=False, token=False)
    async with AsyncQwenClient(url) as own, httpx.AsyncClient(base_url=f"{url}gradio_api/", timeout=None) as raw:  # noqa: S113 - a benchmark of its own server
        readers: dict[str, Reader] = {
            "raw SSE, httpx": lambda: raw_sse(raw),
            "qwen_gradio": lambda: ours(own),
            "`for output in job`": lambda: for_output_in_job(plain),
            "`async for update in job`": lambda: async_for_update_in_job(plain),
        }
        for turn in range(rounds + 1):
            for name, reader in readers.items():
                result = await measured(reader)
                if turn:  # the first round warms up
                    results.setdefault(name, []).append(result)
    return results


def table(results: dict[str, list[tuple[float, float, int]]]) -> str:
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in results.items()
    }
    base = next(iter(medians.values()))
    lines = [
        f"| of a reply of {UPDATES} updates | first fragment | lag of the others, median | fragments |",
        "|---|---|---|---|",
    ]
    for name, (first, lag, count) in medians.items():
        first_ratio, lag_ratio = f"× {first / base[0]:.2f}", f"× {lag / base[1]:.1f}"
        lines.append(f"| {name} | {first:.0f} ms, {first_ratio} | {lag:.1f} ms, {lag_ratio} | {count:g} |")
    return "\n".join(lines)


async def load(url: str) -> str:
    """Ask 200 at once and 2,000 in a row through one client; each reply must be whole, and its asker's."""
    told = "You asked: "

    async def ask(client: AsyncQwenClient, number: int) -> bool:
        return (await client.ask(f"number {number}")).splitlines()[-1] == f"{told}number {number}"

    async with AsyncQwenClient(url) as client:
        began = time.perf_counter()
        at_once = sum(await asyncio.gather(*(ask(client, number) for number in range(200))))
        between = time.perf_counter()
        in_a_row = sum([await ask(client, number) for number in range(2000)])
        ended = time.perf_counter()
    return (
        f"{at_once} of 200 at once in {between - began:.1f} s, {in_a_row} of 2000 in a row in {ended - between:.1f} s"
    )


def echo(_system: str, _turns: object, query: str) -> Iterator[str]:
    """Answer at once what was asked."""
    yield "…"
    yield f"You asked: {query}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="be the server, which the benchmark starts by itself")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--load", action="store_true", help="ask 200 at once and 2,000 in a row instead, and count")
    given = parser.parse_args()
    if given.serve:
        demo.serve(lambda: demo.build(echo if given.load else clock, at_once=200))
    elif given.load:
        with demo.running("-m", "tests.benchmarks", "--serve", "--load") as url:
            sys.stdout.write(asyncio.run(load(url)) + "\n")
    else:
        with demo.running("-m", "tests.benchmarks", "--serve") as url:
            sys.stdout.write(table(asyncio.run(compare(url, given.rounds))) + "\n")


if __name__ == "__main__":
    main()

"""Load: `python -m tests.benchmarks.load` asks 200 at once and 2,000 in a row through one client.

Each reply must be whole, and its asker's: the stand-in Space answers with the question.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import anyio

from qwen_gradio import AsyncQwenClient, demo

AT_ONCE, IN_A_ROW = 200, 2000
TOLD = "You asked: "


def echo(_system: str, _turns: object, query: str) -> Iterator[str]:
    """Answer at once what was asked."""
    yield "…"
    yield f"{TOLD}{query}"


async def load(url: str) -> str:
    whole: list[bool] = []

    async def ask(number: int) -> None:
        whole.append((await client.ask(f"number {number}")) == f"{TOLD}number {number}")

    async with AsyncQwenClient(url) as client:
        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE):
                tasks.start_soon(ask, number)
        at_once, between = sum(whole), time.perf_counter()
        whole.clear()
        for number in range(IN_A_ROW):
            await ask(number)
        ended = time.perf_counter()
    return (
        f"{at_once} of {AT_ONCE} at once in {between - began:.1f} s, "
        f"{sum(whole)} of {IN_A_ROW} in a row in {ended - between:.1f} s\n"
    )


def main() -> None:
    if "--serve" in sys.argv:
        demo.serve(lambda: demo.build(echo, concurrency_limit=AT_ONCE))
    else:
        with demo.run_in_process("-m", "tests.benchmarks.load", "--serve") as url:
            sys.stdout.write(anyio.run(load, url))


if __name__ == "__main__":
    main()

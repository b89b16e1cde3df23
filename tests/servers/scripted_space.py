"""A Space that answers by script, on the stand-in's page, and writes down what it sees.

It runs in a process of its own, on any Gradio, and so imports nothing of the package but the stand-in's file. The
prompt is the script, as JSON: {"id", "updates": [text, …] | int, "before": seconds, "step": seconds,
"fail_at": int, "quiet_at": int, "until": path, "read": path}.
Before the first update it waits until the one path exists, and before each further one until the reader has read those
before it: the file at the other path has a byte for each fragment.
Each line of its log is JSON too: {"id", "saw": "start" | "step" | "closed" | "final", …}.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def stand_in() -> Any:
    """The stand-in's module, loaded from its file."""
    spec = importlib.util.spec_from_file_location("demo", Path(__file__).parents[2] / "qwen_gradio" / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Scripted:
    """The model: plays what the prompt says."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __call__(self, system: str, turns: Sequence[tuple[str, str]], query: str) -> Iterator[str]:
        try:
            script = json.loads(query)
        except ValueError:
            script = {"updates": [json.dumps({"system": system, "turns": list(turns), "query": query})]}
        name = script.get("id", "")
        self._write(name, "start", system=system, turns=list(turns))
        try:
            yield from self._play(name, script)
        except GeneratorExit:
            self._write(name, "closed")
            raise

    def _play(self, name: str, script: dict[str, Any]) -> Iterator[str]:
        updates, text, n = script["updates"], "", -1
        time.sleep(script.get("before", 0))
        while not os.path.exists(script.get("until", "/")):
            time.sleep(0.01)
        for n, update in enumerate(range(updates) if isinstance(updates, int) else updates):
            if n == script.get("fail_at"):
                raise ValueError(f"scripted failure at {n}")
            if n == script.get("quiet_at"):
                time.sleep(3600)
            while n and "read" in script and _size(script["read"]) < n:
                time.sleep(0.002)
            self._write(name, "step", n=n)
            text = update if isinstance(update, str) else f"{text}{name}-{n} "
            yield text
            time.sleep(script.get("step", 0.01))
        if script.get("fail_at") == n + 1:
            raise ValueError("scripted failure at the end")
        self._write(name, "final", text=text)

    def _write(self, name: str, saw: str, **more: Any) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps({"id": name, "saw": saw, **more}) + "\n")


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--max-size", type=int, default=None)
    given = parser.parse_args()
    demo, model = stand_in(), Scripted(given.log)
    page = functools.partial(demo.build, model, concurrency_limit=given.at_once)
    demo.serve(page, port=given.port, max_size=given.max_size)


if __name__ == "__main__":
    main()

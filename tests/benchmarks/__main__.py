"""Run the benchmark: `python -m tests.benchmarks`.

All clients ask the same servers, in turn and round after round, so that they share whatever the machine does meanwhile.
It prints the tables, and writes what was measured as JSON and a picture of one reply.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..environments import ROOT
from . import report
from .workers import G4F, JS, JS_CLIENT, far, gradio, minimal, node_modules, worker, workers

RAW, OURS = "raw SSE, httpx", "ours, asyncio"
CLIENTS = [
    RAW,
    OURS,
    "ours, trio",
    "ours, sync",
    "ours, without hooks",
    "for output in job",
    "async for update in job",
    JS,
]
PACED: dict[str, Any] = {"updates": 60, "gap": 0.02}
TURNS = 100


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int = 5
    cpu_rounds: int = 1
    cpu_updates: int = 1000
    lengths: tuple[int, ...] = (10, 1000, 10_000)
    at_once: tuple[int, ...] = (1, 20, 60, 200)
    at_once_rounds: int = 1
    starts: int = 3
    all_clients: bool = True  # in every part, or but in the first


QUICK = Size(1, 1, 30, (10, 30), (1, 20), 1, 1, all_clients=False)


class Run:
    """One run: what is measured, piece by piece, in `measured`."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size = size
        self.folder = folder
        self.names = CLIENTS if node_modules() else CLIENTS[:-1]
        if JS not in self.names:
            say("no Node here, or no way to its packages, so not the JavaScript client")
        self.most = self.names if size.all_clients else [RAW, OURS]
        self.measured: dict[str, Any] = {"about": about(size)}

    def all(self) -> dict[str, Any]:
        size = self.size
        with contextlib.ExitStack() as stack:
            real = stack.enter_context(gradio("6"))
            least = stack.enter_context(minimal(real, self.folder))
            self.one("gradio 6", real, self.names)
            self.one("minimal", least, self.names)
            self.cpu("gradio 6", real)
            self.cpu("minimal", least)
            self.at_once("gradio 6", real, size.at_once)
            self.at_once("minimal", least, size.at_once[-1:])
            self.lengths(least)
            self.history(least)
            self.cold(real)
        with gradio("5.50.0") as older:
            self.one("gradio 5.50", older, [RAW, OURS, G4F])
        with far(self.folder) as (url, trusted):
            self.far(url, trusted)
        self.starts()
        return self.measured

    def one(self, server: str, url: str, names: Sequence[str]) -> None:
        """One reply at a time: to its first fragment, and how late each other is."""
        say(f"one reply at a time, {server}")
        firsts: dict[str, list[float]] = {name: [] for name in names}
        lags: dict[str, list[float]] = {name: [] for name in names}
        fragments: dict[str, int] = dict.fromkeys(names, 0)
        pictures = {}
        with workers(names, url) as at:
            for _ in range(self.size.rounds):
                for name in names:
                    told = at[name].ask(updates=2, gap=0)  # as in a chat, where one question follows another
                    told = checked(name, at[name].ask(**PACED), PACED["updates"])
                    reply = told["replies"][0]
                    firsts[name].append((reply["first"] - told["asked"]) * 1000)
                    lags[name] += [lag * 1000 for lag in reply["lags"][1:]]
                    fragments[name] += reply["fragments"]
                    pictures[name] = picture(reply)
        asked = self.size.rounds * PACED["updates"]
        self.measured.setdefault("one", {})[server] = {
            name: {
                "first": statistics.median(firsts[name]),
                "lag": percentiles(lags[name]),
                "fragments": fragments[name] / asked,
            }
            for name in names
        }
        self.measured.setdefault("picture", {})[server] = pictures

    def cpu(self, server: str, url: str) -> None:
        """CPU seconds per 1,000 updates, 4 ms apart."""
        say(f"CPU, {server}")
        updates = self.size.cpu_updates
        spent: dict[str, list[float]] = {name: [] for name in self.most}
        with workers(self.most, url) as at:
            for _ in range(self.size.cpu_rounds):
                for name in self.most:
                    at[name].ask(updates=20, gap=0.01)
                    told = checked(name, at[name].ask(updates=updates, gap=0.004), updates)
                    spent[name].append(told["cpu"] / updates * 1000)
        self.measured.setdefault("cpu", {})[server] = {name: statistics.median(spent[name]) for name in self.most}

    def at_once(self, server: str, url: str, sizes: Sequence[int]) -> None:
        """Many replies at once through one client, of 8 updates, 0.3 s apart."""
        updates = 8
        found: dict[str, dict[int, list[dict[str, float]]]] = {name: {} for name in self.most}
        for many in sizes:
            say(f"{many} at once, {server}")
            with workers(self.most, url) as at:
                for _ in range(self.size.at_once_rounds):
                    for name in self.most:
                        at[name].ask(updates=2, gap=0)
                        told = checked(name, at[name].ask(updates=updates, gap=0.3, at_once=many), updates)
                        found[name].setdefault(many, []).append(
                            {
                                "seconds": told["ended"] - told["asked"],
                                "worst lag": max(max(reply["lags"], default=0) for reply in told["replies"]) * 1000,
                                "cpu": told["cpu"],
                                "memory": told["peak"],
                                "threads": told["threads"],
                                "whole": sum(len(reply["lags"]) == updates for reply in told["replies"]),
                            }
                        )
        self.measured.setdefault("at once", {})[server] = {
            name: {str(many): medians(rows) for many, rows in by_many.items()} for name, by_many in found.items()
        }

    def lengths(self, url: str) -> None:
        """Peak memory and CPU of replies of so many updates, 1 ms apart, each in a fresh process."""
        found: dict[str, Any] = {name: {} for name in self.most}
        for updates in self.size.lengths:
            say(f"a reply of {updates} updates")
            for name in self.most:
                with worker(name, url) as one:
                    one.ask(updates=2, gap=0)
                    told = checked(name, one.ask(updates=updates, gap=0.001), updates)
                found[name][str(updates)] = {
                    "memory": told["peak"],
                    "cpu": told["cpu"] / updates * 1000,
                    "threads": told["threads"],
                }
        self.measured["lengths"] = found

    def history(self, url: str) -> None:
        """CPU seconds per 1,000 updates of a reply, without turns before it and with many."""
        say("a long conversation")
        updates = min(self.size.cpu_updates, 300)
        names = [RAW, OURS, "for output in job"]
        found: dict[str, Any] = {name: {} for name in names}
        with workers(names, url) as at:
            for turns in (0, TURNS):
                for name in names:
                    order = {"updates": updates, "gap": 0.01, "turns": turns}
                    at[name].ask(**{**order, "updates": 20})
                    told = checked(name, at[name].ask(**order), updates)
                    found[name][str(turns)] = told["cpu"] / updates * 1000
        self.measured["history"] = found

    def cold(self, url: str) -> None:
        """From the start of a process to the first fragment."""
        say("from the start of a process")
        found: dict[str, list[float]] = {name: [] for name in self.most}
        for _ in range(self.size.starts):
            for name in self.most:
                with worker(name, url) as one:
                    told = one.ask(updates=2, gap=0.01)
                found[name].append((told["replies"][0]["first"] - one.spawned) * 1000)
        self.measured["cold"] = {name: statistics.median(found[name]) for name in self.most}

    def far(self, url: str, trusted: Path) -> None:
        """To the first fragment over TLS, where a round trip takes 50 ms."""
        say("over a far network")
        firsts: dict[str, list[float]] = {name: [] for name in self.most}
        with workers(self.most, url, trusted) as at:
            for _ in range(self.size.rounds):
                for name in self.most:
                    at[name].ask(updates=2, gap=0)
                    time.sleep(0.1)
                    told = checked(name, at[name].ask(updates=5, gap=0.02), 5)
                    firsts[name].append((told["replies"][0]["first"] - told["asked"]) * 1000)
        self.measured["far"] = {name: statistics.median(firsts[name]) for name in self.most}

    def starts(self) -> None:
        """Import times, less an interpreter's own start, and that of the command."""
        say("imports")
        nothing = [sys.executable, "-c", "pass"]
        commands = {
            name: [sys.executable, "-c", f"import {name}"] for name in ("qwen_gradio", "httpx", "gradio_client")
        }
        commands["qwen-gradio --help"] = [str(Path(sys.executable).with_name("qwen-gradio")), "--help"]
        took: dict[str, list[float]] = {name: [] for name in ["nothing", *commands]}
        for _ in range(self.size.starts):
            for name, command in {"nothing": nothing, **commands}.items():
                began = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                took[name].append((time.perf_counter() - began) * 1000)
        found = {name: statistics.median(rows) for name, rows in took.items()}
        bare = found.pop("nothing")
        self.measured["starts"] = {name: ms - bare * name.isidentifier() for name, ms in found.items()}


def about(size: Size) -> dict[str, Any]:
    """What was measured, and on what."""
    installed = {name: version(name) for name in ("gradio", "gradio_client", "httpx")}
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.system()}
    return {**installed, "js": JS_CLIENT, "g4f": "0.4.8.1", **machine, "rounds": size.rounds, "turns": TURNS}


def checked(name: str, told: dict[str, Any], updates: int) -> dict[str, Any]:
    """See that every reply of ours is whole, else the numbers are worthless; what peers lose is told in the table."""
    for reply in told["replies"] if name == RAW or name.startswith("ours") else ():
        if "error" in reply or len(reply["lags"]) != updates:
            raise RuntimeError(f"{name}: {len(reply['lags'])} of {updates} tokens, {reply.get('error', 'no error')}")
    return told


def percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]}


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def picture(reply: dict[str, Any]) -> dict[str, list[float]]:
    """When the server said each token, and when it was seen, in ms from the first said."""
    said = [seen - lag for seen, lag in zip(reply["seen"], reply["lags"], strict=True)]
    return {
        "said": [round((moment - said[0]) * 1000, 1) for moment in said],
        "seen": [round((moment - said[0]) * 1000, 1) for moment in reply["seen"]],
    }


def say(what: str) -> None:
    """On stderr: it takes a quarter of an hour."""
    sys.stderr.write(f"{what}…\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="as little as shows that everything works; no measure")
    parser.add_argument("--to", type=Path, default=ROOT / ".cache" / "benchmarks", help="the folder to write to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = Run(QUICK if given.quick else Size(), Path(folder)).all()
    given.to.mkdir(parents=True, exist_ok=True)
    (given.to / "results.json").write_text(json.dumps(measured, indent=1) + "\n")
    (given.to / "fragments.svg").write_text(report.picture(measured))
    sys.stdout.write(report.tables(measured))


if __name__ == "__main__":
    main()

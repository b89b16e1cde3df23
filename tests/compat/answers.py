"""The answers of one process: this package's are compared with gradio_client's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..servers.forked import LoggedSpace
from ..servers.proxy import Proxy

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("questions.py")
TIMEOUT = 120  # seconds after which the process is killed


@dataclass(frozen=True)
class Answers:
    """The process's output, and the records of the Space and the proxy.

    Attributes:
        reports: what it reported of each mode: a backend, with a proxy or without, or gradio_client alone.
        stderr: what it wrote there, and that it didn't end, if so.
    """

    reports: dict[str, Any]
    stderr: str
    space: LoggedSpace
    proxy: Proxy

    @property
    def answered_plainly(self) -> bool:
        """Whether gradio_client got all three answers by itself."""
        return "plain" in self.reports and not any(reply["error"] for reply in self.reports["plain"]["replies"])

    def plain_trouble(self) -> list[str]:
        """List gradio_client's errors, and the process's stderr."""
        replies = self.reports["plain"]["replies"] if "plain" in self.reports else []
        return [text for text in (*(reply["error"] for reply in replies), self.stderr) if text]

    def differences(self, *, may_refuse: bool = False) -> list[str]:
        """List the differences from gradio_client's answers.

        Args:
            may_refuse: whether a question through a proxy may be refused before it is sent.
        """
        found = [f"stderr: {self.stderr[-500:]}"] if self.stderr else []
        for mode in (f"{backend}{proxy}" for backend in ("asyncio", "trio") for proxy in ("", ", proxy")):
            if mode not in self.reports:
                found.append(f"{mode}: no report")
                continue
            proxied = mode.endswith("proxy")
            found += [f"{mode}: connected to {address}" for address in self._other_addresses(mode, proxied)]
            for k, reply in enumerate(self.reports[mode]["replies"]):
                wrong = self._wrong(k, reply)
                if wrong and not (may_refuse and proxied and reply["error"] and not self._starts(reply)):
                    found.append(f"{mode}, {k}: {'; '.join(wrong)}")
        return found

    def _wrong(self, k: int, reply: dict[str, Any]) -> list[str]:
        expected = "".join(self.reports["plain"]["replies"][k]["fragments"])
        text = "".join(reply["fragments"])
        wrong = {
            f"started {self._starts(reply)} times": self._starts(reply) != 1,
            reply["error"]: bool(reply["error"]),
            f"{text!r}, not {expected!r}": text != expected,
            f"{len(reply['fragments'])} fragments": len(reply["fragments"]) < 2,
            "no fragment before the end": not reply["streamed"],
        }
        return [what for what, holds in wrong.items() if holds][: 2 if reply["error"] else None]

    def _starts(self, reply: dict[str, Any]) -> int:
        return sum(entry["saw"] == "start" for entry in self.space.saw(reply["id"]))

    def _other_addresses(self, mode: str, proxied: bool) -> set[str]:
        """Give the addresses that are neither the Space nor, where it is in use, the proxy."""
        allowed = self.proxy.url if proxied else self.space.url
        return set(self.reports[mode]["connected"]) - {allowed.removeprefix("http://")}


def ask(
    space: LoggedSpace,
    proxy: Proxy,
    *arguments: str,
    name: str = "",
    python: str = sys.executable,
    overlay: Path | None = None,
) -> Answers:
    """Ask in a process of its own.

    Args:
        space: the Space that is asked.
        proxy: what half of the questions go through.
        arguments: more for the program.
        name: what the questions' names begin with.
        python: the interpreter, which has this package and gradio_client.
        overlay: a folder whose packages come before the installed ones.
    """
    environment = {key: value for key, value in os.environ.items() if not _is_network_setting(key)}
    if overlay:
        environment["PYTHONPATH"] = os.pathsep.join([str(overlay), str(ROOT)])  # of this tree, wherever it's installed
    command = [python, str(PROGRAM), space.url, str(space.log), proxy.url, name, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        stderr += "it did not end by itself"
    if process.returncode and not stderr:
        stderr = f"it ended with {process.returncode}"
    reports = [json.loads(line) for line in stdout.splitlines() if line.startswith('{"mode"')]
    return Answers({report["mode"]: report for report in reports}, stderr, space, proxy)


def _is_network_setting(variable: str) -> bool:
    """Whether it would turn telemetry off, or put another proxy before the Space."""
    return variable.lower().endswith("_proxy") or variable.startswith(("GRADIO_", "HF_"))

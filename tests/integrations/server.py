"""Runs `qwen-gradio serve` in a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import httpx

from ..cli.command import COMMAND


@dataclass
class Served:
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    errors: IO[str]
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    def log(self) -> str:
        """Give what it has written to stderr."""
        self.errors.seek(0)
        return self.errors.read()

    def post(self, model: str, prompt: str, **more: Any) -> httpx.Response:
        return self.client.post("/chat/completions", json=body(model, prompt, **more))

    def stream(self, model: str, prompt: str, **more: Any) -> contextlib.AbstractContextManager[httpx.Response]:
        return self.client.stream("POST", "/chat/completions", json=body(model, prompt, stream=True, **more))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def body(model: str, prompt: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Served]:
    """Run the command until the context ends."""
    with tempfile.TemporaryFile("w+") as errors:
        command = [*COMMAND, "serve", "--port", "0", *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **environment}
        )
        try:
            assert process.stdout is not None
            served = Served(process.stdout.readline().strip(), process, errors)
            assert served.url, served.log()
            with served.client:
                yield served
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.communicate()

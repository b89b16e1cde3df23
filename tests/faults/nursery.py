"""Real Gradio servers, quickly: a process that has imported gradio forks one for each that is wanted.

Run as a script it is that process. On each line of its standard input, a JSON list of a log, a port, how many are
answered at once, how many may wait, and which page, it forks a server, which prints its URL and writes its process id
as the first line of its log.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Space:
    """A real Gradio server, and what can be done to its process."""

    url: str
    pid: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._gone()

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        self._gone()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def _gone(self) -> None:
        """Wait until the kernel has closed what it had open; the nursery doesn't keep its dead."""
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.001)


class Nursery:
    """The process that forks servers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = itertools.count()
        self._errors = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # the servers' standard inputs end with it, and so do they
        self._process.communicate()
        self._errors.close()

    @contextlib.contextmanager
    def space(self, *, port: int = 0, at_once: int = 40, waiting: int | None = None, page: str = "") -> Iterator[Space]:
        log = self._folder / f"{next(self._ids)}.jsonl"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(log), port, at_once, waiting, page]), file=self._process.stdin, flush=True)
        url = self._process.stdout.readline().strip().rstrip("/")
        assert url, (self._folder / "stderr").read_text()
        space = Space(url, json.loads(log.read_text().splitlines()[0])["pid"])
        try:
            yield space
        finally:
            with contextlib.suppress(ProcessLookupError):
                space.thaw()
                space.kill()


def misbehaving(gradio: Any) -> Any:
    """A page whose functions yield what the prompt says, as JSON: {"yields": […], "raises": …, "at": …, "chars": …}."""

    def play(prompt: str) -> Iterator[Any]:
        script = json.loads(prompt)
        yields = script.get("yields", [])
        for n, value in enumerate([*yields, None]):
            if n == script.get("at"):
                raise gradio.Error(script["raises"]) if script["raises"] else ValueError("bare")
            if n < len(yields):
                yield value
        if script.get("chars"):
            yield "x" * script["chars"]

    def chat(query: str, history: Any) -> Iterator[Any]:
        for value in play(query):
            yield [*history, {"role": "user", "content": "hi"}, value] if isinstance(value, dict) else value

    def plain(query: str) -> Iterator[Any]:
        yield from play(query)

    with gradio.Blocks() as page:
        query, chatbot, text = gradio.Textbox(), gradio.Chatbot(), gradio.Textbox()
        query.submit(chat, [query, chatbot], chatbot, api_name="chat")
        query.submit(plain, query, text, api_name="plain")
    return page


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(scripted: Any, log: str, port: int, at_once: int, waiting: int | None, page: str) -> None:
    import gradio

    demo, model = scripted.stand_in(), scripted.Scripted(Path(log))

    def make() -> Any:
        return misbehaving(gradio) if page else demo.build(model, at_once=at_once)

    demo.serve(make, port=port, max_size=waiting)


def main() -> None:
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", NO_PROXY="127.0.0.1")
    import gradio  # noqa: F401 - what takes the time

    scripted = _module(TESTS / "scripted_space.py")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    read = b""
    while data := os.read(0, 65536):  # not through a buffer, which the children would share
        *lines, read = (read + data).split(b"\n")
        for line in lines:
            end, held = os.pipe()
            if os.fork():
                os.close(end)
                continue
            os.close(held)
            os.dup2(end, 0)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve(scripted, *json.loads(line))


if __name__ == "__main__":
    main()

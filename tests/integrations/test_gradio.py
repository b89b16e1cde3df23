"""A `gr.ChatInterface` over a Space, as the README has it, visited as a person does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, InvalidSpace, QwenClient
from qwen_gradio.integrations.gradio import chat_function

from ..conftest import ScriptedSpace, eventually
from ..faults.cases import RIGHT, WHOLE
from ..servers import proxy, wrong_server
from ..servers.forked import ForkServers, Process
from .readme import snippets

# What the page prints first, its URL, is passed on, and nothing later. It ends when what started it does.
BEFORE = """
import io, os, sys, threading, time
os.environ.update({environment!r})
sys.path.insert(0, {path!r})
out, sys.stdout = sys.stdout, io.StringIO()
def tell():
    while "\\n" not in sys.stdout.getvalue():
        time.sleep(0.01)
    print(sys.stdout.getvalue().splitlines()[0], file=out, flush=True)
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=tell, daemon=True).start()
"""
Serve = Callable[..., str]


@pytest.fixture
def serve(fork_servers: ForkServers, tmp_path: Any) -> Iterator[Serve]:
    """Serve the README's page over a Space, and give its URL."""
    processes: list[Process] = []

    def serve(space: str, **environment: str) -> str:
        (code,) = snippets("Gradio")
        before = BEFORE.format(environment=environment, path=os.getcwd())
        (tmp_path / "app.py").write_text(before + code.replace("qwen-2.5", space))
        processes.append(fork_servers.start(tmp_path / "app.py"))
        return processes[-1].printed.split()[-1]

    yield serve
    for process in processes:
        process.kill()


def test_gradio_page_streams_remembers_and_stops(space: ScriptedSpace, serve: Serve) -> None:
    first, second, left = space.script_in_step(5), space.script(2), space.script(5000)
    with QwenClient(serve(space.url)) as visitor:
        talk = visitor.conversation()
        assert "".join(first.read(fragment) for fragment in talk.stream(first.prompt)) == first.final
        assert talk.ask(second.prompt) == second.final
        with visitor.stream(left.prompt) as reply:
            next(reply)
    (begun,) = [entry for entry in space.saw(second.name) if entry["saw"] == "start"]
    assert (begun["system"], begun["turns"]) == ("Be brief.", [[first.prompt, first.final]])
    assert eventually(left.stopped)


def test_gradio_page_shows_what_failed(serve: Serve) -> None:
    with QwenClient(serve("http://127.0.0.1:9"), retries=0) as visitor, pytest.raises(AppRaised) as caught:
        visitor.ask("hi")
    assert "http://127.0.0.1:9: no connection could be made" in str(caught.value)


def test_gradio_page_sends_the_visitors_header_to_the_space(
    description: Any, serve: Serve, serve_as: Callable[[str, str], None]
) -> None:
    with wrong_server.running(description, {}, RIGHT) as server, proxy.running() as through:
        serve_as("someone-else.hf.space", server.url)
        page = serve("someone/else", HTTPS_PROXY=through.url, SSL_CERT_FILE=os.environ["SSL_CERT_FILE"])
        for visitor in ("visitor-1", "visitor-2"):
            server.heads.clear()
            with QwenClient(page, headers={"x-ip-token": visitor}) as client:
                assert client.ask("hi") == WHOLE
            asked = [head for head in server.heads if "/queue/join" in head.split()[1]]
            assert len(asked) == 1
            assert f"x-ip-token: {visitor}" in asked[0].lower()


async def test_gradio_function_takes_files_and_history(space: ScriptedSpace) -> None:
    history: list[Any] = [
        {"role": "user", "metadata": None, "content": [{"type": "text", "text": "Hi"}], "options": None},
        {"role": "assistant", "metadata": None, "content": "Hello", "options": None},
        {"role": "user", "content": ("/home/me/photo.png",)},
        {"role": "assistant", "content": [{"type": "file", "file": {"path": "/home/me/plot.png"}}]},
    ]
    async with AsyncQwenClient(space.url) as client:
        function = chat_function(client)
        texts = [text async for text in function({"text": "Why?", "files": []}, history)]
    heard = json.loads(texts[-1])
    assert (heard["turns"], heard["query"]) == ([["Hi", "Hello"], ["[file]", "[file]"]], "Why?")


async def test_gradio_function_sends_files(space: ScriptedSpace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("some")
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(gradio.Error, match="file"):  # which this Space doesn't take
            await anext(chat_function(client)({"text": "hi", "files": [str(tmp_path / "notes.txt")]}, []))


def test_gradio_function_of_no_space_raises_at_once() -> None:
    with pytest.raises(InvalidSpace):
        chat_function("no such/name/at all")

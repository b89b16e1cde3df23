"""`qwen-gradio serve` asked by the tools that speak OpenAI's API, as they are; and by many at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ..conftest import Script, ScriptedSpace, eventually
from ..environments import CACHE, python_with
from .openai_clients import TOOLS
from .readme import snippets
from .server import Served, body, serving

HERE = Path(__file__).parent

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("openai clients")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # that of the server, which runs in another process


@pytest.fixture(scope="module")
def served(space: ScriptedSpace) -> Iterator[Served]:
    with serving(f"it={space.url}") as running:
        yield running


def node_modules() -> str:
    """Give the folder with OpenAI's JavaScript client, installed once."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    home = CACHE / "node-openai"
    if not (home / "node_modules").exists():
        home.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), "openai@6"]
        subprocess.run(install, check=True)
    return str(home / "node_modules")


def asked_by(command: Sequence[str], served: Served, space: ScriptedSpace, environment: Mapping[str, str]) -> str:
    """Ask by a tool for a whole reply, a streamed one, one that fails, and leave one; give the error that it raised."""
    scripts = {"whole": space.script(3), "stream": space.script(5, step=0.1), "leave": space.script(5000)}
    scripts["fail"] = space.script(3, fail_at=0)
    prompts = json.dumps({name: script.prompt for name, script in scripts.items()})
    with subprocess.Popen(
        [*command, served.url, prompts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            came = json.loads(process.stdout.readline() or "{}")
            assert came, process.stderr.read()
            assert came["whole"] == scripts["whole"].final
            assert "".join(came["stream"]) == scripts["stream"].final
            assert len([text for text in came["stream"] if text]) > 1
            assert json.loads(process.stdout.readline() or "null") == "left", process.stderr.read()
            assert eventually(scripts["leave"].stopped), "while the tool runs on"
        finally:
            process.kill()
    return str(came["error"])


@pytest.mark.parametrize("tool", TOOLS)
def test_serve_answers_tool_and_is_left_by_it(served: Served, space: ScriptedSpace, tool: str, tmp_path: Path) -> None:
    command = [python_with("openai-clients"), str(HERE / "openai_clients.py"), tool]
    error = asked_by(command, served, space, {"HOME": str(tmp_path), "LLM_USER_PATH": str(tmp_path)})
    # A Gradio app doesn't tell its visitors of its errors.
    assert ("its code raised" if tool != "load_chat" else "AppError") in error


def test_serve_answers_javascript_client_and_is_left_by_it(served: Served, space: ScriptedSpace) -> None:
    command = ["node", str(HERE / "openai_client.mjs")]
    error = asked_by(command, served, space, {"NODE_MODULES": node_modules()})
    assert error.startswith("InternalServerError: 502")


def test_serve_readme_program_prints_reply() -> None:
    with serving("--demo") as served:
        program = snippets("serve")[0].replace("http://127.0.0.1:8000/v1", served.url)
        run = subprocess.run([python_with("openai-clients"), "-c", program], capture_output=True, text=True, check=True)
    assert "You asked: Why is the sky blue?" in run.stdout


class Readers:
    """Read the streams of many scripts at once.

    Attributes:
        texts: what has been read so far, by the scripts' names.
        faults: the codes of the errors that ended some.
    """

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.texts = {script.name: "" for script in scripts}
        self.faults: dict[str, str] = {}
        self._scripts = scripts

    @property
    def begun(self) -> int:
        return sum(map(bool, self.texts.values()))

    async def run(self, url: str, then: Callable[[], object] = bool) -> None:
        """Read all to their ends, and call a function in a thread meanwhile."""
        limits = httpx.Limits(max_connections=len(self._scripts))
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=300, limits=limits) as client,
            anyio.create_task_group() as tasks,
        ):
            for script in self._scripts:
                tasks.start_soon(self._read, client, script)
            await anyio.to_thread.run_sync(then)

    async def _read(self, client: httpx.AsyncClient, script: Script) -> None:
        asked = body("it", script.prompt, stream=True)
        async with client.stream("POST", "/chat/completions", json=asked) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    self._add(script.name, json.loads(line.removeprefix("data: ")))

    def _add(self, name: str, chunk: Any) -> None:
        if "error" in chunk:
            self.faults[name] = chunk["error"]["code"]
        else:
            self.texts[name] += "".join(choice["delta"].get("content", "") for choice in chunk["choices"])


async def test_serve_answers_two_hundred_streams_at_once(make_space: Callable[..., ScriptedSpace]) -> None:
    """As many at a time as a Gradio app's threads allow; the others wait in its queue."""
    space = make_space()
    scripts = [space.script(5) for _ in range(200)]
    readers = Readers(scripts)
    with serving(f"it={space.url}") as served:
        await readers.run(served.url)
        health = served.client.get(served.url.replace("/v1", "/healthz"))
    assert readers.texts == {script.name: script.final for script in scripts}
    assert readers.faults == {}
    assert health.json() == {"status": "ok", "replies": 0}


async def test_serve_loses_no_reply_before_its_first_token_when_one_of_two_spaces_is_killed(
    make_space: Callable[..., ScriptedSpace],
) -> None:
    """Six replies run at the first Space and the others wait in its queue, when it is killed."""
    first, second = make_space("--at-once", "6"), make_space()
    scripts = [first.script(20, step=0.3) for _ in range(24)]
    readers = Readers(scripts)

    def kill() -> None:
        assert eventually(lambda: readers.begun >= 3)
        first.process.kill()

    with serving(f"it={first.url},{second.url}") as served:
        await readers.run(served.url, kill)
    assert readers.faults
    assert all(readers.texts[name] for name in readers.faults), "they had begun"
    assert set(readers.faults.values()) == {"connection_lost"}
    for script in scripts:
        if script.name not in readers.faults:
            assert readers.texts[script.name] == "".join(f"{script.name}-{n} " for n in range(20))

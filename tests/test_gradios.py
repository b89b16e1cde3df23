"""The main path on real servers of every Gradio that Spaces run on, and without the seams into gradio_client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import anyio
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, ConnectionLost, DeadlineExceeded, Timeouts

from .conftest import ScriptedSpace, eventually, our_threads
from .environments import on_each_gradio
from .servers.forked import ForkServers


@pytest.fixture(scope="module", params=on_each_gradio("4.44.1", "5.50.0", "6"))
def any_space(
    request: pytest.FixtureRequest, fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScriptedSpace]:
    with fork_servers.scripted(tmp_path_factory.mktemp("any"), gradio=request.param) as running:
        yield running


@pytest.fixture(params=["shared", "plain"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways through gradio_client; the plain one as if a seam were missing."""
    if request.param == "plain":
        monkeypatch.setattr("qwen_gradio.connection.missing_seams", lambda: ["a seam"])
    return str(request.param)


async def test_stream_each_gradio_yields_fragment_per_update(any_space: ScriptedSpace, path: str) -> None:
    script = any_space.script_in_step(20)
    fragments, made_at_second = [], 0
    async with AsyncQwenClient(any_space.url) as client:
        async for fragment in client.stream(script.prompt):
            fragments.append(fragment)
            if len(fragments) == 2:
                made_at_second = script.count("step")
            script.read(fragment)
    assert "".join(fragments) == script.final
    assert len(fragments) == 20
    assert made_at_second == 2, path


async def test_conversation_each_gradio_sends_history_and_system(any_space: ScriptedSpace, path: str) -> None:
    async with AsyncQwenClient(any_space.url) as client:
        talk = client.conversation(system="be brief")
        first = await talk.ask("one")
        heard = json.loads(await talk.ask("two"))
    assert heard == {"system": "be brief", "turns": [["one", first]], "query": "two"}, path


async def test_cancel_each_gradio_stops_only_that_reply(any_space: ScriptedSpace, path: str) -> None:
    left, other = any_space.script(2000), any_space.script(80)
    answers = []
    async with AsyncQwenClient(any_space.url) as client, anyio.create_task_group() as tasks:

        async def ask_the_other() -> None:
            answers.append(await client.ask(other.prompt))

        async with client.stream(left.prompt) as reply:
            await anext(reply)
            tasks.start_soon(ask_the_other)
            await anyio.sleep(0.1)
        steps = left.count("step")
        assert await anyio.to_thread.run_sync(eventually, left.stopped)
    assert answers == [other.final], path
    assert left.count("step") <= steps + 130
    assert left.count("final") == 0


async def test_app_error_each_gradio_raises_with_partial(any_space: ScriptedSpace, path: str) -> None:
    script = any_space.script(20, fail_at=10)
    async with AsyncQwenClient(any_space.url) as client:
        with pytest.raises(AppRaised) as caught:
            await client.ask(script.prompt)
    assert caught.value.partial == "".join(f"{script.name}-{n} " for n in range(10)), path


async def test_concurrent_questions_each_gradio_get_their_own_replies(any_space: ScriptedSpace, path: str) -> None:
    scripts = [any_space.script(5) for _ in range(5)]
    answers: dict[str, str] = {}
    async with AsyncQwenClient(any_space.url) as client:
        for _ in range(2):  # the second round finds what the first left
            async with anyio.create_task_group() as tasks:

                async def ask(name: str, prompt: str) -> None:
                    answers[name] = await client.ask(prompt)

                for script in scripts:
                    tasks.start_soon(ask, script.name, script.prompt)
            assert answers == {script.name: script.final for script in scripts}, path
    assert eventually(lambda: not our_threads())


async def test_timeout_silence_each_gradio_raises_with_partial(any_space: ScriptedSpace, path: str) -> None:
    script = any_space.script(5, quiet_at=2)
    async with AsyncQwenClient(any_space.url, timeouts=Timeouts(silence=0.5)) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.ask(script.prompt)
    assert caught.value.partial.startswith(f"{script.name}-0 "), path


@pytest.mark.usefixtures("path")
async def test_server_ended_each_transport_raises_connection_lost(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space()
    client = AsyncQwenClient(space.url)
    reply = client.stream(space.script(100_000).prompt)
    await anext(reply)
    space.process.kill()
    with pytest.raises(ConnectionLost) as caught:
        async for _ in reply:
            pass
    assert caught.value.partial == reply.text
    await client.aclose()

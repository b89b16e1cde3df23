"""What the package promises, on every Gradio that Spaces run on: with all hooks, with none, and without each."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Awaitable, Callable, Iterator

import anyio
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, ConnectionLost, DeadlineExceeded, Timeouts
from qwen_gradio.transport.hooks import Hook

from ..conftest import Script, ScriptedSpace, eventually, only_hooks, our_threads
from ..environments import on_each_gradio
from ..servers.forked import ForkServers


@pytest.fixture(scope="module", params=on_each_gradio("4.44.1", "5.50.0", "6"))
def any_space(
    request: pytest.FixtureRequest, fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScriptedSpace]:
    with fork_servers.scripted(tmp_path_factory.mktemp("any"), gradio=request.param) as running:
        yield running


def _id(hooks: frozenset[Hook]) -> str:
    missing = [hook.name.lower() for hook in Hook if hook not in hooks]
    return f"no {missing[0]}" if len(missing) == 1 else "no hooks" if missing else "all hooks"


ALL: frozenset[Hook] = frozenset(Hook)
CHOICES = [ALL, frozenset[Hook](), *(ALL - {hook} for hook in Hook)]


@pytest.fixture(
    params=[
        pytest.param(choice, marks=[] if choice in CHOICES[:2] else pytest.mark.full, id=_id(choice))
        for choice in CHOICES
    ],
    autouse=True,
)
def hooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> frozenset[Hook]:
    return only_hooks(monkeypatch, request.param)


async def test_stream_each_gradio_yields_fragment_per_update(any_space: ScriptedSpace) -> None:
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
    assert made_at_second == 2


async def test_conversation_each_gradio_sends_history_and_system(any_space: ScriptedSpace) -> None:
    async with AsyncQwenClient(any_space.url) as client:
        talk = client.conversation(system="be brief")
        first = await talk.ask("one")
        received = json.loads(await talk.ask("two"))
    assert received == {"system": "be brief", "turns": [["one", first]], "query": "two"}


async def test_cancel_each_gradio_stops_only_that_reply(any_space: ScriptedSpace) -> None:
    cancelled, other = any_space.script(2000), any_space.script(80)
    answers = []
    async with AsyncQwenClient(any_space.url) as client, anyio.create_task_group() as tasks:

        async def ask_the_other() -> None:
            answers.append(await client.ask(other.prompt))

        async with client.stream(cancelled.prompt) as reply:
            await anext(reply)
            tasks.start_soon(ask_the_other)
            await anyio.sleep(0.1)
        steps = cancelled.count("step")
        assert await anyio.to_thread.run_sync(eventually, cancelled.stopped)
    assert answers == [other.final]
    assert cancelled.count("step") <= steps + 130
    assert cancelled.count("final") == 0


async def test_app_error_each_gradio_raises_with_partial(any_space: ScriptedSpace) -> None:
    script = any_space.script(20, fail_at=10)
    async with AsyncQwenClient(any_space.url) as client:
        with pytest.raises(AppRaised) as caught:
            await client.ask(script.prompt)
    assert caught.value.partial == "".join(f"{script.name}-{n} " for n in range(10))


async def test_concurrent_questions_each_gradio_get_their_own_replies(any_space: ScriptedSpace) -> None:
    scripts = [any_space.script(5) for _ in range(5)]
    answers: dict[str, str] = {}
    async with AsyncQwenClient(any_space.url) as client:
        for _ in range(2):  # the second round uses the connections of the first
            async with anyio.create_task_group() as tasks:

                async def ask(name: str, prompt: str) -> None:
                    answers[name] = await client.ask(prompt)

                for script in scripts:
                    tasks.start_soon(ask, script.name, script.prompt)
            assert answers == {script.name: script.final for script in scripts}
    assert eventually(lambda: not our_threads())


async def test_timeout_silence_each_gradio_raises_with_partial(any_space: ScriptedSpace) -> None:
    script = any_space.script(5, quiet_at=2)
    async with AsyncQwenClient(any_space.url, timeouts=Timeouts(silence=0.5)) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.ask(script.prompt)
    assert caught.value.partial.startswith(f"{script.name}-0 ")


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


async def _break(script: Script, client: AsyncQwenClient) -> None:
    async for _ in client.stream(script.prompt):
        break


async def _aclose(script: Script, client: AsyncQwenClient) -> None:
    async with client.stream(script.prompt) as reply:
        await anext(reply)


async def _cancel_scope(script: Script, client: AsyncQwenClient) -> None:
    with anyio.CancelScope() as scope:
        async for _ in client.stream(script.prompt):
            scope.cancel()


async def _while_joining(script: Script, client: AsyncQwenClient) -> None:
    with anyio.move_on_after(0.002):
        await client.ask(script.prompt)


@pytest.mark.parametrize("cancel", [_break, _aclose, _cancel_scope, _while_joining])
async def test_cancel_each_way_stops_the_space_and_leaves_nothing(
    any_space: ScriptedSpace, cancel: Callable[[Script, AsyncQwenClient], Awaitable[None]]
) -> None:
    script = any_space.script(2000)
    async with AsyncQwenClient(any_space.url) as client:
        await cancel(script, client)
        gc.collect()
        assert await anyio.to_thread.run_sync(eventually, script.stopped)
        assert script.count("final") == 0
        assert "hi" in await client.ask("hi"), "the next question is answered"
    assert await anyio.to_thread.run_sync(eventually, lambda: not our_threads())


async def test_cancel_while_queued_takes_the_question_back(
    make_space: Callable[..., ScriptedSpace], hooks: frozenset[Hook]
) -> None:
    space = make_space("--at-once", "1")
    running, queued, last = space.script(2000), space.script(5), space.script(5)
    async with AsyncQwenClient(space.url) as client, client.stream(running.prompt) as first:
        await anext(first)
        async with client.stream(queued.prompt) as second:
            await anext(second.events())
        await first.aclose()
        assert await client.ask(last.prompt) == last.final
    assert queued.count("start") == 0, hooks


async def test_inspect_tells_the_hooks(any_space: ScriptedSpace, hooks: frozenset[Hook]) -> None:
    async with AsyncQwenClient(any_space.url) as client:
        inspected = await client.inspect()
    assert inspected.hooks == tuple(sorted(hook.value for hook in hooks))


async def test_reply_nothing_is_left_of_twenty(any_space: ScriptedSpace) -> None:
    async with AsyncQwenClient(any_space.url) as client:
        await client.ask("hi")
        gc.collect()
        before = threading.active_count()
        for _ in range(20):
            await client.ask("hi")
        gc.collect()
        assert await anyio.to_thread.run_sync(eventually, lambda: threading.active_count() <= before + 1)

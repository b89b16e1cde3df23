"""Many questions at once: results in order, errors among them, bounded, cancellable."""

from __future__ import annotations

import json
import os
import signal
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, InvalidMessages, InvalidOption, QwenClient, Result, UsageError
from qwen_gradio.reply.many import LOOKAHEAD, Results, SyncResults
from qwen_gradio.text.messages import Message

from ..conftest import ScriptedSpace, eventually, our_threads


async def test_map_gives_results_in_order_with_errors_among_them(space: ScriptedSpace) -> None:
    scripts = [space.script(3), space.script(3, fail_at=1), space.script(2)]
    prompts: list[Any] = [script.prompt for script in scripts]
    prompts.insert(1, "")
    async with AsyncQwenClient(space.url) as client:
        results = [result async for result in client.map(prompts, concurrency=2)]
    assert [result.index for result in results] == [0, 1, 2, 3]
    assert [result.messages for result in results] == prompts
    assert [type(result.error) for result in results] == [type(None), InvalidMessages, AppRaised, type(None)]
    assert [results[0].text, results[3].text] == [scripts[0].final, scripts[2].final]
    assert results[2].text
    assert results[2].error is not None
    assert results[2].error.partial == results[2].text
    assert eventually(lambda: not our_threads())


async def test_map_options_and_system_go_to_each_question(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        results = [result async for result in client.map(["one", "two"], system="be brief")]
    assert ['"system": "be brief"' in result.text for result in results] == [True, True]


async def test_map_concurrency_bounds_questions_at_once(space: ScriptedSpace) -> None:
    scripts = [space.script(2, step=0.05) for _ in range(12)]
    async with AsyncQwenClient(space.url) as client:
        async for result in client.map([script.prompt for script in scripts], concurrency=3):
            assert result.error is None
    running, counts = 0, []
    for line in map(json.loads, space.log.read_text().splitlines()):
        if line["id"] in [script.name for script in scripts]:
            running += {"start": 1, "final": -1}.get(line["saw"], 0)
            counts.append(running)
    assert counts[-1] == 0
    assert 1 < max(counts) <= 3


@pytest.mark.parametrize("is_async", [False, True])
async def test_map_prompts_are_taken_as_there_is_room(space: ScriptedSpace, is_async: bool) -> None:
    taken: list[int] = []

    def prompts() -> Iterator[str]:
        for number in range(1000):
            taken.append(number)
            yield space.script(1).prompt

    async def slow_prompts() -> AsyncIterator[str]:
        for prompt in prompts():
            await anyio.lowlevel.checkpoint()
            yield prompt

    async with AsyncQwenClient(space.url) as client:
        async with client.map(slow_prompts() if is_async else prompts(), concurrency=2) as results:
            first = await anext(results)
        assert first.error is None
        assert len(taken) <= 2 * LOOKAHEAD + 1


async def test_map_break_or_cancel_stops_questions(space: ScriptedSpace) -> None:
    scripts = [space.script(1), *(space.script(10_000) for _ in range(3))]
    async with AsyncQwenClient(space.url) as client:
        async with client.map([script.prompt for script in scripts]) as results:
            await anext(results)
            assert eventually(lambda: all(script.count("start") for script in scripts))
            with anyio.move_on_after(0.1) as scope:
                await anext(results)
        assert scope.cancelled_caught
        assert eventually(lambda: all(script.stopped() for script in scripts[1:]))
    assert eventually(lambda: not our_threads())


async def test_map_dropped_iterator_ends_its_thread(space: ScriptedSpace) -> None:
    script = space.script(10_000)
    async with AsyncQwenClient(space.url) as client:
        results = client.map([space.script(1).prompt, script.prompt])
        await anext(results)
        del results
        assert eventually(lambda: script.stopped() or not script.count("start"))
    assert eventually(lambda: not our_threads())


async def test_map_iterated_again_after_cancel_or_error_ends(space: ScriptedSpace) -> None:
    def failing() -> Iterator[str]:
        yield space.script(10_000).prompt
        raise LookupError("the caller's own")

    async with AsyncQwenClient(space.url) as client:
        cancelled = client.map([space.script(10_000).prompt] * 2)
        with anyio.move_on_after(0.2) as scope:
            await anext(cancelled)
        assert scope.cancelled_caught
        assert [result async for result in cancelled] == []
        failed = client.map(failing())
        with pytest.raises(LookupError, match="the caller's own"):
            await anext(failed)
        assert [result async for result in failed] == []


async def test_map_second_reader_raises_usage_error(space: ScriptedSpace) -> None:
    script = space.script_in_step(2)
    async with AsyncQwenClient(space.url) as client:
        results = client.map([script.prompt])
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                assert [result.text async for result in results] == [script.final]

            tasks.start_soon(read)
            assert await anyio.to_thread.run_sync(eventually, lambda: script.count("start") > 0)
            with pytest.raises(UsageError, match="one reader"):
                await anext(results)
            script.read("")


async def test_map_aclose_while_prompt_is_awaited_ends_reader(space: ScriptedSpace) -> None:
    waits, closed = anyio.Event(), []

    async def prompts() -> AsyncIterator[str]:
        try:
            waits.set()
            await anyio.sleep_forever()
            yield "never"
        finally:
            closed.append(True)

    async with AsyncQwenClient(space.url) as client:
        results = client.map(prompts())
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:

                async def read() -> None:
                    assert [result async for result in results] == []

                tasks.start_soon(read)
                await waits.wait()
                await results.aclose()
    assert closed == [True]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_map_event_loop_change_goes_on_with_results(space: ScriptedSpace, backend: str) -> None:
    first, second = space.script(1), space.script(30)
    client = AsyncQwenClient(space.url)
    results = client.map([first.prompt, second.prompt])

    async def text() -> str:
        with anyio.fail_after(30):
            return (await anext(results)).text

    assert [anyio.run(text, backend=backend) for _ in range(2)] == [first.final, second.final]
    anyio.run(results.aclose, backend=backend)
    anyio.run(client.aclose, backend=backend)


def test_sync_map_ctrl_c_or_close_by_another_thread_ends_questions(space: ScriptedSpace) -> None:
    scripts = [space.script(10_000) for _ in range(2)]
    with QwenClient(space.url) as client:
        results = client.map([scripts[0].prompt])
        threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            next(results)
        assert list(results) == []
        closed = client.map([scripts[1].prompt])
        threading.Timer(0.5, closed.close).start()
        assert list(closed) == []
        assert eventually(lambda: all(script.stopped() for script in scripts))


@pytest.mark.parametrize("prompts", ["one prompt", 5, None])
def test_map_no_iterable_of_prompts_raises_invalid_messages(prompts: Any) -> None:
    with pytest.raises(InvalidMessages, match="an iterable of prompts"):
        AsyncQwenClient().map(prompts)
    with pytest.raises(InvalidMessages, match="an iterable of prompts"):
        QwenClient().map(prompts)


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, "2", True])
def test_map_invalid_concurrency_raises_invalid_option(concurrency: Any) -> None:
    with pytest.raises(InvalidOption, match="concurrency"):
        AsyncQwenClient().map(["hi"], concurrency=concurrency)


def test_sync_map_gives_results_in_order(space: ScriptedSpace) -> None:
    scripts = [space.script(2, step=0.05 * (3 - number)) for number in range(3)]
    with QwenClient(space.url) as client:
        results = list(client.map((script.prompt for script in scripts), concurrency=3))
        with client.map([space.script(10_000).prompt]) as unfinished:
            assert isinstance(unfinished, SyncResults)
    assert [result.text for result in results] == [script.final for script in scripts]
    assert eventually(lambda: not our_threads())


@pytest.mark.full
def test_map_memory_stays_flat_over_100_000_prompts() -> None:
    """The replies are canned: what is measured is what `map` keeps."""

    class Canned:
        text, thinking = "an answer", ""

        async def __aenter__(self) -> Canned:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        def __aiter__(self) -> Canned:
            return self

        async def __anext__(self) -> str:
            raise StopAsyncIteration

    def stream(_: str | Sequence[Message]) -> Any:
        return Canned()

    async def peak(questions: int) -> int:
        tracemalloc.start()
        prompts = (f"question {number} " * 10 for number in range(questions))
        results = Results(stream, prompts, concurrency=8)
        count = 0
        async for result in results:
            assert isinstance(result, Result)
            count += 1
        assert count == questions
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = anyio.run(peak, 1000), anyio.run(peak, 100_000)
    assert large < small + 1_000_000

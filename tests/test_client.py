"""The async client against a real gradio 6 server."""

from __future__ import annotations

import gc
import inspect
import json
import logging
import socket
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import qwen_gradio
from qwen_gradio import (
    AppRaised,
    AsyncQwenClient,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    EmptyReply,
    EndpointNotFound,
    Finished,
    Fragment,
    InvalidMessages,
    InvalidOption,
    NotAGradioApp,
    Queued,
    QueueFull,
    Reply,
    Started,
    Timeouts,
    UsageError,
)
from qwen_gradio.text import chatbot
from qwen_gradio.text.chatbot import Snapshot

from .conftest import ScriptedSpace, eventually, our_threads


async def _read_into(got: list[str], reply: Reply) -> None:
    async for fragment in reply:
        got.append(fragment)  # noqa: PERF401 - what came before an error counts


async def test_stream_yields_fragment_per_update(space: ScriptedSpace) -> None:
    script = space.script_in_step(50)
    fragments, made_at_second = [], 0
    async with AsyncQwenClient(space.url) as client, client.stream(script.prompt) as reply:
        async for fragment in reply:
            fragments.append(fragment)
            if len(fragments) == 2:
                made_at_second = script.count("step")
            script.read(fragment)
        assert reply.text == script.final
    assert len(fragments) == 50
    assert made_at_second == 2, "the second came before the third was made"
    assert "".join(fragments) == script.final


async def test_stream_slow_reader_gets_fewer_fragments(space: ScriptedSpace) -> None:
    script = space.script(200, step=0)
    async with AsyncQwenClient(space.url) as client, client.stream(script.prompt) as reply:
        fragments = [await anext(reply)]
        assert await anyio.to_thread.run_sync(eventually, lambda: script.count("final") == 1)
        fragments += [fragment async for fragment in reply]
    assert len(fragments) < 150
    assert "".join(fragments) == script.final


async def test_stream_unusual_text_is_kept(space: ScriptedSpace) -> None:
    pieces = ["ha", "ha", "[0, 1]", "\r\n", "```", "👩‍👧", "你好", " ", "\n\n", "<b>", "data: x\n\n", "\u2028", "ha"]
    script = space.script(["".join(pieces[: n + 1]) for n in range(len(pieces))])
    async with AsyncQwenClient(space.url) as client:
        fragments = [fragment async for fragment in client.stream(script.prompt)]
    assert len(fragments) > 10
    assert "".join(fragments) == inspect.cleandoc(script.final)  # which is how a gradio Chatbot shows it


async def test_events_yields_started_fragments_and_finished(space: ScriptedSpace) -> None:
    script = space.script(["a", "a", "ab"])
    async with AsyncQwenClient(space.url) as client:
        events = [event async for event in client.stream(script.prompt).events()]
    assert [event for event in events if not isinstance(event, Queued)] == [
        Started(),
        Fragment("a", 0),
        Fragment("b", 1),
        Finished("ab"),
    ]


async def test_rewrite_events_replace_stream_repeats_whole_text(space: ScriptedSpace) -> None:
    updates = ["Thinking…", "", "Hello wrold", "Hello world", "Hello world!"]
    async with AsyncQwenClient(space.url) as client:
        events = [event async for event in client.stream(space.script(updates).prompt).events()]
        text = ""
        for event in events:
            if isinstance(event, Fragment):
                text = text[: event.start] + event.text
        assert text == "Hello world!"
        fragments = [fragment async for fragment in client.stream(space.script(updates).prompt)]
    assert fragments == ["Hello wrold", "Hello world", "!"]


async def test_ask_messages_sends_history_and_system(space: ScriptedSpace) -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    async with AsyncQwenClient(space.url) as client:
        heard = json.loads(await client.ask(messages))
        assert heard == {"system": "be brief", "turns": [["one", "two"]], "query": "three"}
        assert json.loads(await client.ask("hi", system=""))["system"] == ""
        assert json.loads(await client.ask("hi"))["system"] == "You are a helpful assistant.", "the Space's own"


async def test_conversation_history_keeps_only_completed_turns(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        talk = client.conversation(system="be brief")
        first = await talk.ask("one")
        async with talk.stream("left") as reply:
            async for _ in reply:
                break
        with pytest.raises(AppRaised):
            await talk.ask(space.script(3, fail_at=1).prompt)
        heard = json.loads(await talk.ask([{"role": "user", "content": "two"}]))
    assert heard == {"system": "be brief", "turns": [["one", first]], "query": "two"}
    assert [message["role"] for message in talk.messages] == ["user", "assistant"] * 2


async def test_concurrent_twenty_questions_get_their_own_replies(space: ScriptedSpace) -> None:
    scripts = [space.script(10) for _ in range(20)]
    answers: dict[str, str] = {}

    async with AsyncQwenClient(space.url) as client, anyio.create_task_group() as tasks:

        async def ask(name: str, prompt: str) -> None:
            answers[name] = await client.ask(prompt)

        for script in scripts:
            tasks.start_soon(ask, script.name, script.prompt)
    assert answers == {script.name: script.final for script in scripts}


async def test_concurrent_first_questions_connect_once(space: ScriptedSpace, requests: list[str]) -> None:
    client = AsyncQwenClient(space.url)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(client.ask, "hi")
    assert requests.count("/config") == 1
    await client.aclose()


@pytest.mark.parametrize(("fail_at", "partial"), [(0, 0), (10, 10), (15, 15)])
async def test_app_error_raises_app_raised_with_partial(space: ScriptedSpace, fail_at: int, partial: int) -> None:
    script = space.script(15, fail_at=fail_at)
    got: list[str] = []
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(AppRaised, match="its code raised") as caught:
            await _read_into(got, client.stream(script.prompt))
    assert caught.value.partial == "".join(got) == "".join(f"{script.name}-{n} " for n in range(partial))
    assert caught.value.space == space.url
    assert caught.value.space in str(caught.value)
    assert type(caught.value.__cause__).__name__ == "AppError"


async def test_reply_empty_raises_empty_reply(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(EmptyReply):
            await client.ask(space.script(["", ""]).prompt)


async def test_timeout_silence_raises_deadline_exceeded_with_partial(space: ScriptedSpace) -> None:
    script = space.script(["so far", "never"], quiet_at=1)
    async with AsyncQwenClient(space.url, timeouts=Timeouts(silence=0.3)) as client:
        with pytest.raises(DeadlineExceeded, match=r"nothing new came for 0\.3 s") as caught:
            await client.ask(script.prompt)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.deadline == "silence"
    assert caught.value.partial == "so far"


async def test_server_killed_mid_stream_raises_connection_lost(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space()
    script = space.script(1000)
    async with AsyncQwenClient(space.url) as client:
        reply = client.stream(script.prompt)
        while len(reply.text) < 50:
            await anext(reply)
        space.process.kill()
        with pytest.raises(ConnectionLost) as caught:
            await _read_into([], reply)
        assert caught.value.partial == reply.text
        assert caught.value.partial.startswith(f"{script.name}-0 {script.name}-1 ")
        assert caught.value.__cause__ is not None
        with pytest.raises((CannotConnect, ConnectionLost), match=space.url):
            await client.ask("still there?")


async def test_queue_full_raises_retryable_queue_full(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space("--at-once", "1", "--max-size", "1")
    async with AsyncQwenClient(space.url) as client:
        running, waiting = client.stream(space.script(10_000).prompt), client.stream(space.script(1).prompt)
        await anext(running)
        assert isinstance(await anext(waiting.events()), Queued)
        with pytest.raises(QueueFull) as caught:
            await client.ask(space.script(1).prompt)
        assert caught.value.retryable


async def test_queue_events_give_position_and_size(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space("--at-once", "1")
    async with AsyncQwenClient(space.url) as client, client.stream(space.script(10_000).prompt) as running:
        await anext(running)
        waiting = client.stream(space.script(3).prompt).events()
        queued = await anext(waiting)
        assert isinstance(queued, Queued)
        assert (queued.position, queued.size) == (1, 1)
        await running.aclose()
        rest = [event async for event in waiting if not isinstance(event, Queued)]
    assert rest[0] == Started()
    assert isinstance(rest[-1], Finished)


async def test_connect_refused_error_names_space_and_advice() -> None:
    client = AsyncQwenClient("http://127.0.0.1:9")
    with pytest.raises(CannotConnect, match=r"http://127\.0\.0\.1:9: .*Check the Space's name"):
        await client.ask("hi")
    with pytest.raises(CannotConnect):
        async with client:
            pass
    await client.aclose()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("200 OK", "<html>hello</html>", NotAGradioApp),
        ("200 OK", "{}", NotAGradioApp),
        ("200 OK", "[]", NotAGradioApp),
        ("401 Unauthorized", "", qwen_gradio.NeedsAuthentication),
        ("403 Forbidden", "", qwen_gradio.NeedsAuthentication),
        ("404 Not Found", "", qwen_gradio.SpaceNotFound),
        ("429 Too Many Requests", "", qwen_gradio.RateLimited),
        ("503 Service Unavailable", "<html>", qwen_gradio.SpaceUnavailable),
    ],
)
async def test_connect_bad_response_raises_named_error(
    answering: Callable[[bytes], str], status: str, body: str, error: type[Exception]
) -> None:
    url = answering(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    with pytest.raises(error, match=url) as caught:
        await AsyncQwenClient(url).ask("hi")
    assert caught.value.__cause__ is not None


async def test_timeout_connect_silent_server_raises_deadline_exceeded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody accepts; the kernel does
        client = AsyncQwenClient(f"http://127.0.0.1:{server.getsockname()[1]}", timeouts=Timeouts(connect=0.2))
        with pytest.raises(DeadlineExceeded) as caught:
            await client.ask("hi")
        assert caught.value.deadline == "connect"
        await client.aclose()
    assert eventually(lambda: not our_threads())


async def test_ask_without_chat_endpoint_raises_endpoint_not_found(space: ScriptedSpace, mocker: Any) -> None:
    mocker.patch("qwen_gradio.space.choice.TEXT_OUTPUTS", ())
    mocker.patch("qwen_gradio.space.page.Component.is_chatbot", False)
    with pytest.raises(EndpointNotFound, match="/model_chat"):
        await AsyncQwenClient(space.url).ask("hi")


async def test_option_unknown_raises_before_question_is_sent(space: ScriptedSpace) -> None:
    script = space.script(1)
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(InvalidOption, match="unknown option 'radio': this Space takes no options"):
            await client.ask(script.prompt, radio="32B")
    assert script.count("start") == 0


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda client: client.stream([]), InvalidMessages),
        (lambda client: client.stream([{"role": "robot", "content": "a"}]), InvalidMessages),
        (lambda client: client.stream([{"role": "user", "content": 3}]), InvalidMessages),
        (lambda client: client.stream([{"role": "assistant", "content": "a"}]), InvalidMessages),
        (lambda client: client.stream("hi", radio="32B"), InvalidOption),
        (lambda client: client.conversation().stream(""), InvalidMessages),
        (lambda _: AsyncQwenClient("no such thing"), qwen_gradio.InvalidSpace),
        (lambda _: AsyncQwenClient(proxy="nonsense"), InvalidOption),
        (lambda _: Timeouts(silence=0), InvalidOption),
        (lambda _: Timeouts(connect="soon"), InvalidOption),  # type: ignore[arg-type] # that is the point
    ],
)
def test_usage_error_raises_before_any_network(
    wrong: Callable[[AsyncQwenClient], object], error: type[UsageError], mocker: Any
) -> None:
    connecting = mocker.patch("socket.socket.connect", side_effect=AssertionError("network touched"))
    with pytest.raises(error, match=r"expected|takes no options"):
        wrong(AsyncQwenClient())
    assert not connecting.called


async def test_client_closed_stream_raises_usage_error(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        pending = client.stream("hi")
    assert client.closed
    with pytest.raises(UsageError, match="this client is closed"):
        client.stream("hi")
    with pytest.raises(UsageError, match="this client is closed"):
        await anext(pending)
    await client.aclose()  # again


async def test_reply_second_reader_raises_usage_error(space: ScriptedSpace) -> None:
    script = space.script(20, before=0.5)
    got: list[str] = []
    async with AsyncQwenClient(space.url) as client, anyio.create_task_group() as tasks:
        reply = client.stream(script.prompt)
        tasks.start_soon(_read_into, got, reply)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(UsageError, match="expected one reader of a reply at a time"):
            await anext(reply)
    assert "".join(got) == script.final, "the first reader isn't disturbed"


async def test_client_aclose_mid_stream_raises_connection_lost(space: ScriptedSpace) -> None:
    client = AsyncQwenClient(space.url)
    reply = client.stream(space.script(1000).prompt)
    await anext(reply)
    await client.aclose()
    with pytest.raises(ConnectionLost, match="closed from this side") as caught:
        await _read_into([], reply)
    assert caught.value.partial == reply.text != ""


@pytest.mark.parametrize("backends", [["asyncio", "asyncio"], ["trio", "trio"], ["asyncio", "trio"]])
def test_event_loop_successive_loops_share_client(space: ScriptedSpace, backends: list[str]) -> None:
    client = AsyncQwenClient(space.url)
    script = space.script(3)
    for backend in backends:
        assert anyio.run(client.ask, script.prompt, backend=backend) == script.final
    anyio.run(client.aclose)


async def test_stream_retracted_whitespace_is_not_a_rewrite(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        reply = client.stream(space.script(["ab ", "ab c ", "ab c"]).prompt)
        assert [fragment async for fragment in reply] == ["ab ", "c "]
        assert reply.text == "ab c"


async def test_stream_emptied_chatbot_keeps_reply(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        assert await client.ask(space.script(["ab", "abc", ""]).prompt) == "abc"


THOUGHT = ["<thi", "<think>h", "<think>hm</th", "<think>hm</think>\n\nso", "<think>hm</think>\n\nso it is"]


async def test_thinking_is_excluded_from_stream_and_text(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client, client.stream(space.script(THOUGHT).prompt) as reply:
        assert [fragment async for fragment in reply] == ["so", " it is"]
        assert (reply.text, reply.thinking) == ("so it is", "hm")


async def test_include_thinking_streams_thinking_and_events_have_kind(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        reply = client.stream(space.script(THOUGHT).prompt, include_thinking=True)
        assert [fragment async for fragment in reply] == ["h", "m", "\n\nso", " it is"]
        events = [event async for event in client.stream(space.script(THOUGHT).prompt).events()]
    assert events[-5:] == [
        Fragment("h", 0, "thinking"),
        Fragment("m", 1, "thinking"),
        Fragment("so", 0),
        Fragment(" it is", 2),
        Finished("so it is", "hm"),
    ]


async def test_thinking_without_answer_raises_empty_reply(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(EmptyReply, match="it thought, but gave no answer") as caught:
            await client.ask(space.script(["<think>hm", "<think>hm</think>"]).prompt)
    assert caught.value.partial == ""


async def test_inspect_returns_endpoint_and_parameters(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url, api_name="model_chat_1") as client:
        found = await client.inspect()
    assert (found.space, found.url, found.gradio[:2]) == (space.url, space.url, "6.")
    assert found.recipe.api_name == "/model_chat_1"
    assert [taken.name for taken in found.recipe.parameters] == ["query", "history", "system"]
    assert "/model_chat" in found.endpoints


async def test_api_name_unknown_raises_endpoint_not_found(space: ScriptedSpace) -> None:
    with pytest.raises(EndpointNotFound, match="no /nothing; it has /model_chat, "):
        await AsyncQwenClient(space.url, api_name="/nothing").ask("hi")


async def test_stream_unreadable_update_is_logged_and_skipped(
    space: ScriptedSpace, mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    real, script = chatbot.latest_reply, space.script(["a", "ab", "abc"])

    def latest_reply(value: object, **options: Any) -> Snapshot | None:
        snapshot = real(value, **options)
        return None if snapshot == Snapshot("ab") else snapshot

    mocker.patch("qwen_gradio.text.chatbot.latest_reply", side_effect=latest_reply)
    caplog.set_level(logging.DEBUG, "qwen_gradio")
    async with AsyncQwenClient(space.url) as client:
        assert [fragment async for fragment in client.stream(script.prompt)] == ["a", "bc"]
    assert "can't be read" in caplog.text


async def test_thread_none_remains_after_aclose(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        for _ in range(3):
            await client.ask("hi")
        await anext(client.stream(space.script(10_000).prompt))
        await anext(kept := client.stream(space.script(10_000).prompt))
    assert eventually(lambda: not our_threads()), our_threads()
    assert await kept.aclose() is None  # type: ignore[func-returns-value] # it may be closed again, too late or not


async def test_reply_unreferenced_is_freed_without_gc(space: ScriptedSpace) -> None:
    gc.collect()
    gc.disable()
    try:
        async with AsyncQwenClient(space.url) as client:
            reply = client.stream(space.script(10_000).prompt)
            await anext(reply)
            gone = weakref.ref(reply)
            del reply
            assert gone() is None
    finally:
        gc.enable()


def test_client_repr_names_space_and_hides_token() -> None:
    client = AsyncQwenClient("qwen-2-72b")
    assert repr(client) == "<qwen_gradio.AsyncQwenClient Qwen/Qwen2-72B-Instruct NEW>"
    assert repr(client.stream("hi")) == "<qwen_gradio.Reply Qwen/Qwen2-72B-Instruct NEW, 0 characters>"
    assert repr(client.conversation()) == "<qwen_gradio.Conversation with Qwen/Qwen2-72B-Instruct: 0 messages>"
    assert "secret" not in repr(AsyncQwenClient(token="secret").__dict__["_space"])  # noqa: S106 - a stand-in for one

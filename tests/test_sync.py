"""The client for ordinary code, against a real gradio 6 server."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from qwen_gradio import (
    AppRaised,
    CannotConnect,
    Finished,
    InvalidMessages,
    InvalidOption,
    Queued,
    QwenClient,
    QwenGradioError,
    Started,
    UsageError,
)

from .conftest import Script, ScriptedSpace, eventually, our_threads


def test_sync_client_ask_and_stream_give_reply(space: ScriptedSpace) -> None:
    script = space.script_in_step(20)
    with QwenClient(space.url) as client:
        with client.stream(script.prompt) as reply:
            fragments = [script.read(fragment) for fragment in reply]
        assert len(fragments) == 20
        assert "".join(fragments) == reply.text == script.final
        assert client.ask(script.prompt) == script.final
        assert list(reply) == [], "it is read once"


def test_sync_client_events_yields_started_and_finished(space: ScriptedSpace) -> None:
    with QwenClient(space.url) as client:
        events = [event for event in client.stream(space.script(2).prompt).events() if not isinstance(event, Queued)]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)


def test_sync_client_conversation_keeps_history_and_system(space: ScriptedSpace) -> None:
    with QwenClient(space.url) as client:
        talk = client.conversation(system="be brief")
        talk.ask("one")
        assert '"system": "be brief"' in talk.ask("two")
        assert [message["role"] for message in talk.messages] == ["user", "assistant"] * 2


def test_sync_client_with_exit_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(2000)
    with QwenClient(space.url) as client, client.stream(script.prompt) as reply:
        next(reply)
    assert eventually(script.stopped)


def test_sync_client_ctrl_c_ends_reply(space: ScriptedSpace) -> None:
    script = space.script(5, quiet_at=3)
    with QwenClient(space.url) as client:
        reply = client.stream(script.prompt)
        assert "".join(next(reply) for _ in range(3)) == reply.text
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            next(reply)
        assert eventually(lambda: list(reply) == [])


def test_sync_client_errors_match_async_client(space: ScriptedSpace) -> None:
    with QwenClient(space.url) as client:
        with pytest.raises(InvalidMessages):
            client.stream([])
        with pytest.raises(AppRaised) as caught:
            client.ask(space.script(5, fail_at=2).prompt)
    assert caught.value.partial


def test_sync_client_closed_raises_and_ends_thread(space: ScriptedSpace) -> None:
    before = threading.enumerate()
    client = QwenClient(space.url)
    client.ask("hi")
    client.close()
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.ask("hi")
    assert eventually(lambda: set(threading.enumerate()) <= {*before})


def test_sync_client_connect_refused_ends_thread() -> None:
    before = threading.enumerate()
    with pytest.raises(CannotConnect), QwenClient("http://127.0.0.1:9"):
        pass
    assert eventually(lambda: set(threading.enumerate()) <= {*before})


def test_sync_client_repr_names_space() -> None:
    client = QwenClient()
    assert client.space == "Qwen/Qwen2-72B-Instruct"
    assert repr(client) == "<qwen_gradio.QwenClient Qwen/Qwen2-72B-Instruct NEW>"
    assert repr(client.stream("hi")) == "<qwen_gradio.SyncReply Qwen/Qwen2-72B-Instruct NEW, 0 characters>"
    assert repr(client.conversation()).startswith("<qwen_gradio.SyncConversation with")
    client.close()


def test_sync_client_first_use_by_many_threads_answers_each(space: ScriptedSpace) -> None:
    client, many = QwenClient(space.url), 24
    together = threading.Barrier(many)
    scripts = [space.script(2) for _ in range(many)]
    answers: dict[str, str] = {}

    def ask(script: Script) -> None:
        together.wait()
        answers[script.final] = client.ask(script.prompt)

    threads = [threading.Thread(target=ask, args=(script,)) for script in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert answers == {script.final: script.final for script in scripts}
    assert eventually(lambda: not our_threads())


def test_sync_client_close_by_many_threads_ends_replies(space: ScriptedSpace) -> None:
    client = QwenClient(space.url)
    script = space.script(10_000)
    reply = client.stream(script.prompt)
    next(reply)
    ends: list[object] = []

    def read() -> None:
        try:
            ends.append(len(list(reply)))
        except QwenGradioError as exc:
            ends.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    closers = [threading.Thread(target=client.close) for _ in range(8)]
    for thread in closers:
        thread.start()
    for thread in (*closers, reader):
        thread.join()
    assert len(ends) == 1
    assert eventually(script.stopped)
    assert eventually(lambda: not our_threads())


def test_sync_client_use_after_close_starts_no_thread(space: ScriptedSpace) -> None:
    client = QwenClient(space.url)
    reply = client.stream(space.script(2).prompt)
    client.close()
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.ask("hi")
    with pytest.raises(UsageError, match="closed"):
        next(reply)
    with pytest.raises(UsageError, match="closed"):
        client.inspect()
    reply.close()
    assert our_threads() == []


def test_sync_conversation_system_is_an_attribute(space: ScriptedSpace) -> None:
    with QwenClient(space.url) as client:
        talk = client.conversation()
        with pytest.raises(InvalidOption, match="its attribute `system`"):
            talk.ask("one", system="be brief")
        talk.system = "be brief"
        assert '"system": "be brief"' in talk.ask("two")
        talk.messages = []
        assert talk.system == "be brief"

"""The fault trial: the wrong server's cases, and real Gradio servers that are killed, frozen, full or badly written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from qwen_gradio import (
    AppRaised,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    EmptyReply,
    QueueFull,
    ReplyTooLong,
)

from ..conftest import eventually, only_hooks
from ..servers import wrong_server
from ..servers.forked import FORK_SERVER, ForkServers, Process, ScriptedSpace
from ..servers.wrong_server import WrongServer
from .cases import CASES, Case
from .trial import Trial, client_for

MakeSpace = Callable[..., ScriptedSpace]
MISBEHAVING = FORK_SERVER.with_name("misbehaving_space.py")
HANGING = json.dumps({"id": "hanging", "updates": ["Hel", "Hello"], "quiet_at": 1, "step": 0})
BRIEF = json.dumps({"id": "brief", "updates": ["Hel", "Hello"]})


def test_fault_cases_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def in_turn(number: int, case: Case) -> Any:
    """Leave two of three to the full set; those of a kind follow one another, so that each kind is in the quick one."""
    return pytest.param(case, marks=[pytest.mark.full] if number % 3 else [], id=case.name)


@pytest.mark.parametrize("case", [in_turn(*case) for case in enumerate(CASES)])
async def test_faulty_server_raises_named_error_or_replies(
    case: Case, trial: Trial, description: tuple[dict[str, Any], dict[str, Any]], elsewhere: WrongServer
) -> None:
    with wrong_server.running(description, case.wrong, case.stream, elsewhere=elsewhere.url) as server:
        await trial.judge(case, server.url)
    assert not elsewhere.heads


@pytest.mark.full
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
async def test_faulty_server_without_hooks_raises_ours_or_replies(
    case: Case, trial: Trial, description: tuple[dict[str, Any], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_hooks(monkeypatch, frozenset())
    with wrong_server.running(description, case.wrong, case.stream) as server:
        await trial.judge_without_hooks(case, server.url)


async def test_connect_refused_raises_cannot_connect(trial: Trial) -> None:
    with wrong_server.refusing() as url:
        await trial.judge(Case("connect: refused", (CannotConnect,)), url)


async def test_timeout_connect_full_backlog_raises_deadline_exceeded(trial: Trial) -> None:
    case = Case("connect: the backlog full", (DeadlineExceeded,), deadline="connect", timeouts={"connect": 0.3})
    with wrong_server.full_backlog() as url:
        await trial.judge(case, url)


async def test_tls_to_http_server_raises_cannot_connect(
    trial: Trial, description: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    bad = wrong_server.saying(b"", "400 Bad Request")
    with wrong_server.running(description, {"connect": bad}, []) as server:
        case = Case("connect: TLS with what has none", (CannotConnect,))
        await trial.judge(case, server.url.replace("http", "https"))


async def test_connect_unknown_host_raises_cannot_connect(trial: Trial) -> None:
    case = Case("connect: no such host", (CannotConnect,), options={"token": None})
    await trial.judge(case, "http://no-such-host.invalid")


# --- real servers that end


ENDS = [Process.kill, Process.terminate]


@pytest.mark.parametrize("end", ENDS)
async def test_server_ended_before_question_raises_transport_error(
    end: Callable[[Process], None], trial: Trial, make_space: MakeSpace
) -> None:
    case = Case(f"real: {end.__name__}, connected, before the question", (CannotConnect, ConnectionLost))
    space = make_space()
    async with client_for(space.url, case) as client:
        end(space.process)
        await trial.judge(case, space.url, client=client)
        await trial.judge(Case(f"real: {end.__name__}, before", (CannotConnect,)), space.url)
    await trial.check_nothing_is_left()


def queue_size(url: str) -> int:
    """How many wait for their turn, by the server's own account."""
    size: int = httpx.get(f"{url}/gradio_api/queue/status", trust_env=False).json()["queue_size"]
    return size


@pytest.mark.parametrize("end", ENDS)
async def test_server_ended_while_queued_raises_connection_lost(
    end: Callable[[Process], None], trial: Trial, make_space: MakeSpace
) -> None:
    case = Case(f"real: {end.__name__}, in the queue", (ConnectionLost,))
    space = make_space("--at-once", "1")
    async with client_for(space.url, case) as client, anyio.create_task_group() as tasks:
        before = client.stream(HANGING)
        assert await anext(before) == "Hel"

        async def soon() -> None:
            assert await anyio.to_thread.run_sync(eventually, lambda: queue_size(space.url) > 0)
            await anyio.to_thread.run_sync(end, space.process)

        tasks.start_soon(soon)
        await trial.judge(case, space.url, client=client)
        await before.aclose()
    await trial.check_nothing_is_left()


@pytest.mark.parametrize("end", ENDS)
async def test_server_ended_mid_stream_raises_connection_lost(
    end: Callable[[Process], None], trial: Trial, make_space: MakeSpace
) -> None:
    case = Case(f"real: {end.__name__}, mid-reply", (ConnectionLost,), partial="Hel")
    space = make_space()
    await trial.judge(case, space.url, prompt=HANGING, then=lambda: end(space.process))


async def test_server_restarted_client_reconnects(trial: Trial, make_space: MakeSpace) -> None:
    lost = Case("real: restarted during a reply", (ConnectionLost,), partial="Hel")
    spaces = [make_space()]
    url = spaces[0].url

    def restart() -> None:
        spaces[-1].process.kill()
        spaces.append(make_space("--port", spaces[-1].port))

    async with client_for(url, lost) as client:
        await trial.judge(Case("real: before a restart", reply="Hello"), url, prompt=BRIEF, client=client)
        await anyio.to_thread.run_sync(restart)
        again = Case("real: restarted between replies", reply="Hello")
        await trial.judge(again, url, prompt=BRIEF, client=client)
        await trial.judge(lost, url, prompt=HANGING, client=client, then=restart)
        after = Case("real: after a restart during a reply", reply="Hello")
        await trial.judge(after, url, prompt=BRIEF, client=client)
    await trial.check_nothing_is_left()


# --- real servers that stop


def late(name: str, deadline: str, partial: str = "", seconds: float = 0.5) -> Case:
    return Case(name, (DeadlineExceeded,), partial=partial, deadline=deadline, timeouts={deadline: seconds})


async def test_timeout_frozen_server_raises_deadline_exceeded(trial: Trial, make_space: MakeSpace) -> None:
    space = make_space("--at-once", "1")
    space.process.freeze()
    await trial.judge(late("real: frozen before", "connect"), space.url)
    space.process.thaw()
    case = late("real: frozen, connected, before the question", "connect")
    async with client_for(space.url, case) as client:
        space.process.freeze()
        await trial.judge(case, space.url, client=client)
    space.process.thaw()
    case = late("real: frozen mid-reply", "silence", "Hel")
    await trial.judge(case, space.url, prompt=HANGING, then=space.process.freeze)
    await trial.check_nothing_is_left()


async def test_timeout_first_silence_or_total_raises_deadline_exceeded(trial: Trial, space: ScriptedSpace) -> None:
    await trial.judge(late("real: silent mid-reply", "silence", "Hel"), space.url, prompt=HANGING)
    unbegun = json.dumps({"id": "unbegun", "updates": ["Hel"], "quiet_at": 0})
    await trial.judge(late("real: started, then silent", "first"), space.url, prompt=unbegun)
    steady = json.dumps({"id": "steady", "updates": ["Hel"] * 1000, "step": 0.02})
    await trial.judge(late("real: in all", "total", "Hel", seconds=2), space.url, prompt=steady)


# --- real queues


async def test_queue_stalled_timeout_and_full_raise_named_errors(trial: Trial, make_space: MakeSpace) -> None:
    space = make_space("--at-once", "1", "--max-size", "1")
    case = late("real: a queue that never moves", "queue")
    async with client_for(space.url, case) as client:
        running = client.stream(HANGING)
        assert await anext(running) == "Hel"
        await trial.judge(case, space.url, client=client)
        waiting = client.stream(BRIEF)
        async for event in waiting.events():
            if type(event).__name__ == "Queued":
                break
        full = Case("real: the queue full", (QueueFull,))
        await trial.judge(full, space.url, client=client)
        await waiting.aclose()
        await running.aclose()
    await trial.check_nothing_is_left()


# --- real apps that are badly written


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def app_cases() -> list[tuple[Case, str, dict[str, Any]]]:
    cases: list[tuple[Case, str, dict[str, Any]]] = []
    for kind, raises in (("gr.Error", "no more GPU"), ("a bare exception", "")):
        for when, at, partial in (("at once", 0, ""), ("half way", 1, "Hel"), ("after the last yield", 2, "Hello")):
            case = Case(f"app: {kind} {when}", (AppRaised,), partial=partial, says=raises)
            cases.append((case, "chat", {"yields": [said("Hel"), said("Hello")], "raises": raises, "at": at}))
    empty = (EmptyReply,)
    cases += [
        (Case("app: yields nothing", empty), "chat", {}),
        (Case("app: yields None", empty), "chat", {"yields": [None]}),
        (Case("app: yields an empty list", empty), "chat", {"yields": [[]]}),
        (Case("app: yields a number for a Chatbot", (AppRaised,)), "chat", {"yields": [7]}),
        (Case("app: yields a word, then a number", (AppRaised,), partial="Hel"), "chat", {"yields": [said("Hel"), 7]}),
        (Case("app: yields nothing to a Textbox", empty), "plain", {}),
        (Case("app: yields None to a Textbox", empty), "plain", {"yields": [None]}),
        (Case("app: yields an empty text", empty), "plain", {"yields": ["", ""]}),
        (Case("app: yields a number to a Textbox", reply="7"), "plain", {"yields": [7]}),
    ]
    long = 10_000_000
    bound = {"max_reply_chars": 2 * long}
    cases.append((Case("app: 10 MB in one update", reply="x" * long, options=bound), "plain", {"chars": long}))
    beyond = {"yields": ["Hel"], "chars": 2000}
    cases.append((Case("app: over max_reply_chars", (ReplyTooLong,), partial="Hel"), "plain", beyond))
    return cases


@pytest.fixture(scope="session")
def misbehaving(fork_servers: ForkServers) -> Iterator[str]:
    with fork_servers.running(MISBEHAVING) as process:
        yield process.printed.rstrip("/")


@pytest.mark.parametrize(("case", "api_name", "script"), app_cases(), ids=[case.name for case, *_ in app_cases()])
async def test_app_faulty_raises_named_error_or_replies(
    case: Case, api_name: str, script: dict[str, Any], trial: Trial, misbehaving: str
) -> None:
    asked = Case(**{**case.__dict__, "options": {**case.options, "api_name": f"/{api_name}"}})
    await trial.judge(asked, misbehaving, prompt=json.dumps(script))

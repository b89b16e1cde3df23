"""`batch`: each question is answered once, whatever interrupts the run; quotas, rates, failures, several Spaces."""

from __future__ import annotations

import itertools
import json
import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import click
import pytest

from qwen_gradio import AsyncQwenClient, Inspection, RateLimited, SpaceUnavailable
from qwen_gradio.cli.batch import BatchRun
from qwen_gradio.cli.batch_files import BatchQuestion, Results
from qwen_gradio.cli.pace import Pace

from ..conftest import ScriptedSpace, eventually
from .command import COMMAND, run, run_in_process, run_on_terminal


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture
def questions(tmp_path: Path) -> Callable[..., str]:
    """Write a file of questions."""

    def write(*lines: object, name: str = "in.jsonl") -> str:
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return str(tmp_path / name)

    return write


def records(out: Path) -> dict[Any, dict[str, Any]]:
    """The results by id; each id has one."""
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    found = {line["id"]: line for line in lines}
    assert len(found) == len(lines)
    return found


def test_batch_answers_each_form_of_question(space: ScriptedSpace, questions: Callable[..., str], out: Path) -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    own = [{"role": "system", "content": "Be own."}, {"role": "user", "content": "d"}]
    file = questions(
        "hi",
        {"id": "x", "prompt": "you", "system": "Be long."},
        {"id": 7, "messages": messages},
        {"id": 8, "messages": own},
    )
    result = run("batch", file, "-o", str(out), "-m", space.url, "--system", "Be brief.")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"qwen-gradio: 4 answered, 0 failed, 0 left; the results are in {out}\n"
    found = records(out)
    assert found[1] == {"id": 1, "prompt": "hi", "text": found[1]["text"], "space": space.url}
    asked = {id_: json.loads(record["text"]) for id_, record in found.items()}
    assert asked[1] == {"system": "Be brief.", "turns": [], "query": "hi"}
    assert (asked["x"]["system"], asked[8]["system"]) == ("Be long.", "Be own.")
    assert asked[7] == {"system": "Be brief.", "turns": [["a", "b"]], "query": "c"}


def test_batch_csv_and_stdin_are_read(space: ScriptedSpace, tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.csv").write_text("id,q\na,one\nb,two\n")
    assert run("batch", str(tmp_path / "in.csv"), "--column", "q", "-o", str(out), "-m", space.url).exit_code == 0
    assert {id_: record["prompt"] for id_, record in records(out).items()} == {"a": "one", "b": "two"}
    out.unlink()
    assert run_in_process("batch", "-", "-o", str(out), "-m", space.url, stdin=b"one\ntwo\n").returncode == 0
    assert {id_: record["prompt"] for id_, record in records(out).items()} == {1: "one", 2: "two"}


def test_batch_failures_are_recorded_and_asked_again_only_on_demand(
    space: ScriptedSpace, questions: Callable[..., str], out: Path
) -> None:
    bad, good = space.script(4, fail_at=2), space.script(2)
    arguments = ("batch", questions(bad.prompt, good.prompt), "-o", str(out), "-m", space.url)
    result = run(*arguments)
    assert (result.exit_code, "1 answered, 1 failed, 0 left" in result.stderr) == (1, True)
    failed = records(out)[1]
    assert failed["error"]["type"] == "AppRaised"
    assert failed["partial"].endswith("-1 ")
    assert (run(*arguments).exit_code, bad.count("start")) == (1, 1)
    assert (run(*arguments, "--retry-failed").exit_code, bad.count("start"), good.count("start")) == (1, 2, 1)
    assert set(records(out)) == {1, 2}


def test_batch_spread_over_several_spaces_fails_over(
    space: ScriptedSpace, make_space: Callable[..., ScriptedSpace], questions: Callable[..., str], out: Path
) -> None:
    other = make_space()
    spaces = ("-m", space.url, "-m", "http://127.0.0.1:9", "-m", other.url)
    result = run("batch", questions(*"abcdef"), "-o", str(out), *spaces, "--retries", "0", "--concurrency", "1")
    assert result.exit_code == 0
    assert {record["space"] for record in records(out).values()} == {space.url, other.url}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such-file"], "no-such-file can't be read: No such file or directory"),
        (["IN", "-m", "nonsense"], "expected a Space id"),
        (["IN", "--option", "radio"], "expected --option NAME=VALUE"),
        (["IN", "--option", "radio=7B"], "the question 1: unknown option 'radio'"),
        (["IN", "--column", "x"], "--column is for CSV"),
        (["IN", "--format", "csv", "--column", "x"], "--column with one of the columns"),
        (["IN", "--concurrency", "0"], "Invalid value"),
        (["IN", "--rate", "0"], "Invalid value"),
        (["OUT"], "name another file for the results"),
    ],
)
def test_batch_wrong_use_exits_with_2_before_any_result(
    questions: Callable[..., str], out: Path, arguments: list[str], says: str
) -> None:
    names = {"IN": questions("a, b"), "OUT": str(out)}
    out.touch()
    result = run("batch", *(names.get(argument, argument) for argument in arguments), "-o", str(out))
    assert (result.exit_code, says in result.stderr, out.read_bytes()) == (2, True, b"")


def test_batch_space_that_cannot_be_reached_records_nothing(questions: Callable[..., str], out: Path) -> None:
    result = run("batch", questions("hi"), "-o", str(out), "-m", "http://127.0.0.1:9")
    assert (result.exit_code, out.read_bytes()) == (1, b"")
    assert "no connection could be made" in result.stderr


@pytest.mark.parametrize("columns", ["40", "100"])
def test_batch_terminal_shows_progress(
    space: ScriptedSpace, questions: Callable[..., str], out: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    file = questions("a", "b", space.script(2, fail_at=1).prompt)
    code, output = run_on_terminal("batch", file, "-o", str(out), "-m", space.url)
    assert code == 1
    shown = click.unstyle(output)
    assert "3/3" in shown
    assert "1 failed" in shown
    assert "/min" not in shown, "two answers say nothing of the next"
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown, "nothing is cut"


def test_batch_terminal_shows_rate_and_time_left_after_ten_results(
    space: ScriptedSpace, questions: Callable[..., str], out: Path
) -> None:
    code, output = run_on_terminal("batch", questions(*["hi"] * 12), "-o", str(out), "-m", space.url)
    assert (code, "/min" in click.unstyle(output)) == (0, True)


def test_batch_ctrl_c_keeps_results_and_exits_130(
    space: ScriptedSpace, questions: Callable[..., str], out: Path
) -> None:
    endless = space.script(10_000)
    command = [*COMMAND, "batch", questions("a", endless.prompt), "-o", str(out), "-m", space.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert eventually(lambda: endless.count("step") > 0 and out.exists() and b'"text"' in out.read_bytes())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().splitlines() == [
        f"qwen-gradio: 1 answered, 0 failed, 1 left; the results are in {out}",
        "qwen-gradio: run the same command again to go on",
    ]
    assert set(records(out)) == {1}
    assert eventually(endless.stopped)


def test_batch_space_killed_half_way_leaves_the_rest_to_the_next_run(
    make_space: Callable[..., ScriptedSpace], questions: Callable[..., str], out: Path
) -> None:
    space = make_space("--at-once", "2")
    file = questions(*[space.script(3, step=0.02).prompt for _ in range(40)])
    arguments = ("batch", file, "-o", str(out), "-m", space.url, "--retries", "0")
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert _is_reached(out, 1, process)
        space.process.kill()
        _, err = process.communicate(timeout=60)
    answered = len(records(out))
    assert (process.returncode, "Traceback" in err) == (1, False)
    assert f"{answered} answered, 0 failed, {40 - answered} left" in err
    assert "no Space could be asked; run the command again later, and it goes on" in err
    again = make_space("--port", space.port)
    assert again.url == space.url
    assert run(*arguments).exit_code == 0
    assert [set(record) >= {"text"} for record in records(out).values()] == [True] * 40


def test_batch_question_that_meets_no_space_fails_once_others_are_answered(out: Path) -> None:
    run, _ = batch_run(out, Provider("a", SpaceUnavailable("down")))
    assert (run.answered, run.failed, run.unreachable) == (3, 2, "")
    assert len(records(out)) == 5


def test_batch_question_that_fails_beside_a_used_up_quota_is_not_asked_for_ever(
    make_space: Callable[..., ScriptedSpace], out: Path
) -> None:
    space = make_space()
    client = AsyncQwenClient(space.url, retries=0, fallbacks=[Provider(RateLimited("used up"))])
    bad = space.script(4, fail_at=0)
    run, _ = run_batch(out, client, [BatchQuestion(1, bad.prompt), BatchQuestion(2, space.script(2).prompt)])
    assert (run.answered, run.failed, bad.count("start")) == (1, 1, 1)


def test_batch_closed_stdin_has_no_question(out: Path) -> None:
    process = subprocess.run(
        ["bash", "-c", f"{shlex.join([*COMMAND, 'batch', '-', '-o', str(out)])} <&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (2, "qwen-gradio: expected at least one question, got none\n")


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.full)])
def test_batch_killed_at_any_moment_goes_on_to_the_same_results(
    space: ScriptedSpace, questions: Callable[..., str], out: Path, kills: int
) -> None:
    scripts = [space.script(3, step=0.002) for _ in range(8 * kills)]
    file = questions(*({"id": script.name, "prompt": script.prompt} for script in scripts))
    command = [*COMMAND, "batch", file, "-o", str(out), "-m", space.url, "--concurrency", "4"]
    chance = random.Random(kills)  # noqa: S311 - repeatable is meant
    starts: dict[str, int] = {}
    for _ in range(kills):
        size, late = _size(out) + chance.randrange(1, 1500), chance.uniform(0, 0.03)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert _is_reached(out, size, process)
            time.sleep(late)
            process.kill()
        starts |= {one.name: one.count("start") for one in scripts if one.name in _whole_lines(out)}
    assert len(starts) > kills
    assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    assert {id_: record["text"] for id_, record in records(out).items()} == {one.name: one.final for one in scripts}
    again = {one.name: one.count("start") for one in scripts if one.name in starts}
    assert again == starts, "nothing that was answered was asked again"


def _is_reached(out: Path, size: int, process: subprocess.Popen[Any]) -> bool:
    return eventually(lambda: _size(out) >= size or process.poll() is not None)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _whole_lines(path: Path) -> set[str]:
    return {json.loads(line)["id"] for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")}


class Provider:
    """A provider, as g4f has them, that answers or raises as it is told, in turn."""

    def __init__(self, *items: str | Exception) -> None:
        self._items = itertools.cycle(items)
        self.questions: list[Any] = []

    async def create_async_generator(self, model: str, messages: Any, **options: Any) -> AsyncIterator[str]:
        self.questions.append((model, messages, options))
        item = next(self._items)
        if isinstance(item, Exception):
            raise item
        yield item


def batch_run(out: Path, provider: Provider, **limits: float) -> tuple[BatchRun, float]:
    """Ask five questions of a provider behind a Space that is down; give the run, and the seconds that it slept."""
    client = AsyncQwenClient("http://127.0.0.1:9", retries=0, fallbacks=[provider])
    return run_batch(out, client, [BatchQuestion(number, "hi") for number in range(5)], **limits)


def run_batch(
    out: Path, client: AsyncQwenClient, questions: list[BatchQuestion], **limits: float
) -> tuple[BatchRun, float]:
    """Ask questions, two at a time; give the run, and the seconds that it slept."""
    slept = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await anyio.lowlevel.checkpoint()

    pace = Pace(sleep, clock=lambda: sum(slept), **limits)
    with Results(out) as results:
        run = BatchRun(client, results, system=None, options={}, pace=pace)
        anyio.run(run.ask_all, questions, 2)
    return run, sum(slept)


def test_batch_used_up_quota_pauses_until_retry_after(out: Path) -> None:
    provider = Provider(RateLimited("used up", retry_after=1800), "a")
    run, slept = batch_run(out, provider)
    assert (run.answered, run.failed, run.pace.used_up) == (5, 0, "")
    assert set(records(out)) == set(range(5))
    assert slept >= 1800


def test_batch_quota_used_up_while_connecting_is_waited_for(
    space: ScriptedSpace, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect, refusals = AsyncQwenClient.inspect, [RateLimited("used up", retry_after=1800)]

    async def used_up_once(client: AsyncQwenClient) -> Inspection:
        if refusals:
            raise refusals.pop()
        return await inspect(client)

    monkeypatch.setattr(AsyncQwenClient, "inspect", used_up_once)
    run, slept = run_batch(out, AsyncQwenClient(space.url, retries=0), [BatchQuestion(1, "hi")])
    assert (run.answered, run.pace.used_up) == (1, "")
    assert slept >= 1800


def test_batch_used_up_quota_too_long_ends_the_run(out: Path) -> None:
    provider = Provider("a", RateLimited("used up", retry_after=86_400))
    run, slept = batch_run(out, provider)
    assert (run.failed, slept) == (0, 0)
    assert run.pace.used_up.startswith("Provider: used up")
    assert 1 <= run.answered == len(records(out)) < 5
    assert len(provider.questions) <= 4


def test_batch_quota_that_stays_used_up_ends_the_run(out: Path) -> None:
    run, slept = batch_run(out, Provider(RateLimited("used up")), max_wait=300)
    assert (run.answered, run.failed) == (0, 0)
    assert 120 <= slept <= 300
    assert run.pace.used_up.startswith("Provider: used up")


def test_batch_rate_bounds_the_starts(out: Path) -> None:
    run, slept = batch_run(out, Provider("a"), rate=20)
    assert run.answered == 5
    assert slept == pytest.approx(4 * 3)


def test_batch_disk_full_exits_with_one_line(space: ScriptedSpace, questions: Callable[..., str], out: Path) -> None:
    command = shlex.join([*COMMAND, "batch", questions(*["hi"] * 50), "-o", str(out), "-m", space.url])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.run(
        ["bash", "-c", f"ulimit -f 1; {command}"], env=environment, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (4, "qwen-gradio: the output can't be written: File too large\n")
    assert run("batch", questions(*["hi"] * 50), "-o", str(out), "-m", space.url).exit_code == 0
    assert len(records(out)) == 50


def test_batch_quota_exits_with_its_own_code(
    out: Path, questions: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def used_up(_: object) -> None:
        raise RateLimited("the quota is used up", retry_after=5)

    monkeypatch.setattr(AsyncQwenClient, "inspect", used_up)
    result = run("batch", questions("hi"), "-o", str(out), "--retries", "0", "--max-wait", "0")
    assert (result.exit_code, "0 answered, 0 failed, 1 left" in result.stderr) == (3, True)
    assert "run the command again later" in result.stderr

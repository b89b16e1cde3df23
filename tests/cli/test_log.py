"""The log: what is saved is found again, by its owner alone, whatever else writes to it."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from qwen_gradio import UsageError
from qwen_gradio.cli.log import Log, SavedConversation, Turn

MESSAGES = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "añ 漢 \ud800"}]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "data" / "log.db")


def test_log_nothing_saved_finds_nothing_and_makes_no_file(log: Log) -> None:
    assert (log.find(), log.find("name"), log.turns()) == (None, None, [])
    assert not log.path.exists()


def test_log_saved_conversation_is_found_as_it_was(log: Log) -> None:
    saved = SavedConversation("a/b", "Be brief.", {"radio": "7B", "n": 1}, MESSAGES, "work")
    log.save(saved)
    assert log.find() == log.find("work") == saved
    assert log.find("other") is None


def test_log_conversation_saved_again_replaces_itself_and_is_the_latest(log: Log) -> None:
    first, second = SavedConversation("a/b"), SavedConversation("c/d")
    for conversation in (first, second, replace(first, messages=MESSAGES)):
        log.save(conversation)
    assert log.find() == replace(first, messages=MESSAGES)


def test_log_commands_without_it_import_no_sqlite() -> None:
    code = "import sys, qwen_gradio.cli.main; print('sqlite3' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # uses sqlite3
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_log_turns_are_the_latest_in_order(log: Log) -> None:
    conversation = SavedConversation("a/b", name="work")
    for number in range(4):
        log.append(conversation, Turn("a/b", f"Q{number}", f"A{number} 100%", "hm", "stopped" if number == 3 else ""))
    assert [turn.prompt for turn in log.turns()] == ["Q0", "Q1", "Q2", "Q3"]
    assert [(turn.reply, turn.error, turn.name) for turn in log.turns(1)] == [("A3 100%", "stopped", "work")]
    assert [turn.prompt for turn in log.turns(search="a2 100%")] == ["Q2"]
    assert log.turns(search="a_") == []


def test_log_lone_surrogate_is_saved_as_a_question_mark(log: Log) -> None:
    log.append(SavedConversation("a/b"), Turn("a/b", "hi", "x\ud800"))
    assert log.turns()[0].reply == "x?"


def test_log_file_is_readable_by_its_owner_alone(log: Log) -> None:
    log.path.parent.mkdir()
    log.path.touch(0o644)
    log.save(SavedConversation("a/b"))
    assert stat.S_IMODE(os.stat(log.path).st_mode) == 0o600


def test_log_name_of_another_conversation_is_refused(log: Log) -> None:
    log.save(SavedConversation("a/b", name="work"))
    with pytest.raises(UsageError, match="another conversation has that name"):
        log.save(SavedConversation("a/b", name="work"))


def test_log_written_by_many_at_once_has_every_turn(log: Log) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: log.append(SavedConversation("a/b"), Turn("a/b", str(n), "")), range(40)))
    assert sorted(int(turn.prompt) for turn in log.turns()) == [*range(40)]


@pytest.mark.parametrize("content", [b"no database", None])
def test_log_that_cannot_be_used_says_what_to_do(log: Log, content: bytes | None) -> None:
    log.path.parent.mkdir()
    if content is None:
        log.path.mkdir()
    else:
        log.path.write_bytes(content)
    with pytest.raises(UsageError, match=r"log\.db can't be used: .*--no-log") as caught:
        log.find()
    assert isinstance(caught.value.__cause__, OSError | sqlite3.Error)

"""The log: what was asked and answered, and each conversation as it stands, in one SQLite file."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qwen_gradio

if TYPE_CHECKING:
    import sqlite3

LOCK_TIMEOUT = 5.0  # seconds to wait for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, name TEXT UNIQUE, space TEXT NOT NULL, system TEXT, options TEXT NOT NULL,
    messages TEXT NOT NULL, changed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS turns (
    id INTEGER PRIMARY KEY, conversation TEXT NOT NULL REFERENCES conversations (id), time TEXT NOT NULL,
    space TEXT NOT NULL, prompt TEXT NOT NULL, reply TEXT NOT NULL, thinking TEXT NOT NULL, error TEXT NOT NULL
);
"""
SAVE_CONVERSATION = """
INSERT INTO conversations (id, name, space, system, options, messages, changed)
VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM conversations))
ON CONFLICT (id) DO UPDATE SET name = excluded.name, space = excluded.space, system = excluded.system,
    options = excluded.options, messages = excluded.messages, changed = excluded.changed
"""
SAVE_TURN = """
INSERT INTO turns (conversation, time, space, prompt, reply, thinking, error) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
FIND_CONVERSATION = """
SELECT space, system, options, messages, name, id FROM conversations
WHERE name = ?1 OR ?1 IS NULL ORDER BY changed DESC LIMIT 1
"""
FIND_TURNS = """
SELECT turns.space, prompt, reply, thinking, error, time, name
FROM turns JOIN conversations ON conversations.id = conversation
WHERE prompt LIKE ?1 ESCAPE '!' OR reply LIKE ?1 ESCAPE '!' ORDER BY turns.id DESC LIMIT ?2
"""


@dataclass(frozen=True)
class SavedConversation:
    """A conversation as it stands.

    Attributes:
        space: the Space's id or URL.
        system: the system message; None for the Space's own.
        options: the Space's parameters.
        messages: the turns, as `{"role", "content"}`.
        name: the name that it was given; None for none.
        id: what tells it from others.
    """

    space: str
    system: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    name: str | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Turn:
    """One question, and what came of it.

    Attributes:
        space: the id or URL of the Space that answered.
        prompt: the question.
        reply: the answer, as far as it came.
        thinking: the model's thinking.
        error: why the reply isn't complete; `""` if it is.
        time: when it was logged, in ISO 8601 and UTC; `""` before.
        name: the name of its conversation; None for none.
    """

    space: str
    prompt: str
    reply: str
    thinking: str = ""
    error: str = ""
    time: str = ""
    name: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its fields, for JSON."""
        return asdict(self)


class Log:
    """The log file, which its owner alone can read. It is opened for each call.

    Args:
        path: the file; made when something is saved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def append(self, conversation: SavedConversation, turn: Turn) -> None:
        """Save a turn, and its conversation as it stands after it.

        Raises:
            UsageError: the file can't be written.
        """
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        texts = map(_storable, (turn.prompt, turn.reply, turn.thinking, turn.error))
        with self._open() as db:
            _save(db, conversation)
            db.execute(SAVE_TURN, (conversation.id, time, turn.space, *texts))

    def save(self, conversation: SavedConversation) -> None:
        """Save a conversation as it stands, in place of what was saved of it.

        Raises:
            UsageError: the file can't be written, or another conversation has that name.
        """
        with self._open() as db:
            _save(db, conversation)

    def find(self, name: str | None = None) -> SavedConversation | None:
        """Return the conversation of that name, or the one saved last if that is None; None if there is none."""
        if not self.path.exists():
            return None
        with self._open() as db:
            row = db.execute(FIND_CONVERSATION, (name,)).fetchone()
        if row is None:
            return None
        space, system, options, messages, *others = row
        return SavedConversation(space, system, json.loads(options), json.loads(messages), *others)

    def turns(self, count: int = -1, *, search: str = "") -> list[Turn]:
        """Return the latest turns, oldest first.

        Args:
            count: the maximum number; negative for all.
            search: a text that the question or the answer contains, in upper or lower case.
        """
        if not self.path.exists():
            return []
        pattern = "".join(f"!{char}" if char in "!%_" else char for char in _storable(search))
        with self._open() as db:
            rows = db.execute(FIND_TURNS, (f"%{pattern}%", count)).fetchall()
        return [Turn(*row) for row in reversed(rows)]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        import sqlite3  # not at the top, as other commands don't need it

        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self.path.chmod(0o600)
            with contextlib.closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT)) as db, db:
                db.executescript(SCHEMA)
                yield db
        except sqlite3.IntegrityError as exc:
            raise qwen_gradio.UsageError("another conversation has that name; choose another") from exc
        except (OSError, sqlite3.Error) as exc:
            raise qwen_gradio.UsageError(
                f"the log {self.path} can't be used: {exc}. Move it away, or use --no-log"
            ) from exc


def user_log() -> Log:
    """Return the user's log."""
    import platformdirs  # not at the top, as `--help` doesn't need it

    return Log(platformdirs.user_data_path("qwen_gradio", appauthor=False) / "log.db")


def _save(db: sqlite3.Connection, conversation: SavedConversation) -> None:
    one = conversation
    db.execute(
        SAVE_CONVERSATION,
        (one.id, one.name, one.space, one.system, json.dumps(one.options), json.dumps(one.messages)),
    )


def _storable(text: str) -> str:
    """Replace lone surrogates, which SQLite doesn't take."""
    return text.encode(errors="replace").decode()

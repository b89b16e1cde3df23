"""The files of `qwen-gradio batch`: questions are read, results are appended, and a later run goes on after them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import qwen_gradio

from ..text.messages import Message, parse_messages
from .options import OWN_OPTIONS

FIELDS = ("id", "prompt", "messages", "system", "options")
RECORD_START = b'{"id": '  # of each line of the results


@dataclass(frozen=True)
class BatchQuestion:
    """One question of a batch.

    Attributes:
        id: its id, a str or an int; the number of its line, from 1, if it has none.
        messages: a prompt, or OpenAI-style messages.
        system: its system message; None for that of the batch.
        options: its options for the Space.
    """

    id: str | int
    messages: str | Sequence[Message]
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_system(self) -> bool:
        """True if it has a system message of its own, also among its messages."""
        messages = () if isinstance(self.messages, str) else self.messages
        return self.system is not None or any(one.get("role") in ("system", "developer") for one in messages)

    def as_record(self) -> dict[str, Any]:
        """Return the question as the fields of its result."""
        name = "prompt" if isinstance(self.messages, str) else "messages"
        record: dict[str, Any] = {"id": self.id, name: self.messages}
        if self.system is not None:
            record["system"] = self.system
        return {**record, "options": self.options} if self.options else record


def read_questions(content: bytes, format_: str, column: str | None = None) -> list[BatchQuestion]:
    """Parse the questions of a file.

    Args:
        content: the file's, UTF-8.
        format_: "jsonl", "csv", "tsv" or "lines".
        column: the CSV column with the prompts; None for the only one, or the one named "prompt".

    Raises:
        UsageError: a question is invalid, two have one id, or there is none; the message names the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise qwen_gradio.UsageError(
            f"line {line} of the questions is not UTF-8 text; convert the file, as with iconv"
        ) from exc
    if column is not None and format_ not in ("csv", "tsv"):
        raise qwen_gradio.UsageError("--column is for CSV; name the format with --format csv")
    rows = _csv_rows(text, "\t" if format_ == "tsv" else ",", column) if format_ in ("csv", "tsv") else _lines(text)
    parse = _parse_json_line if format_ == "jsonl" else _as_question
    questions: dict[str | int, BatchQuestion] = {}
    for number, row in rows:
        question = _checked(parse, row, number)
        if question.id in questions:
            raise qwen_gradio.UsageError(f"line {number}: another question has the id {question.id!r} already")
        questions[question.id] = question
    if not questions:
        raise qwen_gradio.UsageError("expected at least one question, got none")
    return list(questions.values())


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that isn't blank, with its number."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")


def _csv_rows(text: str, delimiter: str, column: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(1 << 30)  # a prompt may be longer than the 128 KiB of the default
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    where = "the header"
    try:
        names = list(rows.fieldnames or ())
        column = column or (names[0] if len(names) == 1 else "prompt")
        if column not in names:
            raise qwen_gradio.UsageError(f"expected --column with one of the columns {', '.join(names)}; got {column}")
        where = "row 1"
        for number, row in enumerate(rows, start=1):
            where = f"row {number + 1}"
            if (row[column] or "").strip():
                yield number, {"prompt": row[column], **({"id": row["id"]} if row.get("id") else {})}
    except csv.Error as exc:
        raise qwen_gradio.UsageError(f"{where} of the questions is not CSV: {exc}") from exc


def _parse_json_line(line: str, number: int) -> BatchQuestion:
    try:
        value = json.loads(line)
    except ValueError as exc:
        raise qwen_gradio.UsageError(f"not JSON ({exc})") from exc
    return _as_question(value, number)


def _as_question(value: object, number: int) -> BatchQuestion:
    if isinstance(value, str):
        return BatchQuestion(number, value)
    if not isinstance(value, dict) or ("prompt" in value) == ("messages" in value):
        raise qwen_gradio.UsageError('expected a string, or an object with "prompt" or "messages"')
    if unknown := [name for name in value if name not in FIELDS]:
        raise qwen_gradio.UsageError(f"unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    id_, system, options = value.get("id", number), value.get("system"), value.get("options") or {}
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise qwen_gradio.UsageError("expected a string or a whole number as id")
    if not isinstance(system, str | None) or not isinstance(options, dict):
        raise qwen_gradio.UsageError("expected a string as system, and an object as options")
    if own := sorted(OWN_OPTIONS.keys() & options.keys()):
        raise qwen_gradio.UsageError(f"expected parameters of the Space as options, got {own[0]}")
    messages = value["prompt"] if "prompt" in value else value["messages"]
    if "prompt" in value and not isinstance(messages, str):
        raise qwen_gradio.UsageError("expected a string as prompt")
    return BatchQuestion(id_, messages, system, options)


def _checked(parse: Callable[[Any, int], BatchQuestion], row: Any, number: int) -> BatchQuestion:
    try:
        question = parse(row, number)
        parse_messages(question.messages, question.system)
    except qwen_gradio.InvalidMessages as exc:
        raise qwen_gradio.InvalidMessages(f"line {number}: {exc}") from exc
    except qwen_gradio.UsageError as exc:
        raise qwen_gradio.UsageError(f"line {number}: {exc}") from exc
    return question


class Results:
    """The results of a batch, in a file of JSON Lines: one line a question, appended as it is answered.

    On opening it removes a last line that a killed run left unfinished, which has no whole result.

    Args:
        path: the file; it is created if it doesn't exist.

    Attributes:
        answered: the questions with an answer, by id, as digests.
        failed: those with an error alone.

    Raises:
        UsageError: the file can't be opened, is not a batch's, or another run is writing it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path = path.resolve()
        self.answered: dict[str | int, str] = {}
        self.failed: dict[str | int, str] = {}
        self._file: IO[bytes] = _open_locked(path)
        try:
            self._mend_last_line()
            for number, record in self._records():
                known = self.failed if "error" in record else self.answered
                known[_id(record, number, path)] = _digest(record)
        except BaseException:
            self._file.close()
            raise

    def _mend_last_line(self) -> None:
        self._file.seek(0)
        end, last = 0, b""
        for line in self._file:
            end, last = end + len(line), line
        if not last or last.endswith(b"\n"):
            return
        if not (last.startswith(RECORD_START) or RECORD_START.startswith(last)):
            raise qwen_gradio.UsageError(
                f"{self._path} is not a file of results: its last line is another's; name another file"
            )
        if _is_json(last):
            self._file.write(b"\n")
        else:
            self._file.truncate(end - len(last))
        self._file.flush()

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict) or not ({"text", "error"} & record.keys()):
                raise qwen_gradio.UsageError(
                    f"{self._path} is not a file of results: see its line {number}; name another file"
                )
            yield number, record

    def pending(self, questions: Iterable[BatchQuestion]) -> list[BatchQuestion]:
        """Return the questions that have no result.

        Raises:
            UsageError: a result is that of another question with the same id.
        """
        done = {**self.failed, **self.answered}
        found = []
        for question in questions:
            digest = done.get(question.id)
            if digest is None:
                found.append(question)
            elif digest != _digest(question.as_record()):
                raise qwen_gradio.UsageError(
                    f"{self._path} has the result of another question with the id {question.id!r}; "
                    "name another file for the results, or undo the change of the questions"
                )
        return found

    def drop_failed(self) -> None:
        """Remove the failures, so that they are asked again: the file is replaced at once, or not at all."""
        if not self.failed:
            return
        new_path = self._path.with_name(f".{self._path.name}.new")
        new_path.unlink(missing_ok=True)
        new = _open_locked(new_path)
        for _, record in self._records():
            if "error" not in record:
                new.write(_line(record))
        new.flush()
        os.fsync(new.fileno())
        new_path.chmod(self._path.stat().st_mode & 0o777)
        new_path.replace(self._path)
        self._file.close()
        self._file, self.failed = new, {}

    def append(self, question: BatchQuestion, result: Mapping[str, Any]) -> None:
        """Append a result, and hand it to the system, where it outlives this process.

        Args:
            question: the question.
            result: its answer's fields, of which one is `text`, or `error` for a failure.
        """
        self._file.write(_line({**question.as_record(), **result}))
        self._file.flush()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, type_: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()


def error_fields(exc: qwen_gradio.QwenGradioError) -> dict[str, Any]:
    """Return a failure as JSON: its type, what it says, and whether asking again can help."""
    retryable = exc.retryable or any(getattr(one, "retryable", False) for one in getattr(exc, "exceptions", ()))
    return {"type": type(exc).__name__, "message": str(exc), "retryable": retryable}


def _open_locked(path: Path) -> IO[bytes]:
    """Open a file to read and append; where the system has locks, no other run does so meanwhile."""
    if path.exists() and not path.is_file():
        raise qwen_gradio.UsageError(
            f"{path} is not a regular file, which a batch needs to go on later; name another file"
        )
    try:
        file = path.open("a+b")
    except OSError as exc:
        raise qwen_gradio.UsageError(f"{path} can't be written: {exc.strerror}; name another file") from exc
    try:
        import fcntl  # not on Windows

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # pragma: no cover - only on Windows
        pass
    except OSError as exc:
        file.close()
        raise qwen_gradio.UsageError(
            f"{path} is being written by another run; wait for it, or name another file"
        ) from exc
    return file


def _line(record: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # lone surrogates, which JSON can escape
        return json.dumps(record).encode() + b"\n"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _id(record: Mapping[str, Any], number: int, path: Path) -> str | int:
    id_ = record.get("id")
    if not isinstance(id_, str | int):
        raise qwen_gradio.UsageError(f"{path} is not a file of results: its line {number} has no id; name another file")
    return id_


def _digest(record: Mapping[str, Any]) -> str:
    """Return the digest of a record's question, shorter than the question."""
    fields = {name: record[name] for name in FIELDS if name in record}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]

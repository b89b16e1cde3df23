"""The files of a batch: what is read as questions, and what of an interrupted run's results is gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio import InvalidMessages, UsageError
from qwen_gradio.cli.batch_files import BatchQuestion, Results, read_questions

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def test_read_questions_json_lines_have_every_form() -> None:
    lines = [
        "hi",
        {"prompt": "you", "id": "a", "system": "Be brief.", "options": {"radio": "7B"}},
        {"messages": MESSAGES, "id": 9},
    ]
    content = "\n\n".join(map(json.dumps, lines)).encode()
    assert read_questions(content, "jsonl") == [
        BatchQuestion(1, "hi"),
        BatchQuestion("a", "you", "Be brief.", {"radio": "7B"}),
        BatchQuestion(9, MESSAGES),
    ]


def test_read_questions_plain_lines_have_their_number_as_id() -> None:
    content = "\ufeffone\r\n\n  two, \u2028too\n".encode()
    assert read_questions(content, "lines") == [BatchQuestion(1, "one"), BatchQuestion(3, "  two, \u2028too")]


@pytest.mark.parametrize(
    ("content", "column", "prompts"),
    [
        ('id,text\nx,"two\nlines, one cell"\ny,b\n', "text", [("x", "two\nlines, one cell"), ("y", "b")]),
        ("question\na\n\nb\n", None, [(1, "a"), (2, "b")]),
        ("n,prompt\n1,a\n2,\n3,c\n", None, [(1, "a"), (3, "c")]),
        ("prompt\n" + "long" * 50_000 + "\n", None, [(1, "long" * 50_000)]),
    ],
)
def test_read_questions_csv_column_has_the_prompts(
    content: str, column: str | None, prompts: list[tuple[str | int, str]]
) -> None:
    questions = read_questions(content.encode(), "csv", column)
    assert [(question.id, question.messages) for question in questions] == prompts


@pytest.mark.parametrize(
    ("content", "format_", "says"),
    [
        (b"", "lines", "at least one question"),
        (b"\n \n", "jsonl", "at least one question"),
        (b"one\n\xff", "lines", "line 2 of the questions is not UTF-8"),
        (b'"a"\n{"prompt": ', "jsonl", "line 2: not JSON"),
        (b"5", "jsonl", 'line 1: expected a string, or an object with "prompt" or "messages"'),
        (b'{"prompt": "a", "messages": []}', "jsonl", 'with "prompt" or "messages"'),
        (b'{"prompt": 5}', "jsonl", "expected a string as prompt"),
        (b'{"prompt": "a", "temprature": 1}', "jsonl", "unknown field 'temprature'"),
        (b'{"prompt": "a", "id": 1.5}', "jsonl", "as id"),
        (b'{"prompt": "a", "options": []}\n{"prompt": "a", "options": [1]}', "jsonl", "line 2: expected a string as"),
        (b'{"prompt": "a", "id": "x"}\n{"prompt": "b", "id": "x"}', "jsonl", "line 2: another question has the id 'x'"),
        (b"a,b\n1,2\n", "csv", "--column with one of the columns a, b"),
        (b'prompt\n"a', "csv", "row 1 of the questions is not CSV"),
        (b'"prompt" x\na\n', "csv", "the header of the questions is not CSV"),
        (b'"a"\n{"prompt": "a", "options": {"system": "b"}}', "jsonl", "line 2: expected parameters of the Space as"),
        (b'{"prompt": "a", "options": {"self": 1}}', "jsonl", "line 1: expected parameters of the Space as options"),
    ],
)
def test_read_questions_invalid_raises_usage_error_with_line(content: bytes, format_: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_questions(content, format_)
    assert says in str(caught.value)


@pytest.mark.parametrize("line", ['""', '{"messages": []}', '{"messages": [{"role": "assistant", "content": "a"}]}'])
def test_read_questions_without_question_raises_invalid_messages(line: str) -> None:
    with pytest.raises(InvalidMessages, match=r"^line 2: "):
        read_questions(f'"a"\n{line}'.encode(), "jsonl")


QUESTIONS = [BatchQuestion(number, f"question ñ {number}") for number in range(4)]
ANSWER = {"text": "answer “ñ”", "space": "a"}
FAILURE = {"error": {"type": "AppRaised", "message": "no", "retryable": False}}


def write(path: Path, results: list[tuple[BatchQuestion, dict[str, Any]]]) -> bytes:
    with Results(path) as file:
        for question, result in results:
            file.append(question, result)
    return path.read_bytes()


def test_results_torn_anywhere_are_mended_and_no_whole_one_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "out"
    whole = write(path, [(question, ANSWER) for question in QUESTIONS])
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        answered = sum(len(line) >= len(full) - 1 for line, full in _pairs(whole[:length], whole))
        with Results(path) as results:
            pending = results.pending(QUESTIONS)
            assert pending == QUESTIONS[answered:]
            for question in pending:
                results.append(question, ANSWER)
        assert path.read_bytes() == whole


def _pairs(torn: bytes, whole: bytes) -> list[tuple[bytes, bytes]]:
    """Each line of a torn file without its end, and the same line of the whole one."""
    return list(zip(torn.split(b"\n"), whole.splitlines(keepends=True), strict=False))


def test_results_failed_are_pending_only_once_dropped(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, [(QUESTIONS[0], ANSWER), (QUESTIONS[1], FAILURE), (QUESTIONS[2], ANSWER)])
    path.chmod(0o600)
    with Results(path) as results:
        assert results.pending(QUESTIONS) == QUESTIONS[3:]
        results.drop_failed()
        assert results.pending(QUESTIONS) == [QUESTIONS[1], QUESTIONS[3]]
        results.append(QUESTIONS[1], ANSWER)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(record["id"], "text" in record) for record in records] == [(0, True), (2, True), (1, True)]
    assert (path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o600, [path])


@pytest.mark.parametrize("content", ["notes", "notes\n", '{"id": 1}\n', '{"text": "a"}\n', "[1]\n", '{"id": 1}\nab'])
def test_results_file_of_something_else_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes"
    path.write_text(content)
    with pytest.raises(UsageError, match="is not a file of results"):
        Results(path)
    assert path.read_text() == content


def test_results_of_a_changed_question_raise_usage_error(tmp_path: Path) -> None:
    write(tmp_path / "out", [(QUESTIONS[1], ANSWER)])
    with Results(tmp_path / "out") as results, pytest.raises(UsageError, match="another question with the id 1"):
        results.pending([BatchQuestion(1, "another")])


def test_results_lone_surrogate_is_kept_as_it_is(tmp_path: Path) -> None:
    question = BatchQuestion(1, "a\ud800", None, {"x": 1.5})
    write(tmp_path / "out", [(question, {"text": "\udfff"})])
    with Results(tmp_path / "out") as results:
        assert results.pending([question]) == []
    assert json.loads((tmp_path / "out").read_bytes())["text"] == "\udfff"


def test_results_second_writer_or_folder_raises_usage_error(tmp_path: Path) -> None:
    with Results(tmp_path / "out"), pytest.raises(UsageError, match="is being written by another run"):
        Results(tmp_path / "out")
    with pytest.raises(UsageError, match="is not a regular file"):
        Results(tmp_path)
    with pytest.raises(UsageError, match="can't be written: No such file or directory"):
        Results(tmp_path / "nowhere" / "out")

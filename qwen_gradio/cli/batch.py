"""`qwen-gradio batch`: many questions from a file, their results appended to another; a later run goes on."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import qwen_gradio

from ..space import catalogue
from .batch_files import BatchQuestion, Results, error_fields, read_questions
from .exit_codes import ExitCode
from .options import SPACE_ENV, complete_space, make_client, parse_option, retries_option, space_options
from .pace import Pace
from .render import QuestionsProgress, echo

if TYPE_CHECKING:  # at runtime it is imported where it is used, as `--help` doesn't need it
    import anyio

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv"}


@click.command()
@click.argument("questions", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="IN")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file of the results."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(sorted({*FORMATS.values(), "lines"})),
    help="The form of IN; by default that of its name, plain lines otherwise.",
)
@click.option("--column", metavar="NAME", help="The CSV column with the prompts; the only one, or `prompt`.")
@click.option(
    "--space",
    "-m",
    "spaces",
    multiple=True,
    default=[catalogue.DEFAULT],
    show_default=True,
    envvar=SPACE_ENV,
    show_envvar=True,
    shell_complete=complete_space,
    help="A Space's id, alias or URL; questions are spread over several. --token is for the first.",
)
@space_options
@retries_option
@click.option("--system", metavar="TEXT", help="The system message of questions that have none of their own.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="A parameter; see `inspect`.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=4, show_default=True, help="Questions at a time.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="The maximum number of questions a minute.")
@click.option("--retry-failed", is_flag=True, help="Ask those that failed in an earlier run again.")
@click.option(
    "--max-wait",
    type=click.FloatRange(0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a used-up quota, before ending with exit code 3.",
)
def batch(
    questions: Path,
    output: Path,
    format_: str | None,
    column: str | None,
    spaces: Sequence[str],
    system: str | None,
    options: Sequence[str],
    concurrency: int,
    rate: float | None,
    retry_failed: bool,
    max_wait: float,
    **network: Any,
) -> None:
    """Ask each question of IN, and append each result to a file of JSON Lines.

    IN has JSON Lines (a string, or an object with `prompt` or `messages`, and with `id`, `system` and `options`), CSV
    or plain lines; "-" is stdin. If the run is interrupted, run it again: it asks what has no result yet.
    """
    import anyio  # not at the top, as `--help` doesn't need it

    parameters = dict(map(parse_option, options))
    asked = read_questions(_read(questions, output), format_ or FORMATS.get(questions.suffix, "lines"), column)
    first, *others = dict.fromkeys(spaces)
    client = make_client(first, fallbacks=others, **network)
    with Results(output) as results:
        if retry_failed:
            results.drop_failed()
        pending = results.pending(asked)
        pace = Pace(anyio.sleep, rate=rate, max_wait=max_wait)
        run = BatchRun(client, results, system=system, options=parameters, pace=pace)
        run.check(pending)
        with QuestionsProgress(total=len(asked), done=len(asked) - len(pending)) as run.progress:
            if pending:
                anyio.run(run.ask_all, pending, concurrency)
        if run.write_error:
            raise run.write_error
        failed = len({question.id for question in asked} & results.failed.keys()) + run.failed
    left = len(pending) - run.answered - run.failed
    _report(output, len(asked) - failed - left, failed, left, pace.used_up)


def _read(questions: Path, output: Path) -> bytes:
    if str(questions) == "-":
        return sys.stdin.buffer.read() if sys.stdin else b""
    try:
        if output.exists() and output.samefile(questions):
            raise qwen_gradio.UsageError(f"{output} has the questions; name another file for the results")
        return questions.read_bytes()
    except OSError as exc:
        raise qwen_gradio.UsageError(f"{questions} can't be read: {exc.strerror}") from exc


def _report(output: Path, answered: int, failed: int, left: int, used_up: str) -> None:
    """Print how many questions were answered, and exit with the code for it."""
    echo(f"qwen-gradio: {answered} answered, {failed} failed, {left} left; the results are in {output}", err=True)
    if used_up:
        echo(f"qwen-gradio: the quota is used up; run the command again later, and it goes on: {used_up}", err=True)
        sys.exit(ExitCode.USED_UP)
    if failed:
        echo("qwen-gradio: --retry-failed asks those that failed again", err=True)
        sys.exit(ExitCode.SPACE_FAILED)


@dataclass
class BatchRun:
    """One run over the questions that have no result.

    Attributes:
        client: the client of all Spaces.
        results: the file of the results.
        system: the system message of questions without one.
        options: the options of all questions.
        pace: when the next question may be asked.
        progress: where the results are counted; None for nowhere.
        answered: the number of questions answered.
        failed: the number of questions whose failure was recorded.
        write_error: why a result could not be written, which ends the run; else None.
    """

    client: qwen_gradio.AsyncQwenClient
    results: Results
    system: str | None
    options: Mapping[str, Any]
    pace: Pace
    progress: QuestionsProgress | None = None
    answered: int = 0
    failed: int = 0
    write_error: OSError | None = None
    _queue: list[BatchQuestion] = field(default_factory=list)  # the next one last

    def check(self, pending: Sequence[BatchQuestion]) -> None:
        """Check the questions' options as far as that needs no network.

        Raises:
            UsageError: one is invalid.
        """
        for question in pending:
            with _naming(question):
                self._stream(self.client.stream, question)

    def _stream(self, stream: Any, question: BatchQuestion) -> qwen_gradio.Reply:
        system = question.system if question.has_system else self.system
        reply: qwen_gradio.Reply = stream(question.messages, system=system, **{**self.options, **question.options})
        return reply

    async def ask_all(self, pending: Sequence[BatchQuestion], concurrency: int) -> None:
        """Ask the questions, some at a time.

        Raises:
            QwenGradioError: the only Space can't be reached.
        """
        import anyio

        self._queue = list(reversed(pending))
        turn = anyio.Lock()
        stream = functools.partial(self._stream, self.client.stream_each(spread=True))
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.client)
            except qwen_gradio.RateLimited as exc:
                self.pace.used_up = str(exc)
                return
            tasks = await stack.enter_async_context(anyio.create_task_group())

            async def work() -> None:
                try:
                    while (question := await self._next_question(turn)) is not None:
                        await self._ask(stream, question)
                except OSError as exc:
                    self.write_error = exc
                    tasks.cancel_scope.cancel()

            for _ in range(min(concurrency, len(pending))):
                tasks.start_soon(work)

    async def _next_question(self, turn: anyio.Lock) -> BatchQuestion | None:
        """Return the next question when it may be asked; None if there is no more, or the quota ended the run."""
        async with turn:
            if self._queue:
                await self.pace.wait()
            return None if self.pace.used_up or not self._queue else self._queue.pop()

    async def _ask(self, stream: Any, question: BatchQuestion) -> None:
        """Ask one question and record its result; put it back if the quota is used up."""
        try:
            async with stream(question) as reply:
                async for _ in reply:
                    pass
        except qwen_gradio.QwenGradioError as exc:
            if limits := _rate_limits(exc):
                self._queue.append(question)
                seconds = self.pace.pause(limits)
                if self.progress and not self.pace.used_up:
                    self.progress.pause(seconds)
                return
            partial = {"partial": exc.partial} if exc.partial else {}
            self.results.append(question, {"error": error_fields(exc), "space": exc.space, **partial})
            self.failed += 1
        else:
            thinking = {"thinking": reply.thinking} if reply.thinking else {}
            self.results.append(question, {"text": reply.text, **thinking, "space": reply.space})
            self.answered += 1
            self.pace.count_answer()
        if self.progress:
            self.progress.advance(failed=self.failed)


@contextlib.contextmanager
def _naming(question: BatchQuestion) -> Iterator[None]:
    """Name the question in a UsageError."""
    try:
        yield
    except qwen_gradio.UsageError as exc:
        raise qwen_gradio.UsageError(f"the question {question.id!r}: {exc}") from exc


def _rate_limits(exc: qwen_gradio.QwenGradioError) -> list[qwen_gradio.RateLimited]:
    """Return the used-up quotas among the failures of one question."""
    causes = exc.exceptions if isinstance(exc, qwen_gradio.AllFailed) else (exc,)
    return [cause for cause in causes if isinstance(cause, qwen_gradio.RateLimited)]

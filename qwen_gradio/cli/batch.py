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

from ..reply.rotation import FAILURES_OF_THE_CHOICE
from ..space import catalogue
from . import loop
from .batch_files import BatchQuestion, Results, error_fields, read_questions
from .exit_codes import ExitCode
from .options import SPACE_ENV, complete_space, make_client, parse_option, retries_option, space_options
from .pace import Pace
from .render import QuestionsProgress, echo, print_error

if TYPE_CHECKING:  # at runtime it is imported where it is used, as `--help` doesn't need it
    import anyio

MAX_LOST = 5  # questions in a row that no Space could be asked, beyond those asked at the same time
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
            try:
                if pending:
                    loop.run(run.ask_all, pending, concurrency)
            except KeyboardInterrupt:
                run.interrupted = True
        if run.write_error:
            raise run.write_error
        failed = len({question.id for question in asked} & results.failed.keys()) + run.failed
    left = len(pending) - run.answered - run.failed
    echo(
        f"qwen-gradio: {len(asked) - failed - left} answered, {failed} failed, {left} left; "
        f"the results are in {output}",
        err=True,
    )
    _exit(run, failed)


def _read(questions: Path, output: Path) -> bytes:
    if str(questions) == "-":
        return sys.stdin.buffer.read() if sys.stdin else b""
    try:
        if output.exists() and output.samefile(questions):
            raise qwen_gradio.UsageError(f"{output} has the questions; name another file for the results")
        return questions.read_bytes()
    except OSError as exc:
        raise qwen_gradio.UsageError(f"{questions} can't be read: {exc.strerror}") from exc


def _exit(run: BatchRun, failed: int) -> None:
    """Say why the run ended early, or what to do with failures, and exit with the code for it."""
    if run.interrupted:
        print_error("run the same command again to go on")
        sys.exit(ExitCode.INTERRUPTED)
    if run.pace.used_up:
        print_error(f"the quota is used up; run the command again later, and it goes on: {run.pace.used_up}")
        sys.exit(ExitCode.USED_UP)
    if run.unreachable:
        print_error(f"no Space could be asked; run the command again later, and it goes on: {run.unreachable}")
        sys.exit(ExitCode.SPACE_FAILED)
    if failed:
        print_error("--retry-failed asks those that failed again")
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
        unreachable: why no Space could be asked several times in a row, which ends the run; else `""`.
        interrupted: True if Ctrl-C has ended the run.
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
    unreachable: str = ""
    interrupted: bool = False
    _queue: list[BatchQuestion] = field(default_factory=list)  # the next one last
    _lost: list[tuple[BatchQuestion, qwen_gradio.QwenGradioError]] = field(default_factory=list)
    _max_lost: int = MAX_LOST

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
        self._max_lost = MAX_LOST + concurrency
        turn = anyio.Lock()
        stream = functools.partial(self._stream, self.client.stream_each(spread=True))
        async with contextlib.AsyncExitStack() as stack:
            await self._connect(stack)
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
        if not (self.pace.used_up or self.unreachable or self.write_error):
            self._record_lost()

    async def _connect(self, stack: contextlib.AsyncExitStack) -> None:
        """Connect, as soon as the quota allows it."""
        while not self.pace.used_up:
            try:
                await stack.enter_async_context(self.client)
                return
            except qwen_gradio.RateLimited as exc:
                self._pause([exc])
            await self.pace.wait()

    async def _next_question(self, turn: anyio.Lock) -> BatchQuestion | None:
        """Return the next question when it may be asked; None if there is no more, or the run ends."""
        async with turn:
            if self._queue:
                await self.pace.wait()
            ends = self.pace.used_up or self.unreachable or not self._queue
            return None if ends else self._queue.pop()

    async def _ask(self, stream: Any, question: BatchQuestion) -> None:
        """Ask one question and record its result."""
        try:
            async with stream(question) as reply:
                async for _ in reply:
                    pass
        except qwen_gradio.QwenGradioError as exc:
            self._handle(question, exc)
        else:
            self._record_lost()
            thinking = {"thinking": reply.thinking} if reply.thinking else {}
            self.results.append(question, {"text": reply.text, **thinking, "space": reply.space})
            self.answered += 1
            self.pace.count_answer()
            self._advance()

    def _handle(self, question: BatchQuestion, exc: qwen_gradio.QwenGradioError) -> None:
        """Put a question back that a quota kept from its answer; keep one that met no Space; else record the failure.

        The kept ones are recorded once a Space answers, as the failure was theirs then, or at the end.
        """
        causes = exc.exceptions if isinstance(exc, qwen_gradio.AllFailed) else (exc,)
        limits = [cause for cause in causes if isinstance(cause, qwen_gradio.RateLimited)]
        if limits and all(cause in limits or getattr(cause, "retryable", False) for cause in causes):
            self._queue.append(question)
            self._pause(limits)
        elif all(map(_is_unreachable, causes)):
            self._lost.append((question, exc))
            if len(self._lost) >= self._max_lost:
                self.unreachable = str(exc)
        else:
            self._record_lost()
            self._record_failure(question, exc)

    def _pause(self, limits: Sequence[qwen_gradio.RateLimited]) -> None:
        seconds = self.pace.pause(limits)
        if self.progress and not self.pace.used_up:
            self.progress.pause(seconds)

    def _record_lost(self) -> None:
        while self._lost and not self.unreachable:
            self._record_failure(*self._lost.pop(0))

    def _record_failure(self, question: BatchQuestion, exc: qwen_gradio.QwenGradioError) -> None:
        partial = {"partial": exc.partial} if exc.partial else {}
        self.results.append(question, {"error": error_fields(exc), "space": exc.space, **partial})
        self.failed += 1
        self._advance()

    def _advance(self) -> None:
        if self.progress:
            self.progress.advance(failed=self.failed)


@contextlib.contextmanager
def _naming(question: BatchQuestion) -> Iterator[None]:
    """Name the question in a UsageError."""
    try:
        yield
    except qwen_gradio.UsageError as exc:
        raise qwen_gradio.UsageError(f"the question {question.id!r}: {exc}") from exc


def _is_unreachable(cause: Exception) -> bool:
    """Return True for a failure that any other question would meet; a slow reply may be the question's own."""
    is_slow = isinstance(cause, qwen_gradio.DeadlineExceeded) and cause.deadline != "connect"
    return isinstance(cause, FAILURES_OF_THE_CHOICE) and not is_slow

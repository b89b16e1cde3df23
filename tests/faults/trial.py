"""Judges one case: asks, writes down what came, and holds it against what must come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import anyio
import pytest

from qwen_gradio import (
    AsyncQwenClient,
    DeadlineExceeded,
    EmptyReply,
    EndpointNotFound,
    QwenGradioError,
    RateLimited,
    ReplyTooLong,
    Timeouts,
)

from ..conftest import eventually, our_threads
from .cases import WHOLE, Case

TOKEN = "hf_secret"  # noqa: S105 - nobody's
PATIENT: dict[str, float | None] = {"connect": 30, "queue": 30, "first": 30, "silence": 30, "total": 50}
LIMIT = 60  # seconds for any case, after which it hangs
OURS = (DeadlineExceeded, EmptyReply, EndpointNotFound, ReplyTooLong)  # told by us, with nothing foreign behind them


ROW = "fault"  # the property of a test that holds a line of the table


ENDLESS = ("stream: an event without an end",)  # of which gradio_client reads on and on; a deadline ends the reply


class Row(NamedTuple):
    """A line of the table."""

    name: str
    backend: str
    came: str
    partial: str


def client_for(url: str, case: Case) -> AsyncQwenClient:
    timeouts: Any = {**PATIENT, **case.timeouts}
    options: Any = {"max_reply_chars": 1000, "token": TOKEN, **case.options}
    return AsyncQwenClient(url, retries=0, timeouts=Timeouts(**timeouts), **options)


class Trial:
    """Asks as a case says, and judges."""

    def __init__(self, backend: str, capfd: pytest.CaptureFixture[str], record: Callable[..., None]) -> None:
        self._backend = backend
        self._capfd = capfd
        self._record = record

    async def judge(
        self,
        case: Case,
        url: str,
        *,
        prompt: str = "hi",
        client: AsyncQwenClient | None = None,
        when: Callable[[str], bool] = bool,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Ask, and judge what comes.

        Args:
            case: what must come.
            url: of the server.
            prompt: the question.
            client: one that is connected; it is left open.
            when: of the text so far, whether to do something now.
            then: what to do, in a thread; once.
        """
        asking = client or client_for(url, case)
        fragments: list[str] = []
        raised: BaseException | None = None
        text = ""
        try:
            with anyio.fail_after(LIMIT):
                async with asking.stream(prompt) as reply:
                    async for fragment in reply:
                        fragments.append(fragment)
                        text = reply.text
                        if then is not None and when(text):
                            now, then = then, None
                            await anyio.to_thread.run_sync(now)
                text = reply.text
        except Exception as exc:  # noqa: BLE001 - it is judged
            raised = exc
        finally:
            if client is None:
                with anyio.move_on_after(LIMIT, shield=True):
                    await asking.aclose()
        self._write_down(case, raised, text)
        _check(case, url, raised, text)
        if client is None:
            await self.check_nothing_is_left()

    async def judge_without_hooks(self, case: Case, url: str) -> None:
        """Ask without a secret, and hold what comes against what holds whatever gradio_client is helped with.

        What a response said, and what ended a stream, isn't known then, and gradio_client prints its tracebacks.
        """
        # A deadline ends what the limit of bytes ends with hooks.
        timeouts = {} if case.name in ENDLESS else case.timeouts
        asking = client_for(url, replace(case, options={**case.options, "token": None}, timeouts=timeouts))
        raised: QwenGradioError | None = None
        text = ""
        try:
            with anyio.fail_after(LIMIT):
                text = await asking.ask("hi")
        except QwenGradioError as exc:
            raised = exc
        finally:
            with anyio.move_on_after(LIMIT, shield=True):
                await asking.aclose()
        if raised is None:
            assert text in (case.reply, WHOLE)
        else:
            assert case.raises, f"expected the reply, got {raised!r:.300}"
            assert raised.space == url
            assert url in str(raised)
            assert raised.partial in (case.partial, "")
            assert isinstance(raised, DeadlineExceeded) == (DeadlineExceeded in case.raises) or case.name in ENDLESS
        if isinstance(raised, DeadlineExceeded):
            return  # gradio_client's own thread waits as long as its read timeout
        assert await anyio.to_thread.run_sync(lambda: eventually(lambda: not our_threads())), "a thread is left"

    async def check_nothing_is_left(self) -> None:
        assert await anyio.to_thread.run_sync(lambda: eventually(lambda: not our_threads())), "a thread is left"
        assert self._capfd.readouterr() == ("", "")

    def _write_down(self, case: Case, raised: BaseException | None, text: str) -> None:
        came, partial = "the reply, whole", _short(text)
        if raised is not None:
            deadline = getattr(raised, "deadline", "")
            came = (
                "HANGS" if type(raised) is TimeoutError else type(raised).__name__ + f" ({deadline})" * bool(deadline)
            )
            partial = _short(getattr(raised, "partial", ""))
        self._record(ROW, [*Row(case.name, self._backend, came, partial)])


def _check(case: Case, url: str, raised: BaseException | None, text: str) -> None:
    if raised is None:
        assert case.reply is not None, f"expected {_named(case)}, got the reply {_short(text)!r}"
        assert text == case.reply, "the reply is another"
        return
    assert isinstance(raised, QwenGradioError), f"expected one of ours, got {raised!r:.200}"
    if type(raised) not in case.raises:
        raise AssertionError(f"expected {_named(case)}, got {raised!r:.300}") from raised
    assert raised.partial == case.partial
    assert raised.space == url
    assert url in str(raised)
    assert case.says in str(raised)
    assert TOKEN not in f"{raised} {raised.__cause__}"
    assert len(str(raised)) < 2000, "nobody reads that"
    if not isinstance(raised, OURS) and "can't be read: " not in str(raised) and "it speaks" not in str(raised):
        assert raised.__cause__ is not None
    if isinstance(raised, DeadlineExceeded):
        assert raised.deadline == case.deadline
    if isinstance(raised, RateLimited):
        if case.retry_after is None:
            assert raised.retry_after is None
        else:
            assert raised.retry_after is not None
            assert case.retry_after[0] <= raised.retry_after <= case.retry_after[1]


def _named(case: Case) -> str:
    return " or ".join([*(kind.__name__ for kind in case.raises), *(["the reply"] if case.reply is not None else [])])


def _short(text: str) -> str:
    told = ascii(text)[1:-1]
    return told if len(told) <= 24 else f"{told[:12]}… {len(text)} chars"

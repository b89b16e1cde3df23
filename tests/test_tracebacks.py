"""The tracebacks of errors are short, their causes are kept, and the log has the whole of them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qwen_gradio
from qwen_gradio import AllFailed, AsyncQwenClient, CannotConnect, InvalidMessages, QwenClient

NOBODY = "http://127.0.0.1:9"
PACKAGE = Path(qwen_gradio.__file__).parent


def frames(exc: BaseException) -> list[str]:
    """The functions of a traceback below the test's own."""
    return [frame.name for frame in traceback.extract_tb(exc.__traceback__) if Path(frame.filename) != Path(__file__)]


def causes(exc: BaseException) -> list[BaseException]:
    cause = exc.__cause__
    return [] if cause is None else [cause, *causes(cause)]


SYNC: dict[str, Callable[[QwenClient], Any]] = {
    "ask": lambda client: client.ask("hi"),
    "__next__": lambda client: next(client.stream("hi")),
    "events": lambda client: next(client.stream("hi").events()),
    "inspect": lambda client: client.inspect(),
    "__enter__": lambda client: client.__enter__(),
}


@pytest.mark.parametrize("name", SYNC)
def test_traceback_of_sync_call_has_one_frame_of_ours(name: str) -> None:
    with pytest.raises(CannotConnect) as caught:
        SYNC[name](QwenClient(NOBODY))
    assert frames(caught.value) == [name]
    assert [len(frames(cause)) for cause in causes(caught.value)] == [1] * len(causes(caught.value))
    assert causes(caught.value), "what httpx raised is still there"


def test_traceback_of_sync_conversation_has_one_frame_of_ours() -> None:
    with pytest.raises(CannotConnect) as caught:
        QwenClient(NOBODY).conversation().ask("hi")
    assert frames(caught.value) == ["ask"]


ASYNC: dict[str, Callable[[AsyncQwenClient], Any]] = {
    "ask": lambda client: client.ask("hi"),
    "__anext__": lambda client: anext(client.stream("hi")),
    "inspect": lambda client: client.inspect(),
    "__aenter__": lambda client: client.__aenter__(),
}


@pytest.mark.parametrize("name", ASYNC)
async def test_traceback_of_async_call_has_one_frame_of_ours(name: str) -> None:
    with pytest.raises(CannotConnect) as caught:
        await ASYNC[name](AsyncQwenClient(NOBODY))
    assert frames(caught.value) == [name]
    assert [len(frames(cause)) for cause in causes(caught.value)] == [1] * len(causes(caught.value))


async def test_traceback_of_async_conversation_and_events_has_one_frame_of_ours() -> None:
    client = AsyncQwenClient(NOBODY)
    with pytest.raises(CannotConnect) as caught:
        await client.conversation().ask("hi")
    assert frames(caught.value) == ["ask"]
    with pytest.raises(CannotConnect) as caught:
        await anext(client.stream("hi").events())
    assert frames(caught.value) == ["__anext__"]


async def test_traceback_of_wrong_use_has_one_frame_of_ours() -> None:
    with pytest.raises(InvalidMessages) as caught:
        await AsyncQwenClient(NOBODY).ask("")
    assert frames(caught.value) == ["ask"]


async def test_traceback_of_each_error_of_several_is_short() -> None:
    with pytest.raises(AllFailed) as caught:
        await AsyncQwenClient(NOBODY, fallbacks=[NOBODY]).ask("hi")
    assert frames(caught.value) == ["ask"]
    for error in caught.value.exceptions:
        assert len(frames(error)) == 1
        assert causes(error)
        assert [len(frames(cause)) for cause in causes(error)] == [1] * len(causes(error))


async def test_traceback_in_the_log_is_whole(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "qwen_gradio"), pytest.raises(CannotConnect):
        await AsyncQwenClient(NOBODY).ask("hi")
    (record,) = [record for record in caplog.records if record.levelno == logging.DEBUG and record.exc_info]
    assert "http://127.0.0.1:9: no connection could be made" in record.getMessage()
    assert "gradio_client" in caplog.text, "the frames of what failed are there"


async def test_traceback_of_foreign_error_is_left_alone() -> None:
    def prompts() -> Any:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError) as caught:
        await anext(AsyncQwenClient(NOBODY).map(prompts()))
    assert "_submit_next" in frames(caught.value)


def test_traceback_of_an_exception_that_the_caller_handles_is_left() -> None:
    def divide() -> float:
        return 1 / 0

    def ask_instead() -> None:
        try:
            divide()
        except ZeroDivisionError:
            with pytest.raises(CannotConnect):
                QwenClient(NOBODY, retries=0).ask("hi")
            raise

    with pytest.raises(ZeroDivisionError) as caught:
        ask_instead()
    raised_in = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert raised_in[-2:] == ["ask_instead", "divide"]

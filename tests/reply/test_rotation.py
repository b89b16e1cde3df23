"""Questions spread over several Spaces: each in turn, and none to one that is used up or lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from qwen_gradio import (
    AllFailed,
    AppRaised,
    AsyncQwenClient,
    CannotConnect,
    ConnectionLost,
    EmptyReply,
    InvalidOption,
    QueueFull,
    QwenClient,
    QwenGradioError,
    RateLimited,
    SpaceUnavailable,
)
from qwen_gradio.reply.rotation import PASSED_OVER_SECONDS, Rotation

from ..conftest import ScriptedSpace

NOBODY = "http://127.0.0.1:9"


class Counted:
    """A provider, as g4f has them, that counts its questions, and answers or raises after some words."""

    def __init__(self, name: str, *items: str | Exception) -> None:
        self.__name__ = name
        self.items: Iterable[str | Exception] = items
        self.questions: list[Any] = []

    @property
    def asked(self) -> int:
        return len(self.questions)

    async def create_async_generator(self, model: str, messages: Any, **options: Any) -> AsyncIterator[str]:
        self.questions.append((model, messages, options))
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item


def test_rotation_starts_each_question_at_the_next_choice() -> None:
    rotation = Rotation(3)
    assert [rotation.next_order() for _ in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


@pytest.mark.parametrize(
    ("exc", "seconds"),
    [
        (RateLimited("used up", retry_after=3600), 3600),
        (RateLimited("used up"), PASSED_OVER_SECONDS),
        (SpaceUnavailable("no"), PASSED_OVER_SECONDS),
        (CannotConnect("no"), PASSED_OVER_SECONDS),
        (QueueFull("no"), PASSED_OVER_SECONDS),
        (AppRaised("too long a prompt"), 0),
        (EmptyReply("no"), 0),
        (InvalidOption("no"), 0),
    ],
)
def test_rotation_failed_choice_is_passed_over_for_as_long(exc: QwenGradioError, seconds: float) -> None:
    now = [100.0]
    rotation = Rotation(2, clock=lambda: now[0])
    rotation.report(0, exc)
    assert rotation.next_order() == ([1, 0] if seconds else [0, 1])
    rotation.next_order()
    now[0] += seconds - 0.1
    assert rotation.next_order() == ([1, 0] if seconds else [0, 1])
    rotation.next_order()
    now[0] += 0.1
    assert rotation.next_order() == [0, 1]


def test_rotation_later_failure_shortens_no_quota() -> None:
    now = [0.0]
    rotation = Rotation(2, clock=lambda: now[0])
    rotation.report(0, RateLimited("used up", retry_after=3600))
    rotation.report(0, ConnectionLost("closed"))
    now[0] += PASSED_OVER_SECONDS
    assert rotation.next_order() == [1, 0]


def test_rotation_of_choices_passed_over_first_to_return_leads() -> None:
    rotation = Rotation(3)
    for number, seconds in enumerate((90, 30, 60)):
        rotation.report(number, RateLimited("used up", retry_after=seconds))
    assert rotation.next_order() == [1, 2, 0]


async def test_map_spread_asks_each_in_turn(space: ScriptedSpace) -> None:
    others = [Counted("one", "1"), Counted("two", "2")]
    async with AsyncQwenClient(space.url, fallbacks=others) as client:
        results = [result async for result in client.map(["hi"] * 6, spread=True, concurrency=1)]
    texts = [result.text for result in results]
    assert [text[:1] for text in texts] == ["{", "1", "2"] * 2
    assert [other.asked for other in others] == [2, 2]


async def test_map_not_spread_asks_the_first_alone(space: ScriptedSpace) -> None:
    other = Counted("one", "1")
    async with AsyncQwenClient(space.url, fallbacks=[other]) as client:
        results = [result async for result in client.map(["hi"] * 3)]
    assert {result.text[:1] for result in results} == {"{"}
    assert other.asked == 0


async def test_map_spread_used_up_is_passed_over_by_later_questions() -> None:
    used_up = Counted("used up", RateLimited("used up", retry_after=3600))
    good = Counted("good", "yes")
    client = AsyncQwenClient(NOBODY, fallbacks=[used_up, good])
    results = [result async for result in client.map(["hi"] * 9, spread=True, concurrency=1)]
    assert [(result.text, result.error) for result in results] == [("yes", None)] * 9
    assert (used_up.asked, good.asked) == (1, 9)


async def test_map_spread_lost_while_streaming_is_passed_over() -> None:
    lost = Counted("lost", "some", ConnectionLost("closed"))
    good = Counted("good", "yes")
    client = AsyncQwenClient(NOBODY, fallbacks=[lost, good])
    results = [result async for result in client.map(["hi"] * 9, spread=True, concurrency=1)]
    assert [result.text for result in results if result.error] == ["some"]
    assert (lost.asked, good.asked) == (1, 8)


async def test_map_spread_all_used_up_lists_every_error() -> None:
    others = [Counted(name, RateLimited("used up", retry_after=3600)) for name in ("one", "two")]
    client = AsyncQwenClient(NOBODY, fallbacks=others)
    results = [result async for result in client.map(["hi"] * 2, spread=True, concurrency=1)]
    for result in results:
        assert isinstance(result.error, AllFailed)
        assert {type(exc) for exc in result.error.exceptions} == {CannotConnect, RateLimited}


async def test_map_spread_option_that_one_has_goes_to_that_one(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url, fallbacks=[Counted("one", "1")]) as client:
        results = [result async for result in client.map(["hi"] * 2, spread=True, concurrency=1, nonsense=1)]
    assert [result.text for result in results] == ["1", "1"], "the other answers what one can't be asked"


def test_sync_map_spread_asks_each_in_turn(space: ScriptedSpace) -> None:
    other = Counted("one", "1")
    with QwenClient(space.url, fallbacks=[other]) as client:
        results = list(client.map(["hi"] * 4, spread=True, concurrency=1))
    assert [result.text[:1] for result in results] == ["{", "1"] * 2

"""The first of several to answer: Spaces, and other providers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from qwen_gradio import (
    AllFailed,
    AppRaised,
    AsyncQwenClient,
    CannotConnect,
    DeadlineExceeded,
    EmptyReply,
    FallbackProvider,
    Finished,
    Fragment,
    InvalidMessages,
    InvalidOption,
    InvalidSpace,
    ProviderFailed,
    QwenClient,
    ReplyTooLong,
    SpaceUnavailable,
    Timeouts,
)

from ..conftest import ScriptedSpace, eventually

NOBODY = "http://127.0.0.1:9"
HI = [{"role": "user", "content": "hi"}]


class Raw:
    """A provider as g4f has them: it gives what it was made with, raises that, or waits at None."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.asked: list[dict[str, Any]] = []
        self.closed = 0

    async def create_async_generator(self, model: str, messages: Any, **options: Any) -> AsyncIterator[Any]:
        self.asked.append({"model": model, "messages": messages, **options})
        try:
            for item in self.items:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    await anyio.sleep(60)
                yield item
        finally:
            self.closed += 1


async def test_fallback_space_answers_after_connect_error(space: ScriptedSpace) -> None:
    script = space.script(3)
    async with AsyncQwenClient(NOBODY, fallbacks=[space.url]) as client, client.stream(script.prompt) as reply:
        assert "".join([fragment async for fragment in reply]) == script.final
        assert reply.space == space.url


async def test_fallback_client_answers_and_stays_open(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url, api_name="/model_chat_1") as other:
        async with AsyncQwenClient(NOBODY, fallbacks=[other]) as client:
            assert "hi" in await client.ask("hi")
        assert not other.closed


async def test_fallback_provider_answers_with_events() -> None:
    raw = Raw(object(), "", "Hel", "lo")
    async with AsyncQwenClient(NOBODY, fallbacks=[raw]).stream("hi", system="be brief") as reply:
        events = [event async for event in reply.events()]
    assert events == [Fragment("Hel", 0), Fragment("lo", 3), Finished("Hello")]
    assert (reply.text, reply.space) == ("Hello", "Raw")
    assert raw.asked[0]["messages"] == [{"role": "system", "content": "be brief"}, *HI]


@pytest.mark.parametrize("items", [(), (ValueError("no"),), ("", 3)])
async def test_fallback_empty_or_failing_provider_is_skipped(items: tuple[Any, ...]) -> None:
    fails = Raw(*items)
    assert await AsyncQwenClient(NOBODY, fallbacks=[fails, Raw("yes")]).ask("hi") == "yes"
    assert fails.closed == 1


async def test_fallback_error_after_first_fragment_is_raised(space: ScriptedSpace) -> None:
    cause = ValueError("it broke")
    with pytest.raises(ProviderFailed, match=r"Raw: it failed \(ValueError: it broke\)") as caught:
        await AsyncQwenClient(NOBODY, fallbacks=[Raw("some", cause), Raw("other")]).ask("hi")
    assert (caught.value.partial, caught.value.__cause__) == ("some", cause)
    async with AsyncQwenClient(space.url, fallbacks=[Raw("other")]) as client:
        with pytest.raises(AppRaised):
            await client.ask(space.script(3, fail_at=2).prompt)


async def test_fallback_all_failed_lists_every_error() -> None:
    with pytest.raises(AllFailed) as caught:
        await AsyncQwenClient(NOBODY, fallbacks=[Raw(), Raw(ValueError("no"))]).ask("hi")
    told = str(caught.value)
    assert re.fullmatch("none of them answered: CannotConnect: .*; EmptyReply: Raw: .*; ProviderFailed: Raw: .*", told)
    assert [type(exc) for exc in caught.value.exceptions] == [CannotConnect, EmptyReply, ProviderFailed]
    assert caught.value.space == NOBODY
    assert {base.__name__ for base in AllFailed.__mro__} >= {"ExceptionGroup", "QwenGradioError"}


async def test_fallback_is_not_asked_after_invalid_option(space: ScriptedSpace) -> None:
    other = Raw("other")
    async with AsyncQwenClient(space.url, fallbacks=[other]) as client:
        with pytest.raises(InvalidOption, match="unknown option 'nonsense'"):
            await client.ask("hi", nonsense=1)
    assert other.asked == []


async def test_fallback_unsupported_option_is_dropped(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(NOBODY, fallbacks=[space.url]) as client:
        assert "hi" in await client.ask("hi", radio="7B")


async def test_token_is_not_sent_to_fallback(space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        seen.append((str(request.url), "hf_secret" in str(request.headers.raw)))
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    async with AsyncQwenClient(NOBODY, token="hf_secret", fallbacks=[space.url]) as client:  # noqa: S106 - none
        await client.ask("hi")
    assert {secret for url, secret in seen if url.startswith(NOBODY)} == {True}
    assert {secret for url, secret in seen if not url.startswith(NOBODY)} == {False}


async def test_fallback_provider_cancel_closes_generator() -> None:
    raw = Raw("a", "b", "c")
    async with AsyncQwenClient(NOBODY, fallbacks=[raw]).stream("hi") as reply:
        assert await anext(reply) == "a"
    assert raw.closed == 1


async def test_fallback_provider_aclose_by_another_task_closes_generator() -> None:
    raw = Raw(None)
    reply = AsyncQwenClient(NOBODY, fallbacks=[raw]).stream("hi")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                assert [fragment async for fragment in reply] == []

            tasks.start_soon(read)
            assert await anyio.to_thread.run_sync(eventually, lambda: raw.asked != [])
            await reply.aclose()
    assert raw.closed == 1


async def test_fallback_is_not_asked_once_reply_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    is_asking, may_answer = anyio.Event(), anyio.Event()

    async def unavailable() -> None:
        raise SpaceUnavailable("no")

    async def fetch_state() -> str:
        is_asking.set()
        await may_answer.wait()
        return "sleeping"

    raw = Raw("a")
    client = AsyncQwenClient(NOBODY, fallbacks=[raw], retries=0)
    monkeypatch.setattr(client.connector, "connect", unavailable)
    monkeypatch.setattr(client.connector, "fetch_state", fetch_state)
    reply = client.stream("hi")
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            assert [fragment async for fragment in reply] == []

        tasks.start_soon(read)
        await is_asking.wait()
        await reply.aclose()
        may_answer.set()
    assert raw.asked == []


async def test_fallback_provider_timeout_and_max_reply_chars_apply() -> None:
    timeouts = Timeouts(first=0.2)
    with pytest.raises(AllFailed) as caught:
        await AsyncQwenClient(NOBODY, timeouts=timeouts, fallbacks=[Raw(None)]).ask("hi")
    late = caught.value.exceptions[1]
    assert isinstance(late, DeadlineExceeded)
    assert (late.deadline, late.space) == ("first", "Raw")
    with pytest.raises(ReplyTooLong) as long:
        await AsyncQwenClient(NOBODY, max_reply_chars=3, fallbacks=[Raw("ab", "cd")]).ask("hi")
    assert long.value.partial == "ab"


@pytest.mark.parametrize(("fallback", "error"), [("nonsense", InvalidSpace), (3, InvalidOption), (None, InvalidOption)])
def test_fallback_invalid_raises_usage_error(fallback: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        AsyncQwenClient(NOBODY, fallbacks=[fallback])
    with pytest.raises(error):
        FallbackProvider(fallback)


def test_fallback_provider_without_choices_raises_invalid_option() -> None:
    with pytest.raises(InvalidOption, match="got none"):
        FallbackProvider()


def test_sync_client_fallback_answers(space: ScriptedSpace) -> None:
    with QwenClient(NOBODY, fallbacks=[space.url]) as client:
        assert "hi" in client.ask("hi")


async def _all(generator: AsyncIterator[str]) -> list[str]:
    return [fragment async for fragment in generator]


async def test_fallback_provider_tries_next_until_reply(space: ScriptedSpace) -> None:
    raw, script = Raw(ConnectionError("the protocol has changed")), space.script(3)
    provider = FallbackProvider(raw, NOBODY, space.url, "qwen-3")
    messages = [{"role": "user", "content": script.prompt}]
    generator = provider.create_async_generator("a model", messages, timeout=3, stream=True)
    assert "".join(await _all(generator)) == script.final
    assert raw.asked == [{"model": "a model", "messages": messages, "proxy": None, "timeout": 3, "stream": True}]
    assert provider.get_dict()["name"] == provider.get_parent() == provider.__name__ == "FallbackProvider"
    assert provider.label == f"Raw or {NOBODY} or {space.url} or qwen-3"


async def test_fallback_provider_all_failed_lists_exceptions() -> None:
    with pytest.raises(AllFailed) as caught:
        await _all(FallbackProvider(NOBODY, Raw()).create_async_generator("", HI))
    assert [type(exc) for exc in caught.value.exceptions] == [CannotConnect, EmptyReply]
    with pytest.raises(InvalidMessages):
        await _all(FallbackProvider(NOBODY).create_async_generator("", []))


async def test_fallback_provider_aclose_cancels_reply(space: ScriptedSpace) -> None:
    script = space.script(2000)
    generator = FallbackProvider(NOBODY, space.url).create_async_generator(
        "", [{"role": "user", "content": script.prompt}]
    )
    await anext(generator)
    await generator.aclose()  # type: ignore[attr-defined] # as async generators have
    assert await anyio.to_thread.run_sync(eventually, script.stopped)


async def test_fallback_provider_any_keyword_reaches_provider() -> None:
    raw = Raw("a")
    options: dict[str, Any] = {"timeouts": 5, "max_reply_chars": 0, "provider": "another"}
    answer = FallbackProvider(raw).create_async_generator("a model", HI, **options)
    assert [fragment async for fragment in answer] == ["a"]
    assert raw.asked == [{"model": "a model", "messages": HI, "proxy": None, **options}]

"""A client's settings are checked when it is made, and no message shows a secret."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from qwen_gradio import AsyncQwenClient, InvalidOption, QwenClient, QwenGradioError, Timeouts

from ..conftest import ScriptedSpace


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token": "hf_secret\n"}, "token"),
        ({"token": "hf secret"}, "token"),
        ({"token": b"hf_secret"}, "token"),
        ({"token": ""}, "token"),
        ({"auth": "user:secret"}, "auth"),
        ({"auth": ("user",)}, "auth"),
        ({"auth": ("user", 5)}, "auth"),
        ({"auth": 5}, "auth"),
        ({"proxy": "ftp://user:secret@127.0.0.1"}, "proxy"),
        ({"proxy": "http://"}, "proxy"),
        ({"proxy": "http://user:secret@127.0.0.1:port"}, "proxy"),
        ({"proxy": 5}, "proxy"),
        ({"headers": "x: secret"}, "header"),
        ({"headers": {"x": 5}}, "header"),
        ({"headers": {"x y": "secret"}}, "header"),
        ({"headers": {"x": "secret\r\ny: z"}}, "header"),
        ({"timeouts": 5}, "timeouts"),
        ({"timeouts": None}, "timeouts"),
        ({"retries": -1}, "retries"),
        ({"retries": 1.5}, "retries"),
        ({"max_reply_chars": 0}, "max_reply_chars"),
        ({"max_reply_chars": True}, "max_reply_chars"),
        ({"fallbacks": "Qwen/Qwen2.5"}, "fallbacks"),
        ({"fallbacks": 5}, "fallbacks"),
        ({"fallbacks": [5]}, "fallback"),
    ],
)
@pytest.mark.parametrize("client", [AsyncQwenClient, QwenClient])
def test_setting_invalid_raises_invalid_option(client: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message) as caught:
        client(**settings)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 10**400, True, "5"])
def test_timeout_no_duration_raises_invalid_option(seconds: Any) -> None:
    with pytest.raises(InvalidOption, match="a number of seconds"):
        Timeouts(total=seconds)


@pytest.mark.parametrize(
    "secret", [{"token": "hf_secret"}, {"auth": ("user", "secret")}, {"headers": {"x-key": "secret"}}]
)
def test_setting_secret_over_plain_http_raises_invalid_option(secret: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="plain http"):
        AsyncQwenClient("http://example.com", **secret)
    client = AsyncQwenClient("http://example.com", **secret, allow_plain_http=True)
    assert "secret" not in repr(client)
    assert "secret" not in repr(AsyncQwenClient("http://127.0.0.1:1", **secret))


async def test_client_pickled_before_and_after_first_question_asks(space: ScriptedSpace) -> None:
    script = space.script(2)
    client = AsyncQwenClient(space.url, timeouts=Timeouts(queue=7), retries=1, headers={"x-key": "a"})
    for _ in range(2):
        again = pickle.loads(pickle.dumps(client))  # noqa: S301 - its own
        assert (again.space, again.timeouts, again.retries) == (client.space, client.timeouts, client.retries)
        assert await again.ask(script.prompt) == await client.ask(script.prompt) == script.final
        await again.aclose()
    await client.aclose()


def test_sync_client_pickled_before_and_after_first_question_asks(space: ScriptedSpace) -> None:
    script = space.script(2)
    with QwenClient(space.url) as client:
        for _ in range(2):
            with pickle.loads(pickle.dumps(client)) as again:  # noqa: S301 - its own
                assert again.ask(script.prompt) == client.ask(script.prompt) == script.final


async def test_option_unknown_is_ignored_if_asked_for(space: ScriptedSpace) -> None:
    script = space.script(2)
    async with AsyncQwenClient(space.url) as client:
        with pytest.raises(InvalidOption, match="temperature"):
            await client.ask(script.prompt, temperature=1)
        assert await client.ask(script.prompt, ignore_unknown_options=True, temperature=1) == script.final
    reply = AsyncQwenClient().stream("hi", ignore_unknown_options=True, temperature=1)
    await reply.aclose()
    with pytest.raises(QwenGradioError):
        AsyncQwenClient().stream("hi", temperature=1)


def test_client_fallbacks_of_iterator_survive_pickling() -> None:
    client = AsyncQwenClient(fallbacks=iter(["Qwen/Qwen2.5"]))  # type: ignore[arg-type] # as it may come
    again = pickle.loads(pickle.dumps(client))  # noqa: S301 - its own
    assert pickle.dumps(again) == pickle.dumps(client)

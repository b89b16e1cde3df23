"""Which client answers for a model, and how long it is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qwen_gradio import AsyncQwenClient, InvalidSpace, UsageError
from qwen_gradio.integrations.serve.models import MAX_IDLE, Models, parse_models


def connect(space: str, fallbacks: Sequence[AsyncQwenClient]) -> AsyncQwenClient:
    return AsyncQwenClient(space, token="secret", fallbacks=fallbacks)  # noqa: S106 - it is none


def make(*texts: str, allows_urls: bool = True) -> Models:
    return Models(parse_models(texts), connect, AsyncQwenClient, allows_urls=allows_urls)


@pytest.mark.parametrize(
    ("texts", "models"),
    [
        ([], {}),
        (["me=a/b, c/d"], {"me": ["a/b", "c/d"]}),
        (["qwen-3", "a/b,c/d"], {"qwen-3": ["qwen-3"], "a/b": ["a/b", "c/d"]}),
        (["http://h/?a=b"], {"http://h/?a=b": ["http://h/?a=b"]}),
        (["me=http://h/?a=b"], {"me": ["http://h/?a=b"]}),
    ],
)
def test_models_of_command_line_are_parsed(texts: list[str], models: dict[str, list[str]]) -> None:
    assert parse_models(texts) == models


@pytest.mark.parametrize(
    "texts", [["="], ["me="], ["=a/b"], ["me=a/b,,c/d"], ["me=a/b", "Me=c/d"], [""], ["a/b", "A/B"]]
)
def test_models_of_command_line_malformed_raise_usage_error(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_models(texts)


async def test_models_named_have_credentials_and_others_have_none() -> None:
    models = make("me=a/b,c/d", "it=e/f,c/d")
    async with models.client("ME") as named, models.client("me") as again, models.client("a/b") as other:
        assert named is again
        assert (named.space, other.space) == ("a/b", "a/b")
        assert "secret" in repr(named.__reduce__())
        assert "secret" not in repr(other.__reduce__())
    assert models.names == ["me", "it"]
    await models.aclose()
    assert named.closed
    assert other.closed


async def test_models_that_are_unknown_raise_invalid_space() -> None:
    models = make("me=a/b")
    for name in ("gpt-4", "", "a/b/c", "ftp://a"):
        with pytest.raises(InvalidSpace):
            models.check(name)
    assert models.check("qwen-3") == "Qwen/Qwen3-Demo"
    assert models.check("http://127.0.0.1:7860") == "http://127.0.0.1:7860"
    with pytest.raises(InvalidSpace, match="--api-key"):
        make(allows_urls=False).check("http://127.0.0.1:7860")
    with pytest.raises(InvalidSpace, match="expected me, or the id or alias of another Space"):
        models.check("gpt-4")
    assert make().names[0] == "Qwen/Qwen2-72B-Instruct"


async def test_models_close_client_longest_unused_but_none_in_use() -> None:
    models = make()
    async with models.client("a/0") as used:
        async with models.client("a/1") as idle:
            pass
        for number in range(2, MAX_IDLE + 1):
            async with models.client(f"a/{number}"):
                assert not idle.closed
        async with models.client("a/1") as again:
            assert again is idle, "now the latest"
        async with models.client("a/more"):
            pass
        assert not idle.closed
        assert not used.closed
        async with models.client("a/2") as anew:
            assert not anew.closed
    await models.aclose()
    assert used.closed

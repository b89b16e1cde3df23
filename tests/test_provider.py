"""The provider face, to the letter; against a real gradio 6 server."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

import qwen_gradio
from qwen_gradio import InvalidMessages, Qwen_Qwen_2_72B

from .conftest import ScriptedSpace, eventually


@pytest.fixture
def provider(space: ScriptedSpace) -> type[Qwen_Qwen_2_72B]:
    class Local(Qwen_Qwen_2_72B):
        url = space.url

    return Local


def test_its_attributes() -> None:
    assert {name: value for name, value in vars(Qwen_Qwen_2_72B).items() if not callable(value) and name[0] != "_"} | {
        "get_dict": 0, "get_parent": 0, "get_model": 0, "create_async_generator": 0, "generate_session_hash": 0,
    } == {
        "label": "Qwen Qwen-2.72B",
        "url": "https://qwen-qwen2-72b-instruct.hf.space",
        "api_endpoint": "https://qwen-qwen2-72b-instruct.hf.space/queue/join?",
        "working": True,
        "active_by_default": True,
        "needs_auth": False,
        "supports_stream": True,
        "supports_system_message": True,
        "supports_message_history": False,
        "live": 0,
        "default_model": "qwen-qwen2-72b-instruct",
        "model_aliases": {"qwen-2-72b": "qwen-qwen2-72b-instruct"},
        "models": ["qwen-2-72b"],
        "get_dict": 0, "get_parent": 0, "get_model": 0, "create_async_generator": 0, "generate_session_hash": 0,
    }  # fmt: skip


def test_its_methods() -> None:
    assert Qwen_Qwen_2_72B.get_dict() == {
        "name": "Qwen_Qwen_2_72B",
        "url": "https://qwen-qwen2-72b-instruct.hf.space",
        "label": "Qwen Qwen-2.72B",
    }
    assert Qwen_Qwen_2_72B.get_parent() == "Qwen_Qwen_2_72B"
    assert Qwen_Qwen_2_72B.get_model("") == Qwen_Qwen_2_72B.get_model("qwen-2-72b") == "qwen-qwen2-72b-instruct"
    assert len(Qwen_Qwen_2_72B.generate_session_hash()) == 12
    parameters = inspect.signature(Qwen_Qwen_2_72B.create_async_generator).parameters
    assert [(p.name, p.kind.name, p.default) for p in parameters.values()] == [
        ("model", "POSITIONAL_OR_KEYWORD", inspect.Parameter.empty),
        ("messages", "POSITIONAL_OR_KEYWORD", inspect.Parameter.empty),
        ("proxy", "POSITIONAL_OR_KEYWORD", None),
        ("kwargs", "VAR_KEYWORD", inspect.Parameter.empty),
    ]


async def test_the_program_runs_as_written(provider: type[Qwen_Qwen_2_72B], capsys: Any) -> None:
    Qwen_Qwen_2_72B = provider  # noqa: N806 - as written

    generator = Qwen_Qwen_2_72B.create_async_generator(
        model="qwen-qwen2-72b-instruct",
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    )
    async for fragment in generator:
        print(fragment, end="")  # noqa: T201 - as written
    assert json.loads(capsys.readouterr().out) == {
        "system": "You are a helpful assistant.",
        "turns": [],
        "query": "What is the capital of France?",
    }


async def collect(provider: type[Qwen_Qwen_2_72B], messages: Any, **options: Any) -> str:
    return "".join([fragment async for fragment in provider.create_async_generator("", messages, **options)])


async def test_messages_become_one_prompt_and_the_history_is_empty(provider: type[Qwen_Qwen_2_72B]) -> None:
    messages = [
        {"role": "system", "content": "one"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "two"},
        {"role": "user", "content": "c"},
    ]
    heard = json.loads(await collect(provider, messages, stream=True, api_key="x", timeout=3, conversation=None))
    assert heard == {"system": "one\ntwo", "turns": [], "query": "User: a\nAssistant: b\nUser: c\nAssistant:"}


async def test_without_a_system_message_it_sends_an_empty_one(provider: type[Qwen_Qwen_2_72B]) -> None:
    heard = json.loads(await collect(provider, [{"role": "user", "content": "hi"}]))
    assert heard == {"system": "", "turns": [], "query": "hi"}


async def test_each_update_is_a_fragment(provider: type[Qwen_Qwen_2_72B], space: ScriptedSpace) -> None:
    script = space.script(30)
    messages = [{"role": "user", "content": script.prompt}]
    fragments = [fragment async for fragment in provider.create_async_generator("", messages)]
    assert len(fragments) == 30
    assert "".join(fragments) == script.final


async def test_closing_the_generator_stops_the_spaces_work(
    provider: type[Qwen_Qwen_2_72B], space: ScriptedSpace
) -> None:
    script = space.script(2000)
    generator = provider.create_async_generator("", [{"role": "user", "content": script.prompt}])
    await anext(generator)
    await generator.aclose()  # type: ignore[attr-defined] # an async generator all the same
    assert eventually(script.stopped)


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "a"}], [{"role": "user", "content": " "}]])
async def test_nothing_to_ask_is_refused(messages: Any) -> None:
    with pytest.raises(InvalidMessages):
        await collect(Qwen_Qwen_2_72B, messages)


async def test_its_proxy_is_used(provider: type[Qwen_Qwen_2_72B]) -> None:
    with pytest.raises(qwen_gradio.CannotConnect):
        await collect(provider, [{"role": "user", "content": "hi"}], proxy="http://127.0.0.1:9")

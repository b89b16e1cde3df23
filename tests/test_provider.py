"""The provider face, to the letter; against a real gradio 6 server."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import qwen_gradio
from qwen_gradio import InvalidMessages, Qwen_Qwen_2_72B

from .conftest import ScriptedSpace, eventually
from .environments import python_with


@pytest.fixture
def provider(space: ScriptedSpace) -> type[Qwen_Qwen_2_72B]:
    class Local(Qwen_Qwen_2_72B):
        url = space.url

    return Local


def test_provider_attributes_match_g4f() -> None:
    described = {
        name: value for name, value in vars(Qwen_Qwen_2_72B).items() if type(value) in (str, bool, int, dict, list)
    }
    assert {name: value for name, value in described.items() if name[0] != "_"} == {
        "label": "Qwen Qwen-2.72B",
        "url": "https://qwen-qwen2-72b-instruct.hf.space",
        "api_endpoint": "https://qwen-qwen2-72b-instruct.hf.space/queue/join?",
        "working": True,
        "active_by_default": True,
        "needs_auth": False,
        "supports_stream": True,
        "use_stream_timeout": True,
        "supports_system_message": True,
        "supports_message_history": False,
        "live": 0,
        "default_model": "qwen-qwen2-72b-instruct",
        "model_aliases": {"qwen-2-72b": "qwen-qwen2-72b-instruct"},
        "models": ["qwen-2-72b"],
    }


def test_provider_methods_and_signature_match_g4f() -> None:
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


async def test_provider_next_call_asks_for_no_description_again(
    provider: type[Qwen_Qwen_2_72B], requests: list[str]
) -> None:
    for _ in range(2):
        assert [fragment async for fragment in provider.create_async_generator("", [{"role": "user", "content": "hi"}])]
    assert [path.rpartition("/")[2] for path in requests] == ["config", "info", "join", "data", "join", "data"]


async def test_provider_example_program_prints_reply(provider: type[Qwen_Qwen_2_72B], capsys: Any) -> None:
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


async def test_provider_messages_become_one_prompt_without_history(provider: type[Qwen_Qwen_2_72B]) -> None:
    messages = [
        {"role": "system", "content": "one"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "two"},
        {"role": "user", "content": "c"},
    ]
    heard = json.loads(await collect(provider, messages, stream=True, api_key="x", timeout=3, conversation=None))
    assert heard == {"system": "one\ntwo", "turns": [], "query": "User: a\nAssistant: b\nUser: c\nAssistant:"}


async def test_provider_without_system_sends_empty_system(provider: type[Qwen_Qwen_2_72B]) -> None:
    heard = json.loads(await collect(provider, [{"role": "user", "content": "hi"}]))
    assert heard == {"system": "", "turns": [], "query": "hi"}


async def test_provider_stream_yields_fragment_per_update(
    provider: type[Qwen_Qwen_2_72B], space: ScriptedSpace
) -> None:
    script = space.script_in_step(30)
    messages = [{"role": "user", "content": script.prompt}]
    fragments = [script.read(fragment) async for fragment in provider.create_async_generator("", messages)]
    assert len(fragments) == 30
    assert "".join(fragments) == script.final


async def test_provider_generator_aclose_cancels_reply(provider: type[Qwen_Qwen_2_72B], space: ScriptedSpace) -> None:
    script = space.script(2000)
    generator = provider.create_async_generator("", [{"role": "user", "content": script.prompt}])
    await anext(generator)
    await generator.aclose()  # type: ignore[attr-defined] # an async generator all the same
    assert eventually(script.stopped)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "a"}],
        [{"role": "user", "content": " "}],
        None,
        5,
        b"hi",
        ["hi"],
        [{"role": 3}],
    ],
)
async def test_provider_without_question_raises_invalid_messages(messages: Any) -> None:
    with pytest.raises(InvalidMessages):
        await collect(Qwen_Qwen_2_72B, messages)


async def test_provider_proxy_is_used(provider: type[Qwen_Qwen_2_72B]) -> None:
    with pytest.raises(qwen_gradio.CannotConnect):
        await collect(provider, [{"role": "user", "content": "hi"}], proxy="http://127.0.0.1:9")


# Both of g4f's ways: a list of providers of which the first is down, and its OpenAI-like client.
IN_G4F = """
import asyncio
from g4f.client import AsyncClient
from g4f.providers.retry_provider import IterListProvider
from qwen_gradio import Qwen_Qwen_2_72B

class Down(Qwen_Qwen_2_72B):
    url = "http://127.0.0.1:9"

class Up(Qwen_Qwen_2_72B):
    url = URL

async def main():
    messages = [{"role": "user", "content": PROMPT}]
    chain = IterListProvider([Down, Up], shuffle=False)
    chunks = [chunk async for chunk in chain.create_async_generator("qwen-2-72b", messages, stream=True)]
    print("".join(chunk for chunk in chunks if isinstance(chunk, str)))
    client = AsyncClient(provider=Up)
    stream = client.chat.completions.create(model="qwen-2-72b", messages=messages, stream=True)
    print("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))

asyncio.run(main())
"""


@pytest.mark.full
def test_provider_works_inside_g4f(space: ScriptedSpace, tmp_path: Path) -> None:
    script = space.script(5)
    environment = {**os.environ, "HOME": str(tmp_path)}  # g4f keeps cookies and caches there
    code = f"URL = {space.url!r}\nPROMPT = {script.prompt!r}\n{IN_G4F}"
    run = subprocess.run(
        [python_with("g4f"), "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert run.stdout.splitlines()[-2:] == [script.final.strip() + " ", script.final.strip() + " "], run.stderr

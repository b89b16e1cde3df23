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
from .faults.cases import RIGHT, WHOLE
from .integrations.readme import snippets
from .servers import wrong_server
from .servers.forked import FORK_SERVER, ForkServers

SERVE = FORK_SERVER.with_name("serve.py")


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


def test_provider_at_describes_the_space() -> None:
    provider = Qwen_Qwen_2_72B.at("qwen-2.5")
    assert provider.get_dict() == {
        "name": "Qwen_Qwen2_5",
        "url": "https://qwen-qwen2-5.hf.space",
        "label": "Qwen/Qwen2.5",
    }
    assert (provider.get_parent(), provider.models) == ("Qwen_Qwen2_5", ["Qwen/Qwen2.5"])
    assert provider.get_model("") == "Qwen/Qwen2.5"
    assert provider.supports_message_history
    assert provider.default_model != Qwen_Qwen_2_72B.default_model


async def test_provider_at_sends_turns_and_keeps_the_spaces_system(space: ScriptedSpace) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    question = {"role": "user", "content": "c"}
    provider = Qwen_Qwen_2_72B.at(space.url)
    assert json.loads(await collect(provider, [*turns, question], stream=True, timeout=3)) == {
        "system": "You are a helpful assistant.",
        "turns": [["a", "b"]],
        "query": "c",
    }
    heard = json.loads(await collect(provider, [{"role": "system", "content": "Be brief."}, question]))
    assert heard == {"system": "Be brief.", "turns": [], "query": "c"}


async def test_provider_at_sends_its_options(fork_servers: ForkServers) -> None:
    with fork_servers.running(SERVE, "coder") as process:
        provider = Qwen_Qwen_2_72B.at(json.loads(process.printed)["coder"], radio="7B", temperature=0.2)
        heard = json.loads(await collect(provider, [{"role": "user", "content": "hi"}]))
    assert (heard["radio"], heard["temperature"], heard["top_p"]) == ("7B", 0.2, 0.8)


@pytest.mark.parametrize(
    ("space", "arguments", "error"),
    [
        ("no such name", {}, qwen_gradio.InvalidSpace),
        ("Qwen/Qwen2.5", {"radio": object()}, qwen_gradio.InvalidOption),
        ("Qwen/Qwen2.5", {"token": "hf_a b"}, qwen_gradio.InvalidOption),
        ("modelscope:Qwen/Qwen2.5", {"token": "hf_a"}, qwen_gradio.InvalidOption),
        ("http://a.example", {"token": "hf_a"}, qwen_gradio.InvalidOption),
    ],
)
def test_provider_at_wrong_argument_raises_at_once(space: str, arguments: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        Qwen_Qwen_2_72B.at(space, **arguments)


@pytest.mark.parametrize(
    ("name", "host", "token", "api_key", "sent"),
    [
        ("me/mine", "me-mine.hf.space", None, "hf_key", "hf_key"),
        ("me/mine", "me-mine.hf.space", "hf_own", "hf_key", "hf_own"),
        ("me/mine", "me-mine.hf.space", "own", None, "own"),
        ("me/mine", "me-mine.hf.space", None, "sk-of-another-service", None),
        ("me/mine", "me-mine.hf.space", None, None, None),
        ("https://mine.example", "mine.example", None, "hf_key", None),
        ("https://mine.example", "mine.example", "hf_own", "hf_key", "hf_own"),
    ],
)
async def test_provider_token_is_sent_where_it_was_given(
    description: Any, serve_as: Any, name: str, host: str, token: Any, api_key: Any, sent: Any
) -> None:
    with wrong_server.running(description, {}, RIGHT) as server:
        serve_as(host, server.url)
        provider = Qwen_Qwen_2_72B.at(name, token=token)
        assert await collect(provider, [{"role": "user", "content": "hi"}], api_key=api_key) == WHOLE
        heads = [head.lower() for head in server.heads]
    assert len(heads) >= 4
    assert [head.count("authorization: bearer") for head in heads] == [int(sent is not None)] * len(heads)
    assert all(f"bearer {sent}" in head or sent is None for head in heads)


# g4f's lists of providers and its clients, and our own list, each behind a provider that asks by hand, as g4f's did.
IN_G4F = """
import asyncio, json, uuid
import aiohttp
from g4f.client import AsyncClient, Client
from g4f.providers.base_provider import AsyncGeneratorProvider
from g4f.providers.retry_provider import IterListProvider, RetryProvider, RotatedProvider
from g4f.requests.raise_for_status import raise_for_status
from qwen_gradio import FallbackProvider, Qwen_Qwen_2_72B

called = []

class RawProvider(AsyncGeneratorProvider):
    working = True

    @classmethod
    async def create_async_generator(cls, model, messages, **kwargs):
        called.append(cls.__name__)
        session_hash = uuid.uuid4().hex[:12]
        data = {"data": [messages[-1]["content"], [], ""], "fn_index": 0, "session_hash": session_hash}
        async with aiohttp.ClientSession() as session:
            async with session.post(URL + "/queue/join?", json=data) as joined:
                await raise_for_status(joined)
                event_id = (await joined.json())["event_id"]
            async with session.get(URL + "/queue/data", params={"session_hash": session_hash}) as events:
                await raise_for_status(events)
                async for line in events.content:
                    if line.startswith(b"data: ") and event_id in line.decode():
                        yield json.loads(line[6:])["output"]["data"][1][-1][1]

class Renamed(RawProvider):
    @classmethod
    async def create_async_generator(cls, model, messages, **kwargs):
        called.append(cls.__name__)
        yield {"msg": "process_generating", "event": {}}["output"]["data"][1]

class ByUrl(Qwen_Qwen_2_72B):
    url = URL

def text(chunks):
    return "".join(chunk for chunk in chunks if isinstance(chunk, str))

async def main():
    messages = [{"role": "user", "content": PROMPT}]
    space = Qwen_Qwen_2_72B.at(URL)
    lists = {
        "IterListProvider": IterListProvider([RawProvider, Renamed, space], shuffle=False),
        "RetryProvider": RetryProvider([RawProvider, Renamed, space], shuffle=False),
        "RotatedProvider": RotatedProvider([RawProvider, Renamed, space], shuffle=False),
        "FallbackProvider": FallbackProvider(RawProvider, Renamed, space),
        "FallbackProvider in a list": IterListProvider([RawProvider, FallbackProvider(Renamed, URL)], shuffle=False),
        "subclass": IterListProvider([RawProvider, Renamed, ByUrl], shuffle=False),
    }
    said = {}
    for name, chain in lists.items():
        called.clear()
        options = {"stream": True, "api_key": "sk-x"}
        said[name] = text([one async for one in chain.create_async_generator("", messages, **options)])
        assert called == ["RawProvider", "Renamed"], (name, called)
    for name, provider in {"space": space, "list": lists["IterListProvider"]}.items():
        client = AsyncClient(provider=provider)
        stream = client.chat.completions.create(model="", messages=messages, stream=True)
        said[f"AsyncClient, {name}, stream"] = "".join([one.choices[0].delta.content or "" async for one in stream])
        whole = await client.chat.completions.create(model="", messages=messages)
        said[f"AsyncClient, {name}, whole"] = whole.choices[0].message.content
    alone = IterListProvider([RawProvider, Renamed], shuffle=False)
    try:
        [one async for one in alone.create_async_generator("", messages)]
    except Exception as exc:
        said["without ours"] = type(exc).__name__
    return said

said = asyncio.run(main())
client = Client(provider=Qwen_Qwen_2_72B.at(URL))
whole = client.chat.completions.create(model="", messages=[{"role": "user", "content": PROMPT}])
said["Client"] = whole.choices[0].message.content
print(json.dumps(said))
"""


def run_in_g4f(code: str, home: Path) -> str:
    # g4f keeps cookies and caches at home, and after three failures of a provider would ask it last.
    environment = {**os.environ, "HOME": str(home), "G4F_DISABLE_CIRCUIT_BREAKER": "1"}
    command = [python_with("g4f"), "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=home)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.full
def test_provider_works_inside_g4f(space: ScriptedSpace, tmp_path: Path) -> None:
    script = space.script(5)
    said = json.loads(
        run_in_g4f(f"URL = {space.url!r}\nPROMPT = {script.prompt!r}\n{IN_G4F}", tmp_path).splitlines()[-1]
    )
    assert said.pop("without ours") == "RetryProviderError"
    assert len(said) == 11
    assert {name: text.strip() for name, text in said.items()} == dict.fromkeys(said, script.final.strip())


@pytest.mark.full
def test_provider_readme_snippet_runs_as_it_stands(space: ScriptedSpace, tmp_path: Path) -> None:
    (snippet,) = snippets("g4f")
    assert "http://127.0.0.1:7860" in snippet
    said = run_in_g4f(snippet.replace("http://127.0.0.1:7860", space.url), tmp_path)
    assert json.loads(said)["query"] == "What is the capital of France?"

"""ChatQwenGradio in LangChain itself: its standard suites, chains, batches, events, cancellation, wrong use."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ScriptedSpace, eventually
from ..environments import python_with
from ..servers import proxy
from .readme import snippets

pytestmark = pytest.mark.full

SUITE = Path(__file__).with_name("langchain_suite.py")
SUITE_SETTINGS = "[pytest]\nasyncio_mode = auto\n"
BEFORE = """
import asyncio, json
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from qwen_gradio.integrations.langchain import ChatQwenGradio
"""


def run(arguments: list[str], folder: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python_with("langchain"), *arguments],
        input=code,
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "LANGSMITH_TRACING": "false", "HOME": str(folder), **environment},
    )  # fmt: skip


def run_code(folder: Path, code: str, **names: Any) -> Any:
    """Run code with these names set, and give what it printed last, which is JSON."""
    assignments = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    done = run(["-"], folder, f"{assignments}{BEFORE}{code}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_langchain_standard_suites_pass(
    space: ScriptedSpace, make_space: Callable[..., ScriptedSpace], tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text(SUITE_SETTINGS)
    suite = str(shutil.copy(SUITE, tmp_path))  # away from this folder's fixtures, which need other packages
    done = run(
        ["-m", "pytest", "-c", "pytest.ini", "--benchmark-disable", "-rs", suite],
        tmp_path,
        SPACES=f"{space.url} {make_space().url}",
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 25
    skipped = re.findall(r"^SKIPPED \[\d+\] \S+ (.*)", done.stdout, re.MULTILINE)
    wants = re.compile("tool|structured|json|PDF|audio|image|Anthropic|VCR|env_params|serializable")
    assert [reason for reason in skipped if not wants.search(reason)] == []


def test_langchain_readme_snippets_run(space: ScriptedSpace, tmp_path: Path) -> None:
    for code in snippets("LangChain"):
        done = run(["-"], tmp_path, code.replace("qwen-2.5", space.url))
        assert "Why is the sky blue?" in done.stdout, done.stderr


def test_langchain_chain_batch_and_events_give_the_text(space: ScriptedSpace, tmp_path: Path) -> None:
    scripts = [space.script(5) for _ in range(8)]
    streamed, with_thinking = space.script_in_step(4), space.script(["<think>hm", "<think>hm</think>\n\nyes"])
    code = """
model = ChatQwenGradio(model=url, stop="never said")
chain = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")]) | model | StrOutputParser()
batch = chain.batch([{"question": prompt} for prompt in prompts])
async def main():
    texts = await chain.abatch([{"question": prompt} for prompt in prompts])
    chunks = []
    async for event in model.astream_events(in_step):
        if event["event"] == "on_chat_model_stream" and (text := event["data"]["chunk"].text):
            chunks.append(text)
            with open(read, "ab") as file:
                file.write(b".")
    return texts, chunks
message = model.invoke(thinks)
print(json.dumps([batch, *asyncio.run(main()), message.text, message.additional_kwargs, message.response_metadata]))
"""
    batch, texts, chunks, answer, extra, metadata = run_code(
        tmp_path, code, url=space.url, prompts=[script.prompt for script in scripts],
        in_step=streamed.prompt, read=streamed.play["read"], thinks=with_thinking.prompt,
    )  # fmt: skip
    assert batch == texts == [script.final for script in scripts]
    assert (len(chunks), "".join(chunks)) == (4, streamed.final)
    assert (answer, extra) == ("yes", {"reasoning_content": "hm"})
    assert (metadata["model_name"], metadata["space"], metadata["usage_is_estimated"]) == (space.url, space.url, True)
    assert all(space.saw(script.name)[0]["system"] == "Be brief." for script in scripts)


def test_langchain_cancellation_reaches_the_space(space: ScriptedSpace, tmp_path: Path) -> None:
    scripts = {way: space.script(5000) for way in ("ainvoke", "astream", "astream_break", "stream_break")}
    code = """
model = ChatQwenGradio(model=url)
for chunk in model.stream(prompts["stream_break"]):
    break
async def stream(way, broken):
    async for chunk in model.astream(prompts[way]):
        if broken:
            break
        began.set()
async def main():
    global began
    began = asyncio.Event()
    await stream("astream_break", True)
    tasks = [asyncio.create_task(model.ainvoke(prompts["ainvoke"])), asyncio.create_task(stream("astream", False))]
    await began.wait()
    while not seen():
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    print(json.dumps([type(end).__name__ for end in await asyncio.gather(*tasks, return_exceptions=True)]), flush=True)
    await asyncio.sleep(2)  # it lives on, so that nothing but the cancellation ends them
def seen():
    return json.dumps({"id": names["ainvoke"], "saw": "step", "n": 3}) in open(log).read()
asyncio.run(main())
"""
    ends = run_code(
        tmp_path, code, url=space.url, log=str(space.log),
        prompts={way: script.prompt for way, script in scripts.items()},
        names={way: script.name for way, script in scripts.items()},
    )  # fmt: skip
    assert ends == ["CancelledError", "CancelledError"]
    for way, script in scripts.items():
        assert eventually(lambda script=script: script.count("closed") == 1), way  # type: ignore[misc]


def test_langchain_stop_cuts_the_text_and_leaves_the_space(space: ScriptedSpace, tmp_path: Path) -> None:
    split = ["one", "one EN", "one END", *(f"one END {'two ' * number}" for number in range(1, 200))]
    scripts = [space.script(split, step=0.05) for _ in range(3)]
    code = """
model = ChatQwenGradio(model=url, stop="never said")
texts = [model.invoke(prompts[0], stop=[" END"]).text, "".join(chunk.text for chunk in model.stream(prompts[1], stop=[" END"]))]
texts.append(asyncio.run(ChatQwenGradio(model=url, stop=[" END"]).ainvoke(prompts[2])).text)
print(json.dumps(texts))
"""  # noqa: E501 - code
    texts = run_code(tmp_path, code, url=space.url, prompts=[script.prompt for script in scripts])
    assert texts == ["one"] * 3
    assert all(eventually(script.stopped) for script in scripts)


def test_langchain_failures_are_ours_and_fallbacks_answer(space: ScriptedSpace, tmp_path: Path) -> None:
    script, failing = space.script(3), space.script(3, fail_at=2)
    code = """
def error(call):
    try:
        return call()
    except Exception as exc:
        return type(exc).__name__, str(exc)
down = ChatQwenGradio(model="http://127.0.0.1:9", max_retries=0)
up = ChatQwenGradio(model=url)
print(json.dumps([
    down.model_copy(update={"fallbacks": [url]}).invoke(prompt).text,
    down.with_fallbacks([up]).invoke(prompt).text,
    error(lambda: down.invoke("hi")),
    error(lambda: up.invoke(failing)),
    error(lambda: up.invoke("hi", tools=[{"type": "function", "function": {"name": "f"}}])),
    error(lambda: up.invoke("hi", temprature=1)),
    error(lambda: up.invoke("hi", options="7B")),
    error(lambda: ChatQwenGradio(model=url, options={"user": "me"}).invoke("hi")),
    error(lambda: up.bind_tools([])),
    error(lambda: ChatQwenGradio(model="no such/name/at all")),
    error(lambda: ChatQwenGradio(model=url, temprature=1)),
    error(lambda: ChatQwenGradio(model=url, temperature="hot")),
    up.invoke("hi", temperature=0, max_tokens=5).text,
]))
"""
    own, langchains, *errors, ignored = run_code(
        tmp_path, code, url=space.url, prompt=script.prompt, failing=failing.prompt
    )
    assert own == langchains == script.final
    names = [
        "CannotConnect",
        "AppRaised",
        "UsageError",
        *["InvalidOption"] * 3,
        "NotImplementedError",
        *["ValidationError"] * 3,
    ]
    assert [name for name, _ in errors] == names
    words = ["connection", "its code raised", "tools is not supported", "temprature", "mapping for options", "user"]
    assert [word for word, (_, message) in zip(words, errors, strict=False) if word not in message] == []
    assert "no such/name" in errors[7][1]
    assert json.loads(ignored)["query"] == "hi"


def test_langchain_token_goes_to_its_own_model_alone(
    space: ScriptedSpace, make_space: Callable[..., ScriptedSpace], tmp_path: Path
) -> None:
    other = make_space()
    code = """
model = ChatQwenGradio(model=url, api_key="hf_secret", proxy=through)
assert "hf_secret" not in repr(model)
print(json.dumps([model.invoke("hi").response_metadata["model_name"], model.invoke("hi", model=other).response_metadata["model_name"]]))
"""  # noqa: E501 - code
    with proxy.running() as through:
        names = run_code(tmp_path, code, url=space.url, other=other.url, through=through.url)
    assert names == [space.url, other.url]
    heads = re.split(r"(?m)^(?=GET|POST)", through.heads)
    with_token = {head.split()[1].split("/")[2] for head in heads if "hf_secret" in head}
    assert with_token == {space.url.removeprefix("http://")}
    assert any(other.url in head for head in heads)

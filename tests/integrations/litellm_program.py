"""What LiteLLM makes of Spaces, run by `test_litellm.py` in an environment that has it; prints JSON."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import sys
from typing import Any

import litellm

from qwen_gradio.integrations.litellm import register

PROMPT = [{"role": "user", "content": "hi"}]


def text_of(chunks: list[Any], name: str = "content") -> str:
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    return "".join(getattr(delta, name, None) or "" for delta in deltas)


def described(exc: Exception) -> list[Any]:
    """Describe an exception: its class, its status, whether the Space's error says what to do, and when to retry."""
    original = getattr(exc, "original_exception", None) or exc
    headers = getattr(getattr(original, "response", None), "headers", {})
    return [type(original).__name__, getattr(exc, "status_code", None), headers.get("retry-after")]


def answers(url: str, prompt: str) -> dict[str, Any]:
    """Ask in each of the four ways."""
    model = f"qwen_gradio/{url}"
    said: dict[str, list[Any]] = {name: [] for name in ("whole", "streamed", "prompt tokens", "finish reasons")}
    question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
    streaming = {"stream": True, "stream_options": {"include_usage": True}}

    def taken(whole: Any, chunks: list[Any]) -> None:
        said["whole"].append([whole.choices[0].message.content, whole.usage.completion_tokens])
        said["streamed"].append([text_of(chunks), chunks[-1].usage.completion_tokens])
        said["prompt tokens"].extend([whole.usage.prompt_tokens, chunks[-1].usage.prompt_tokens])
        said["finish reasons"].append([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1])

    async def ask() -> None:
        whole = await litellm.acompletion(model, question)
        stream = await litellm.acompletion(model, question, **streaming)
        taken(whole, [chunk async for chunk in stream])

    for _ in range(2):
        asyncio.run(ask())
    taken(litellm.completion(model, question), list(litellm.completion(model, question, **streaming)))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(litellm.completion, model, question) for _ in range(4)]
        said["from threads"] = [one.result().choices[0].message.content for one in asked]
    return said


def options(url: str, thinker: str) -> dict[str, Any]:
    """Ask with options, with stop sequences, and where a Space thinks."""
    sampling = {"temperature": 0.3, "max_tokens": 512, "radio": "7B", "user": "me", "n": 1}
    whole = litellm.completion(f"qwen_gradio/{url}", PROMPT, **sampling)
    stopped = litellm.completion(f"qwen_gradio/{url}", PROMPT, stop=["radio"])
    chunks = list(litellm.completion(f"qwen_gradio/{url}", PROMPT, stop=["radio"], stream=True))
    thought = litellm.completion(f"qwen_gradio/{thinker}", PROMPT)
    thoughts = list(litellm.completion(f"qwen_gradio/{thinker}", PROMPT, stream=True))
    dropped = litellm.completion(f"qwen_gradio/{url}", PROMPT, tools=[{"type": "function"}], drop_params=True)
    return {
        "heard": json.loads(whole.choices[0].message.content),
        "stopped": [stopped.choices[0].message.content, text_of(chunks)],
        "thought": [thought.choices[0].message.reasoning_content, text_of(thoughts, "reasoning_content")],
        "answered": [thought.choices[0].message.content, text_of(thoughts)],
        "dropped": dropped.choices[0].finish_reason,
    }


def errors(cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Fail in each of the four ways."""

    def fail(arguments: dict[str, Any]) -> list[Any]:
        try:
            list(litellm.completion(**arguments))
        except Exception as exc:  # noqa: BLE001 - what it is, is the result
            return described(exc)
        return []

    async def afail(arguments: dict[str, Any]) -> list[Any]:
        try:
            reply = await litellm.acompletion(**arguments)
            [chunk async for chunk in reply]
        except Exception as exc:  # noqa: BLE001 - what it is, is the result
            return described(exc)
        return []

    said: dict[str, Any] = {}
    for name, case in cases.items():
        arguments = {"messages": PROMPT, "max_retries": 0, **case}
        ways = [{**arguments, "stream": stream} for stream in (False, True)]
        said[name] = [*map(fail, ways), *(asyncio.run(afail(way)) for way in ways)]
    return said


def leave(url: str, prompts: list[str]) -> dict[str, Any]:
    """Leave each of four replies; the Space logs that."""
    model = f"qwen_gradio/{url}"
    questions = [[{"role": "user", "content": prompt}] for prompt in prompts]

    async def cancel() -> None:
        stream = await litellm.acompletion(model, questions[0], stream=True)
        async for _ in stream:
            break
        await stream.aclose()
        stream = await litellm.acompletion(model, questions[1], stream=True)
        await anext(stream)
        reading = asyncio.create_task(_read(stream))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait([reading])
        whole = asyncio.create_task(litellm.acompletion(model, questions[2]))
        await asyncio.sleep(1)
        whole.cancel()
        await asyncio.wait([whole])

    asyncio.run(cancel())
    for _ in litellm.completion(model, questions[3], stream=True):
        break
    return {"left": True}


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


def route(dead: str, alive: str, prompts: list[str]) -> dict[str, Any]:
    """Ask a Router of two Spaces, of which one is dead; and one of Spaces that are each other's fallbacks."""
    spaces = [{"model_name": "qwen", "litellm_params": {"model": f"qwen_gradio/{url}"}} for url in (dead, alive)]
    both = {"model_name": "both", "litellm_params": {"model": "qwen_gradio/both", "api_base": f"{dead}, {alive}"}}
    router = litellm.Router(model_list=[*spaces, both], num_retries=20, retry_after=0)

    async def ask(model: str, prompt: str) -> list[str]:
        question = [{"role": "user", "content": prompt}]
        whole = await router.acompletion(model, question)
        stream = await router.acompletion(model, question, stream=True)
        return [whole.choices[0].message.content, text_of([chunk async for chunk in stream])]

    async def ask_all() -> list[list[str]]:
        return await asyncio.gather(*(ask(model, prompt) for prompt in prompts for model in ("qwen", "both")))

    question = [{"role": "user", "content": prompts[0]}]
    return {
        "async": asyncio.run(ask_all()),
        "sync": [
            router.completion("qwen", question).choices[0].message.content,
            text_of(list(router.completion("qwen", question, stream=True))),
        ],
    }


if __name__ == "__main__":
    register()
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201 - its result

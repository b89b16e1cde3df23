"""Asks one server of OpenAI's API by one tool: `openai_clients.py TOOL URL PROMPTS`, in an environment with the tools.

PROMPTS is a JSON object: {"whole", "stream", "fail", "leave"}. It prints a line of JSON with what came of the first
three, and another, `"left"`, once it has left the fourth at its first words; then it waits until stdin ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

MODEL, KEY = "it", "unused"
# No byte to anybody but the server.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    LANGSMITH_TRACING="false",
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    NO_PROXY="127.0.0.1",
)


class Tool:
    """What each tool can do with a prompt."""

    def __init__(self, url: str) -> None:
        self.url = url

    def whole(self, prompt: str) -> str:
        raise NotImplementedError

    def stream(self, prompt: str) -> Iterator[str]:
        raise NotImplementedError

    def leave(self, prompt: str) -> None:
        """Leave a stream at its first words."""
        stream = self.stream(prompt)
        next(stream)
        stream.close()  # type: ignore[attr-defined] # each is a generator
        gc.collect()  # some tools leave it to the collector


class OpenAI(Tool):
    def __init__(self, url: str) -> None:
        import openai

        super().__init__(url)
        self._chat = openai.OpenAI(base_url=url, api_key=KEY, max_retries=0).chat.completions

    def whole(self, prompt: str) -> str:
        answer = self._chat.create(model=MODEL, messages=_messages(prompt), temperature=0, max_tokens=9, stop="never")
        assert answer.usage.total_tokens > 0
        assert answer.choices[0].finish_reason == "stop"
        return str(answer.choices[0].message.content)

    def stream(self, prompt: str) -> Iterator[str]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with self._chat.create(model=MODEL, messages=_messages(prompt), **options) as chunks:
            for chunk in chunks:
                assert chunk.choices or chunk.usage.total_tokens > 0
                yield "".join(choice.delta.content or "" for choice in chunk.choices)


class AsyncOpenAI(Tool):
    """A whole reply whose task is cancelled while it waits."""

    def _client(self) -> Any:
        import openai

        return openai.AsyncOpenAI(base_url=self.url, api_key=KEY, max_retries=0)

    async def _whole(self, prompt: str) -> str:
        async with self._client() as client:
            answer = await client.chat.completions.create(model=MODEL, messages=_messages(prompt))
            return str(answer.choices[0].message.content)

    def whole(self, prompt: str) -> str:
        return asyncio.run(self._whole(prompt))

    def stream(self, prompt: str) -> Iterator[str]:
        async def collect() -> list[str]:
            async with self._client() as client:
                chunks = await client.chat.completions.create(model=MODEL, messages=_messages(prompt), stream=True)
                return [chunk.choices[0].delta.content or "" async for chunk in chunks]

        yield from asyncio.run(collect())

    def leave(self, prompt: str) -> None:
        async def cancel() -> None:
            asking = asyncio.create_task(self._whole(prompt))
            await asyncio.sleep(1)
            asking.cancel()
            await asyncio.wait([asking])

        asyncio.run(cancel())


class LangChain(Tool):
    def __init__(self, url: str) -> None:
        from langchain_openai import ChatOpenAI

        super().__init__(url)
        self._model = ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, max_retries=0)

    def whole(self, prompt: str) -> str:
        return str(self._model.invoke(prompt).content)

    def stream(self, prompt: str) -> Iterator[str]:
        for chunk in self._model.stream(prompt):
            yield str(chunk.content)


class LiteLLM(Tool):
    def __init__(self, url: str) -> None:
        import litellm

        super().__init__(url)
        litellm.telemetry = False
        litellm.suppress_debug_info = True  # which it prints
        self._litellm = litellm

    def _arguments(self, prompt: str, **options: Any) -> dict[str, Any]:
        access = {"model": f"openai/{MODEL}", "api_base": self.url, "api_key": KEY, "max_retries": 0, "num_retries": 0}
        return {**access, "messages": _messages(prompt), **options}

    def whole(self, prompt: str) -> str:
        return str(self._litellm.completion(**self._arguments(prompt)).choices[0].message.content)

    def stream(self, prompt: str) -> Iterator[str]:
        for chunk in self._litellm.completion(**self._arguments(prompt, stream=True)):
            yield chunk.choices[0].delta.content or ""

    def leave(self, prompt: str) -> None:
        """Leave an asynchronous stream; nothing closes one that isn't."""

        async def leave() -> None:
            chunks = await self._litellm.acompletion(**self._arguments(prompt, stream=True))
            await anext(aiter(chunks))
            await chunks.aclose()

        asyncio.run(leave())


class Llm(Tool):
    """Simon Willison's, with the server as one of its extra OpenAI models."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        home = os.environ["LLM_USER_PATH"]
        with open(os.path.join(home, "extra-openai-models.yaml"), "w") as file:
            file.write(f"- model_id: {MODEL}\n  model_name: {MODEL}\n  api_base: {url}\n  api_key_name: {KEY}\n")
        import llm

        self._model = llm.get_model(MODEL)
        self._model.key = KEY

    def whole(self, prompt: str) -> str:
        return str(self._model.prompt(prompt, stream=False).text())

    def stream(self, prompt: str) -> Iterator[str]:
        yield from iter(self._model.prompt(prompt, stream=True))


class PydanticAI(Tool):
    def __init__(self, url: str) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        super().__init__(url)
        self._agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=url, api_key=KEY)))

    def whole(self, prompt: str) -> str:
        return str(self._agent.run_sync(prompt).output)

    def stream(self, prompt: str) -> Iterator[str]:
        async def collect() -> list[str]:
            async with self._agent.run_stream(prompt) as result:
                return [text async for text in result.stream_text(delta=True, debounce_by=None)]

        yield from asyncio.run(collect())

    def leave(self, prompt: str) -> None:
        async def leave() -> None:
            begun = asyncio.Event()

            async def read() -> None:
                async with self._agent.run_stream(prompt) as result:
                    async for _ in result.stream_text(delta=True, debounce_by=None):
                        begun.set()

            reading = asyncio.create_task(read())
            await begun.wait()
            reading.cancel()
            await asyncio.wait([reading])

        asyncio.run(leave())


class Smolagents(Tool):
    def __init__(self, url: str) -> None:
        from smolagents import OpenAIModel

        super().__init__(url)
        self._model = OpenAIModel(MODEL, api_base=url, api_key=KEY, client_kwargs={"max_retries": 0}, retry=False)

    def _messages(self, prompt: str) -> Any:
        from smolagents.models import ChatMessage, MessageRole

        return [ChatMessage(role=MessageRole.USER, content=[{"type": "text", "text": prompt}])]

    def whole(self, prompt: str) -> str:
        answer = self._model.generate(self._messages(prompt), stop_sequences=["Observation:"])
        assert answer.token_usage.input_tokens > 0
        return str(answer.content)

    def stream(self, prompt: str) -> Iterator[str]:
        for delta in self._model.generate_stream(self._messages(prompt), stop_sequences=["Observation:"]):
            yield delta.content or ""


class LoadChat(Tool):
    """A Gradio app by `gr.load_chat`, by gradio_client; a second turn in a session fails there by itself."""

    def __init__(self, url: str) -> None:
        import gradio as gr

        super().__init__(url)
        chat = gr.load_chat(url, model=MODEL, token=KEY, file_types=None, api_name="chat")
        _, self._app, _ = chat.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)

    def _submit(self, prompt: str) -> Any:
        from gradio_client import Client  # type: ignore[import-untyped] # not in all of its versions

        return Client(self._app, verbose=False).submit(prompt, api_name="/chat")

    def whole(self, prompt: str) -> str:
        return str(self._submit(prompt).result())

    def stream(self, prompt: str) -> Iterator[str]:
        job, sent = self._submit(prompt), ""
        try:
            for text in job:
                yield str(text)[len(sent) :]
                sent = str(text)
        finally:
            job.cancel()


def _messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


TOOLS = {
    "openai": OpenAI,
    "openai, async": AsyncOpenAI,
    "langchain": LangChain,
    "litellm": LiteLLM,
    "llm": Llm,
    "pydantic-ai": PydanticAI,
    "smolagents": Smolagents,
    "load_chat": LoadChat,
}


def main() -> None:
    tool, prompts = TOOLS[sys.argv[1]](sys.argv[2]), json.loads(sys.argv[3])
    came: dict[str, Any] = {"whole": tool.whole(prompts["whole"]), "stream": list(tool.stream(prompts["stream"]))}
    try:
        came["error"] = tool.whole(prompts["fail"])
    except Exception as exc:  # noqa: BLE001 - each tool has its own
        came["error"] = f"{type(exc).__name__}: {exc}"
    print(json.dumps(came), flush=True)  # noqa: T201 - its result
    tool.leave(prompts["leave"])
    print(json.dumps("left"), flush=True)  # noqa: T201 - the same
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

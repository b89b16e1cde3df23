"""Where gradio_client answers, so do we, whatever Gradio makes of `/config`: for gradio_client it stays as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped] # it ships no py.typed

from qwen_gradio import AsyncQwenClient
from qwen_gradio.space.choice import find_recipe
from qwen_gradio.transport import connection
from qwen_gradio.transport.client import describe

from ..environments import on_gradio
from ..servers.forked import ForkServers
from .descriptions import EDITS, KEYS, Edit, Key, edited, rename, void

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
QUESTION = "hi"
FUNCTIONS = {"chatbot_first": "/predict", "interface": "/respond", "guide": "/bot"}
EACH_GRADIO = [pytest.param("5.50.0 messages", marks=on_gradio("5.50.0")), "6"]


@dataclass(frozen=True)
class App:
    """A running app: its URL, its description, and the name of the function that answers."""

    url: str
    config: Mapping[str, Any]
    info: Mapping[str, Any]
    api_name: str

    def answer(self) -> str:
        """Ask by gradio_client alone."""
        job = Client(self.url, verbose=False).submit(*self.arguments, api_name=self.api_name)
        return text_of(job.result(timeout=30))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What a caller of gradio_client alone finds out to send."""
        content = [{"type": "text", "text": QUESTION}] if self.config["version"].startswith("6") else QUESTION
        asked = [{"role": "user", "content": content}]
        return {"/predict": ([], QUESTION), "/bot": (asked,)}.get(self.api_name, (QUESTION,))


def text_of(output: Any) -> str:
    """The newest text in an output of gradio_client."""
    if isinstance(output, str):
        return output
    if isinstance(output, Mapping):
        return text_of(output["content"] if "content" in output else output["text"])
    return text_of([item for item in output if item][-1])


@pytest.fixture(scope="module")
def apps(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[list[App]]:
    gradio, _, chatbots = request.param.partition(" ")
    arguments = ("--chatbots", chatbots) if chatbots else ()
    with fork_servers.running(SERVE, *FUNCTIONS, *arguments, gradio=gradio) as process:
        yield [described(name, url.rstrip("/")) for name, url in json.loads(process.printed).items()]


def described(name: str, url: str) -> App:
    with httpx.Client(base_url=url, trust_env=False) as client:
        config = client.get("/config").json()
        info = client.get("/gradio_api/info", params={"serialize": "False"}).json()
    api_name = FUNCTIONS[name]
    return App(url, config, info, api_name if api_name in info["named_endpoints"] else "/chat")


@pytest.fixture(scope="module")
def answers(apps: list[App]) -> list[str]:
    return [app.answer() for app in apps]


@pytest.mark.parametrize("apps", EACH_GRADIO, indirect=True)
@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_config_with_another_form_is_asked_at_the_same_function(apps: list[App], key: Key) -> None:
    for app in apps:
        form = find_recipe(app.config, app.info).dialect
        for edit in EDITS:
            config = edited(app.config, key, edit)
            for api_name in (None, app.api_name):
                recipe = find_recipe(config, app.info, api_name=api_name)
                assert (edit, recipe.api_name, recipe.dialect) == (edit, app.api_name, form)


@pytest.mark.full
@pytest.mark.parametrize("apps", EACH_GRADIO, indirect=True)
@pytest.mark.parametrize("edit", [rename, void])
@pytest.mark.parametrize("key", KEYS, ids=".".join)
async def test_config_with_another_form_is_answered_as_by_gradio_client(
    apps: list[App], answers: list[str], key: Key, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "describe", lambda client: _edited(*describe(client), key, edit))
    asked = [(app, api_name) for app in apps for api_name in (None, app.api_name)]
    ours: dict[int, str] = {}

    async def ask(number: int, app: App, api_name: str | None) -> None:
        async with AsyncQwenClient(app.url, api_name=api_name) as client:
            ours[number] = await client.ask(QUESTION)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number, (app, api_name) in enumerate(asked):
                tasks.start_soon(ask, number, app, api_name)
    assert [ours[number] for number in range(len(asked))] == [answer for answer in answers for _ in range(2)]


def _edited(config: Any, info: Any, key: Key, edit: Edit) -> tuple[Any, Any]:
    return edited(config, key, edit), info

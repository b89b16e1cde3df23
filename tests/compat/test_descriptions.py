"""Where gradio_client answers, so do we, whatever Gradio makes of `/config`: for gradio_client it stays as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from gradio_client import Client  # type: ignore[import-untyped] # it ships no py.typed

from qwen_gradio import AsyncQwenClient
from qwen_gradio.transport import connection

from ..environments import on_gradio
from ..servers.forked import ForkServers
from .descriptions import EDITS, KEYS, Edit, Key, edited

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
QUESTION = "hi"
APPS = ("chatbot_first", "interface", "guide")
EACH_GRADIO = [pytest.param("5.50.0 messages", marks=on_gradio("5.50.0")), "6"]
CASES = [pytest.param(key, edit, id=f"{'.'.join(key)} {edit.__name__}") for key in KEYS for edit in EDITS]


@pytest.fixture(scope="module")
def urls(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[dict[str, str]]:
    gradio, _, chatbots = request.param.partition(" ")
    arguments = ("--chatbots", chatbots) if chatbots else ()
    with fork_servers.running(SERVE, *APPS, *arguments, gradio=gradio) as process:
        yield json.loads(process.printed)


def question_to(app: str, config: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The function of an app that answers, and the arguments that a caller of gradio_client alone finds out."""
    if app == "interface":  # its function has its own name from Gradio 6 on
        names = [entry["api_name"] for entry in config["dependencies"]]
        return f"/{'respond' if 'respond' in names else 'chat'}", (QUESTION,)
    in_pairs = [entry["props"].get("type") for entry in config["components"] if entry["type"] == "chatbot"] == [
        "tuples"
    ]
    asked = [QUESTION, None] if in_pairs else {"role": "user", "content": QUESTION}
    return ("/predict", ([], QUESTION)) if app == "chatbot_first" else ("/bot", ([asked],))


def text_of(output: Any) -> str:
    """The newest text in an output of gradio_client."""
    if isinstance(output, str):
        return output
    if isinstance(output, Mapping):
        return text_of(output["content"] if "content" in output else output["text"])
    newest = [item for item in output if item and not isinstance(item, str)] or output
    return text_of(newest[-1])


def answer_alone(url: str, app: str) -> tuple[str, str]:
    """Ask by gradio_client alone: the function's name, and the answer."""
    client = Client(url, verbose=False)
    api_name, arguments = question_to(app, client.config)
    return api_name, text_of(client.submit(*arguments, api_name=api_name).result(timeout=30))


@pytest.mark.full
@pytest.mark.parametrize("urls", EACH_GRADIO, indirect=True)
@pytest.mark.parametrize(("key", "edit"), CASES)
async def test_config_with_another_form_is_answered_alike(
    urls: dict[str, str], key: Key, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = connection.describe
    monkeypatch.setattr(connection, "describe", lambda client: _edited(*describe(client), key, edit))
    answers: dict[tuple[str, str | None], tuple[str, str]] = {}

    async def ask(app: str, api_name: str | None, expected: str) -> None:
        async with AsyncQwenClient(urls[app], api_name=api_name) as client:
            answers[app, api_name] = await client.ask(QUESTION), expected

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for app in APPS:
                api_name, expected = await anyio.to_thread.run_sync(answer_alone, urls[app], app)
                tasks.start_soon(ask, app, api_name, expected)
                tasks.start_soon(ask, app, None, expected)
    assert len(answers) == 2 * len(APPS)
    assert {case: ours for case, (ours, _) in answers.items()} == {
        case: theirs for case, (_, theirs) in answers.items()
    }


def _edited(config: Any, info: Any, key: Key, edit: Edit) -> tuple[Any, Any]:
    return edited(config, key, edit), info

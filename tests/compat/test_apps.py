"""The table lists every app; each Gradio serves those that belong to it, their pages have its inputs, and steps log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.client import Job  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

from ..conftest import eventually
from ..environments import on_each_gradio
from ..servers.forked import ForkServers
from .apps.table import APPS, BY_NAME, EACH_GRADIO, QUICK, App, heard_in

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
FOLDER = Path(__file__).with_name("apps")
BY_STAND_IN = {"by": "a stand-in without a model"}
APPS_ON_GRADIOS = [
    pytest.param(
        app,
        version,
        marks=on_gradio.marks or ([] if app.name in QUICK else pytest.mark.full),
        id=f"{app.name}-{version}",
    )
    for on_gradio in on_each_gradio(*EACH_GRADIO)
    for version in on_gradio.values
    for app in APPS
    if version in app.gradios
]


@dataclass(frozen=True)
class Served:
    """A running app, and what its steps log."""

    url: str
    log: Path

    def logged(self, event: str) -> list[str]:
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line["step"] for line in lines if line["event"] == event]


@pytest.fixture
def served(app: App, gradio: str, fork_servers: ForkServers, tmp_path: Path) -> Iterator[Served]:
    log = tmp_path / "log.jsonl"
    arguments = ("--apps", str(FOLDER), "--log", str(log), app.name)
    with fork_servers.running(SERVE, *arguments, gradio=gradio) as process:
        yield Served(json.loads(process.printed)[app.name].rstrip("/"), log)


def test_apps_table_lists_every_module_once() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "columns", "stand_in", "table"}
    assert sorted(BY_NAME) == sorted(modules)
    assert len(BY_NAME) == len(APPS)


@pytest.mark.parametrize(("app", "gradio"), APPS_ON_GRADIOS)
def test_app_served_has_the_inputs_of_the_table_on_its_page(app: App, served: Served) -> None:
    config = httpx.get(f"{served.url}/config", trust_env=False).json()
    components = [component["props"] for component in config["components"]]
    values: dict[str | None, Any] = {props.get("label"): props.get("value") for props in components}
    for given in filter(None, (app.system, *app.options)):
        assert given.label is None or values[given.label] == given.value
    assert app.files in (None, "box", *values)


CLICK_ONLY = pytest.mark.parametrize(("app", "gradio"), [pytest.param(BY_NAME["click_only"], "6", id="click_only-6")])


@CLICK_ONLY
def test_app_asked_slowly_says_and_logs_what_it_heard(served: Served) -> None:
    reply = last_text(submitted("Why so slowly?", served).result())
    assert heard_in(reply) == {"question": "Why so slowly?", "earlier": [], "options": {"length": 64}, **BY_STAND_IN}
    assert len(reply.split()) == 60
    assert (served.logged("start"), served.logged("end")) == (["generate_text"], ["generate_text"])


@CLICK_ONLY
def test_app_asked_to_fail_raises_after_three_updates_and_logs_it(served: Served) -> None:
    job = submitted("Please fail in generate_text", served)
    with pytest.raises(AppError, match="generate_text was asked to fail"):
        job.result()
    assert [len(last_text(update).split()) for update in job.outputs()] == [1, 2, 3]
    assert (served.logged("start"), served.logged("error")) == (["generate_text"], ["generate_text"])


@CLICK_ONLY
def test_app_whose_question_is_cancelled_logs_that_it_was_stopped(served: Served) -> None:
    job = submitted("Why so slowly?", served)
    assert eventually(lambda: bool(job.outputs()))
    job.cancel()
    assert eventually(lambda: served.logged("stopped") == ["generate_text"])
    assert served.logged("end") == []


def submitted(question: str, served: Served) -> Job:
    client = Client(served.url, verbose=False, analytics_enabled=False)
    return client.submit(question, [], 64, api_name="/generate_text")


def last_text(chatbot: list[dict[str, Any]]) -> str:
    return str(chatbot[-1]["content"][0]["text"])


def test_readme_lists_each_kind_of_page() -> None:
    readme = (Path(__file__).parent / "README.md").read_text()
    for app in APPS:
        versions = "" if app.gradios == EACH_GRADIO else f" ({', '.join(app.gradios)})"
        assert f"- {app.kind}{versions}\n" in readme
    for text in (readme, (Path(__file__).parents[2] / "README.md").read_text()):
        assert re.search(rf"\b{len(APPS)} (apps|kinds)", text)

"""The apps of the table are all there, each Gradio serves those that belong to it, and their pages say what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ..environments import on_each_gradio
from ..servers.forked import ForkServers
from .apps.table import APPS, BY_NAME, EACH_GRADIO, App

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
FOLDER = Path(__file__).with_name("apps")
ON_EACH_GRADIO = [
    pytest.param(version, app, marks=marked.marks)
    for marked in on_each_gradio(*EACH_GRADIO)
    for version in marked.values
    for app in APPS
    if version in app.gradios
]


@pytest.fixture(scope="module")
def urls(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[dict[str, str]]:
    names = [app.name for app in APPS if request.param in app.gradios]
    with fork_servers.running(SERVE, "--apps", str(FOLDER), *names, gradio=request.param) as process:
        yield json.loads(process.printed)


def test_apps_table_lists_every_module_once() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "stand_in", "table"}
    assert sorted(BY_NAME) == sorted(modules)
    assert len(BY_NAME) == len(APPS)


@pytest.mark.parametrize(("urls", "app"), ON_EACH_GRADIO, indirect=["urls"], ids=str)
def test_app_is_served_and_its_page_has_its_inputs(urls: dict[str, str], app: App) -> None:
    config = httpx.get(f"{urls[app.name].rstrip('/')}/config", trust_env=False).json()
    values = {component["props"].get("label"): component["props"].get("value") for component in config["components"]}
    for given in filter(None, (app.system, *app.options)):
        if given.label:
            assert values[given.label] == given.value
    assert app.files in (None, "box", *values)

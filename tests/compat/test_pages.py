"""The driver asks each app as the app's page does in Chromium: as that was recorded, and as it is today."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from ..environments import on_each_gradio
from ..servers.forked import ForkServers
from .apps.table import APPS, EACH_GRADIO, QUICK, App
from .pages.questions import questions
from .pages.recorded import APPS_FOLDER, CHROMIUM, FIXTURES, SERVE, Browser, Recording, browser, drive


def on_each(apps: Sequence[App]) -> list[Any]:
    """Give the parameters of a test that asks apps on each Gradio that they belong to."""
    return [
        pytest.param(version, app, marks=marked.marks or on_newest(app), id=f"{version}-{app.name}")
        for marked in on_each_gradio(*EACH_GRADIO)
        for version in marked.values
        for app in apps
        if version in app.gradios
    ]


def on_newest(app: App) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xdist_group("pages 6"), *([] if app.name in QUICK else [pytest.mark.full])]


@pytest.fixture(scope="module")
def serving(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[Callable[[str], dict[str, str]]]:
    """Serve all apps of a Gradio, and give their URLs."""
    is_full = request.config.getoption("full")
    with contextlib.ExitStack() as stack:

        @functools.cache
        def urls(version: str) -> dict[str, str]:
            names = [app.name for app in APPS if version in app.gradios and (is_full or app.name in QUICK)]
            arguments = ["--apps", str(APPS_FOLDER), *names]
            process = stack.enter_context(fork_servers.running(SERVE, *arguments, gradio=version))
            return dict(json.loads(process.printed))

        yield urls


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if "IN_CHROMIUM" not in os.environ:
        pytest.skip("with IN_CHROMIUM=1 in the environment the pages are asked in Chromium, too")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}; apt-get install chromium brings it")
    with browser() as running:
        yield running


@pytest.mark.parametrize(("version", "app"), on_each(APPS))
def test_driver_asks_app_as_its_page_was_recorded_to(
    version: str, app: App, serving: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    kept = Recording.load(FIXTURES / f"{app.name}-{version}.json")
    driven = anyio.run(drive, serving(version)[app.name], questions(app, tmp_path))
    assert driven.in_order(driven.recording) == driven.in_order(kept)
    if app.name == "think_tags" and version != "6":
        return  # these pages leave out what is in tags, also in one that isn't closed
    assert not any(driven.unseen(kept))


@pytest.mark.full
@pytest.mark.parametrize(("version", "app"), on_each([app for app in APPS if app.name in QUICK]))
def test_page_in_chromium_asks_app_as_it_was_recorded_to(
    version: str, app: App, serving: Callable[[str], dict[str, str]], chromium: Browser, tmp_path: Path
) -> None:
    kept = Recording.load(FIXTURES / f"{app.name}-{version}.json")
    driven = anyio.run(drive, serving(version)[app.name], questions(app, tmp_path))
    today = chromium.ask(driven)
    assert driven.in_order(today) == driven.in_order(kept)
    assert without_escapes(today.shown) == without_escapes(kept.shown)


def without_escapes(shown: list[list[str]]) -> list[list[str]]:
    """Remove the backslashes of Markdown, which a page shows until it has drawn the text."""
    return [[text.replace("\\", "") for text in texts] for texts in shown]

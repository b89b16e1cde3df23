"""Records in Chromium what the apps' pages do: `python -m tests.compat.pages [app…]`. It replaces the fixtures."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import anyio

from ...servers.forked import ForkServers
from ..apps.table import APPS, EACH_GRADIO
from .questions import questions
from .recorded import APPS_FOLDER, FIXTURES, SERVE, browser, drive


def main(names: list[str]) -> None:
    with ForkServers() as servers, browser() as chromium, tempfile.TemporaryDirectory() as folder:
        for gradio in EACH_GRADIO:
            apps = [app for app in APPS if gradio in app.gradios and (app.name in names or not names)]
            with servers.running(
                SERVE, "--apps", str(APPS_FOLDER), *(app.name for app in apps), gradio=gradio
            ) as served:
                urls = json.loads(served.printed)
                for app in apps:
                    driven = anyio.run(drive, urls[app.name], questions(app, Path(folder)))
                    chromium.ask(driven).save(FIXTURES / f"{app.name}-{gradio}.json")
                    print(app.name, gradio, flush=True)  # noqa: T201 - it takes minutes


if __name__ == "__main__":
    main(sys.argv[1:])

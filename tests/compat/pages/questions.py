"""What is asked of each app's page, by the driver and in Chromium alike."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..apps.table import App

FIRST, SECOND = "What is it? Name one thing.", "And then?"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def questions(app: App, folder: Path) -> list[dict[str, Any]]:
    """Give questions as `person.actions` takes them: with a file if the app takes one, then with options, then one that fails."""
    first: dict[str, Any] = {"text": FIRST}
    if app.files is not None:
        file = folder / ("picture.png" if "image" in app.files.lower() else "note.txt")
        file.write_bytes(base64.b64decode(PICTURE) if file.suffix == ".png" else b"Some words.\n")
        first["files"] = [file]
    options = {given.label: given.other for given in app.options if given.label}
    second = {"text": SECOND, "options": options, "system": app.system and app.system.other}
    return [first, second, {"text": f"Please fail in {app.steps[-1]}"}]

"""Scripted Spaces on a Gradio as it could be, or in another environment; all others are `ForkServers`'."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from qwen_gradio import demo

from ..servers.forked import SCRIPTED_SPACE, LoggedSpace


@contextlib.contextmanager
def served(folder: Path, overlay: Path | None = None, *, python: str = sys.executable) -> Iterator[LoggedSpace]:
    """Serve a scripted Space in a process that imports gradio itself.

    Args:
        folder: where its log is.
        overlay: a folder whose packages come before the installed ones.
        python: the interpreter, which has gradio.
    """
    log = folder / "saw.jsonl"
    path = f"PYTHONPATH={overlay or ''}"
    with demo.run_in_process(path, python, str(SCRIPTED_SPACE), str(log), python="env") as url:
        yield LoggedSpace(url.rstrip("/"), log)

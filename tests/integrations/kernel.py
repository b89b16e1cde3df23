"""Runs cells in a real Jupyter kernel; a script that needs jupyter_client and nothing of the tests.

It reads the cells from stdin, as JSON: [{"code", "interrupt": [path, text] | null}, …]; a cell is interrupted once the
file at the path has the text. It prints the outputs of each cell: [{"markdown" | "text" | "printed" | "traceback": …}].
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel  # type: ignore[import-not-found] # in an environment of its own

KINDS = {"text/markdown": "markdown", "text/plain": "text"}


def output(message: dict[str, Any]) -> dict[str, str] | None:
    content = message["content"]
    if message["msg_type"] == "stream":
        return {"printed": content["text"]}
    if message["msg_type"] == "error":
        return {"error": content["ename"], "traceback": "\n".join(content["traceback"])}
    if "data" in content:
        kind = next(kind for kind in KINDS if kind in content["data"])
        return {KINDS[kind]: content["data"][kind]}
    return None


def interrupt_at(manager: Any, path: str, text: str) -> None:
    while not (Path(path).exists() and text in Path(path).read_text()):
        time.sleep(0.01)
    manager.interrupt_kernel()


def main() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    results: list[list[dict[str, str]]] = []
    try:
        for cell in json.load(sys.stdin):
            if cell.get("interrupt"):
                threading.Thread(target=interrupt_at, args=(manager, *cell["interrupt"]), daemon=True).start()
            shown: list[dict[str, Any]] = []
            client.execute_interactive(cell["code"], output_hook=shown.append, timeout=120)
            results.append([found for message in shown if (found := output(message))])
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(json.dumps(results))  # noqa: T201 - its output


if __name__ == "__main__":
    main()

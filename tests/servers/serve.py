"""Serves the named apps, all in one process, each on a port of its own of 127.0.0.1, until standard input ends.

It runs on any Gradio, and imports nothing of the package. When all are up it prints one line of JSON: {name: URL}.
An app says by its module's constants how it is served: AUTH, a (user, password); MAX_FILE_SIZE, in bytes; and
MOUNT_PATH, under which it is mounted in a FastAPI app.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import socket
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

APPS = Path(__file__).resolve().parent / "apps"


def serve(module: Any, tls: dict[str, Any]) -> str:
    """Serve an app as it wants to be, and give its URL."""
    return mount(module, tls) if hasattr(module, "MOUNT_PATH") else launch(module, tls)


def launch(module: Any, tls: dict[str, Any]) -> str:
    """Serve an app by its own server."""
    _, url, _ = module.demo.launch(
        server_name="127.0.0.1",
        server_port=_free_port(),
        prevent_thread_lock=True,
        quiet=True,
        auth=getattr(module, "AUTH", None),
        **({"max_file_size": module.MAX_FILE_SIZE} if hasattr(module, "MAX_FILE_SIZE") else {}),
        ssl_verify=False,  # it asks itself whether it is up
        **tls,
    )
    return str(url)


def mount(module: Any, tls: dict[str, Any]) -> str:
    """Serve an app in a FastAPI app."""
    import fastapi
    import gradio as gr
    import uvicorn

    app, port = gr.mount_gradio_app(fastapi.FastAPI(), module.demo, path=module.MOUNT_PATH), _free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", **tls))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"{'https' if tls else 'http'}://127.0.0.1:{port}{module.MOUNT_PATH}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="name")
    parser.add_argument("--apps", type=Path, default=APPS, metavar="FOLDER", help="where they are, if not beside")
    parser.add_argument("--log", type=Path, metavar="FILE", help="where they log their steps, if they do")
    parser.add_argument("--chatbots", metavar="TYPE", help="tuples or messages, where Gradio has both")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    given = parser.parse_args()
    if (given.certificate is None) != (given.key is None):
        parser.error("--certificate and --key go together")
    tls: dict[str, Any] = {}
    if given.certificate:
        tls = {"ssl_certfile": str(given.certificate.resolve()), "ssl_keyfile": str(given.key.resolve())}

    if given.chatbots:
        os.environ["CHATBOT_TYPE"] = given.chatbots  # the apps' model looks it up
    if given.log:
        os.environ["APP_LOG"] = str(given.log.resolve())
    # Gradio looks these up at import.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    sys.path[:0] = [str(given.apps.resolve()), str(APPS)]  # the apps of another folder use our model too
    warnings.simplefilter("ignore")  # Gradio 5 has one for each Chatbot of pairs
    parent, sys.stdout = sys.stdout, sys.stderr  # what gradio prints is not for the parent
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # an Interface of Gradio 4 makes a folder for flags where it is
        parent.write(json.dumps({name: serve(importlib.import_module(name), tls) for name in given.names}) + "\n")
        parent.flush()
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.buffer.read()  # the parent's death ends it too, so it never outlives its owner
    os._exit(0)  # threads that still generate must not hold it up


if __name__ == "__main__":
    main()

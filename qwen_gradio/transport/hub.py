"""Looks up a Space's state on the Hugging Face Hub, without a token. Called only for one that doesn't answer."""

from __future__ import annotations

import os
from typing import Final

TIMEOUT: Final = 5.0  # seconds to wait for the Hub


def get_state(space_id: str, *, proxy: str | None) -> str:
    """Get a Space's public state from the Hub (`/api/spaces/{id}/runtime`, its "stage"). Blocks.

    Args:
        space_id: the Space's id.
        proxy: the URL of the proxy for the Space; None leaves it to the environment.

    Returns:
        the state in words: "sleeping", "paused", "building", "runtime error", "running", …; "not found" if there is no
        public Space of that id; `""` if the Hub gives none.
    """
    from .rebinding import http_module  # here, as it imports gradio_client, which takes a second

    http = http_module()
    # HF_ENDPOINT names a mirror, as it does to huggingface_hub.
    url = f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/api/spaces/{space_id}/runtime"
    try:
        with http.Client(proxy=proxy, timeout=TIMEOUT) as client:
            response = client.get(url)
        if response.status_code in (http.codes.NOT_FOUND, http.codes.UNAUTHORIZED):
            return "not found"
        stage = response.raise_for_status().json()["stage"]
    except (http.HTTPError, http.InvalidURL, ImportError, OSError, ValueError, KeyError, TypeError):
        return ""  # the error that this would explain is raised anyway
    return stage.lower().replace("_", " ") if isinstance(stage, str) else ""

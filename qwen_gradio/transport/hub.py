"""A Space's state according to the Hugging Face Hub, without a token; used only if the Space doesn't answer."""

from __future__ import annotations

import os
from typing import Final

TIMEOUT: Final = 5.0  # seconds to wait for the Hub


def get_state(space_id: str, *, proxy: str | None) -> str:
    """Return a Space's public state from the Hub (the "stage" of `/api/spaces/{id}/runtime`). Blocks.

    Args:
        space_id: the Space's id.
        proxy: the URL of the proxy for the Space; None for that of the environment.

    Returns:
        the state in words: "sleeping", "paused", "building", "runtime error", "running", …; "not found" if there is no
        public Space of that id; `""` if the Hub doesn't answer.
    """
    from .rebinding import http_module  # imported late: gradio_client takes a second

    http = http_module()
    # HF_ENDPOINT is the URL of a mirror, as for huggingface_hub.
    url = f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/api/spaces/{space_id}/runtime"
    try:
        with http.Client(proxy=proxy, timeout=TIMEOUT) as client:
            response = client.get(url)
        if response.status_code in (http.codes.NOT_FOUND, http.codes.UNAUTHORIZED):
            return "not found"
        stage = response.raise_for_status().json()["stage"]
    except (http.HTTPError, http.InvalidURL, ImportError, OSError, ValueError, KeyError, TypeError):
        return ""  # the caller raises the Space's own error in any case
    return stage.lower().replace("_", " ") if isinstance(stage, str) else ""

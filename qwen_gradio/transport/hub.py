"""What the Hugging Face Hub says of a Space that doesn't answer. Asked for nothing else, and without a token."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .rebinding import http_module

if TYPE_CHECKING:
    import httpx as http
else:
    http = http_module()

TIMEOUT: Final = 5.0  # seconds that the Hub's word is waited for


def get_state(space_id: str, *, proxy: str | None) -> str:
    """Ask the Hub for a Space's public state (`/api/spaces/{id}/runtime`, its "stage"). Blocks.

    Args:
        space_id: the Space's id.
        proxy: the URL of the proxy that the Space is asked through, None as there.

    Returns:
        the state in words, as "sleeping", "paused", "building", "runtime error" or "running"; "not found" if there is
        no public Space of that id; `""` if the Hub doesn't tell.
    """
    # HF_ENDPOINT names a mirror, as it does to huggingface_hub.
    url = f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/api/spaces/{space_id}/runtime"
    try:
        with http.Client(proxy=proxy, timeout=TIMEOUT) as client:
            answer = client.get(url)
        if answer.status_code in (http.codes.NOT_FOUND, http.codes.UNAUTHORIZED):
            return "not found"
        stage = answer.raise_for_status().json()["stage"]
    except (http.HTTPError, http.InvalidURL, ImportError, ValueError, KeyError, TypeError):
        return ""  # the failure that this would explain is raised anyway
    return stage.lower().replace("_", " ") if isinstance(stage, str) else ""

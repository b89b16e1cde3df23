"""What the Hugging Face Hub knows: the state of a Space that doesn't answer, and the GPU quota of a token's account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from ..errors import CannotConnect, NeedsAuthentication, QwenGradioError, RateLimited, SpaceError
from .access import Access

TIMEOUT: Final = 5.0  # seconds to wait for the Hub


def hub_url() -> str:
    """Return the Hub's URL: that of a mirror if HF_ENDPOINT is set, as for huggingface_hub."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


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
    try:
        with http.Client(proxy=proxy, timeout=TIMEOUT) as client:
            response = client.get(f"{hub_url()}/api/spaces/{space_id}/runtime")
        if response.status_code in (http.codes.NOT_FOUND, http.codes.UNAUTHORIZED):
            return "not found"
        stage = response.raise_for_status().json()["stage"]
    except (http.HTTPError, http.InvalidURL, ImportError, OSError, ValueError, KeyError, TypeError):
        return ""  # the caller raises the Space's own error in any case
    return stage.lower().replace("_", " ") if isinstance(stage, str) else ""


@dataclass(frozen=True, slots=True)
class Quota:
    """An account's quota of GPU time on ZeroGPU Spaces (`ZeroGpuQuota` in huggingface_hub).

    Attributes:
        base: the whole quota, in GPU-seconds.
        remaining: what is left of it, in GPU-seconds.
        resets_at: when it is full again; None if nothing of it was used.
        overquota_used: the paid GPU-seconds used beyond it; None if the Hub doesn't say.
    """

    base: float
    remaining: float
    resets_at: datetime | None
    overquota_used: float | None


def get_quota(access: Access) -> Quota:
    """Return the quota of a token's account (`GET /api/spaces/zero-gpu/quota`). Blocks.

    Args:
        access: the Hub's URL, the token, the proxy and the timeout.

    Raises:
        NeedsAuthentication: the Hub doesn't accept the token.
        QwenGradioError: the Hub can't be reached, or its answer can't be read.
    """
    from .rebinding import http_module  # imported late: gradio_client takes a second

    http = http_module()
    headers = {"Authorization": f"Bearer {access.token}"}
    try:
        with http.Client(proxy=access.proxy, timeout=access.timeout) as client:
            response = client.get(f"{access.url}/api/spaces/zero-gpu/quota", headers=headers)
    except (http.HTTPError, http.InvalidURL, ImportError, OSError) as exc:
        raise CannotConnect(f"no connection could be made ({exc!s:.200})") from exc
    if not response.is_success:
        raise _quota_error(response)
    try:
        return _parse_quota(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SpaceError(f"its answer has no quota that can be read: {response.text:.200}") from exc


def _quota_error(response: Any) -> QwenGradioError:
    from .errors import status_error

    if response.status_code in (401, 403):
        return NeedsAuthentication(
            f"it answers with HTTP {response.status_code}: the token is wrong, or may not read billing usage"
        )
    error = status_error(response)
    return error if isinstance(error, RateLimited) else SpaceError(str(error.args[0]))


def _parse_quota(body: Any) -> Quota:
    resets_at, overquota_used = body.get("resetsAt"), body.get("overquotaUsed")
    return Quota(
        base=float(body["base"]),
        remaining=float(body["current"]),
        resets_at=None if resets_at is None else _parse_time(resets_at),
        overquota_used=None if overquota_used is None else float(overquota_used),
    )


def _parse_time(time: str) -> datetime:
    parsed = datetime.fromisoformat(time.replace("Z", "+00:00"))  # Python 3.10 can't read a Z
    return parsed.astimezone(timezone.utc) if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)

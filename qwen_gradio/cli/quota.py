"""`qwen-gradio quota`: the GPU time that the Hugging Face Hub has left for an account."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click

import qwen_gradio

from . import loop
from .options import network_options
from .render import echo

if TYPE_CHECKING:  # at runtime it is imported late, as `--help` doesn't need it
    from ..transport.access import Access
    from ..transport.hub import Quota


@click.command()
@click.option("--token", envvar="QWEN_GRADIO_TOKEN", show_envvar=True, help="A Hugging Face token, sent to the Hub.")
@network_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def quota(token: str | None, timeout: float | None, proxy: str | None, as_json: bool) -> None:
    """Show how much GPU time on ZeroGPU Spaces the token's account has left.

    The quota is the account's, whichever machine asks. The Hub is asked at HF_ENDPOINT, if that is set.
    """
    from ..reply.settings import check_not_cleartext, create_access
    from ..transport.hub import TIMEOUT, hub_url

    if not token:
        raise qwen_gradio.UsageError("expected --token, or QWEN_GRADIO_TOKEN: without one, the Hub tells no quota")
    timeouts = qwen_gradio.Timeouts(connect=TIMEOUT if timeout is None else timeout)
    access = create_access(hub_url(), token=token, proxy=proxy, timeouts=timeouts)
    try:
        check_not_cleartext(access.url)
    except qwen_gradio.InvalidOption:
        raise qwen_gradio.UsageError("HF_ENDPOINT is plain http, where the token could be read; use https") from None
    found = loop.run(_fetch, access)
    echo(json.dumps(_as_dict(found)) if as_json else describe(found, datetime.now(timezone.utc)))


async def _fetch(access: Access) -> Quota:
    """Ask the Hub in a thread, which nobody waits for after the timeout or Ctrl-C."""
    import anyio

    from ..transport.hub import get_quota
    from ..transport.threads import DaemonThreadExecutor, wrap_future

    try:
        with anyio.fail_after(access.timeout):
            return await wrap_future(DaemonThreadExecutor().submit(get_quota, access))
    except TimeoutError as exc:
        failure = f"no answer within {access.timeout:g} s"
        raise qwen_gradio.DeadlineExceeded(failure, deadline="connect", space=access.url) from exc
    except qwen_gradio.QwenGradioError as exc:
        exc.space = access.url
        raise


def _as_dict(found: Quota) -> dict[str, Any]:
    reset = found.resets_at
    return {**dataclasses.asdict(found), "resets_at": None if reset is None else reset.isoformat()}


def describe(found: Quota, now: datetime) -> str:
    """Describe a quota in one line.

    Args:
        found: the quota.
        now: the time, with its time zone.
    """
    left = f"{found.remaining:g} of {found.base:g} GPU-seconds left"
    if found.overquota_used:
        left = f"{left}, and {found.overquota_used:g} paid ones used beyond them"
    if found.resets_at is None:
        return left
    wait = timedelta(seconds=max(0, round((found.resets_at - now).total_seconds())))
    return f"{left}; full again in {wait}, at {found.resets_at:%Y-%m-%d %H:%M %Z}"

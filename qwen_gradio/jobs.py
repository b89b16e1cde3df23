"""A running job -> an async generator of what it brings, with anyio."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from .threads import Bell, Watch, in_time

if TYPE_CHECKING:  # at runtime it would import gradio_client, which takes a second
    from .connection import Call, Standing

POLL = 0.02  # seconds between looks where nothing rings when an output comes


@dataclass(frozen=True, slots=True)
class Output:
    """What the endpoint shows now, whole; `last` once the job is done."""

    value: object
    last: bool = False


async def updates(call: Call, bell: Bell | None, watch: Watch) -> AsyncGenerator[Standing | Output, None]:
    """Follow a job: where it stands until the first output, then each new output, the last one last.

    A slow reader gets newer outputs, not a growing queue of old ones. `done` is read before the outputs are taken:
    the other way round, one that comes between the two would be lost.

    Args:
        call: the job.
        bell: rung when there is news; None to look every `POLL` seconds.
        watch: how long to wait for news.

    Raises:
        Overdue: none came.
        QwenGradioError: the job failed; only `result` tells.
    """
    standing: Standing | None = None
    begun = done = False
    while not done:
        done = call.ear is None and call.done()
        while (output := call.take()) is not None:
            begun = True
            yield Output(output)
        if not begun and not done and (now := call.standing()) != standing:
            standing = now
            yield now
        elif not done:
            await _news(call, bell, watch)
    yield Output(call.result(), last=True)


async def _news(call: Call, bell: Bell | None, watch: Watch) -> None:
    if (ear := call.ear) is not None:
        await ear.wait(watch)
    else:
        await in_time(anyio.sleep(POLL) if bell is None else bell.wait(), watch)

"""The ways in which Gradio and gradio_client could change: each a pair of packages that fit each other."""

from __future__ import annotations

from . import arguments, calls, decorators, descriptions, mailboxes, names, outputs, protocol, state, urls

FUTURES = {
    future.name: future
    for future in (
        *protocol.NAMES,
        *protocol.DIFFS,
        *protocol.FRAMING,
        *urls.URLS,
        *descriptions.DESCRIPTIONS,
        *calls.READING,
        *calls.CALLING,
        *decorators.DECORATED,
        *names.NAMES,
        *mailboxes.MAILBOXES,
        *outputs.OUTPUTS,
        *state.MOVED,
        *arguments.ARGUMENTS,
    )
}

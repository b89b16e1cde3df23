"""Runs futures, by their names or all: `python -m tests.compat mailboxes_are_lists`."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from ..servers import proxy
from ..servers.forked import ForkServers
from .answers import Answers, ask
from .futures import FUTURES
from .overlays import Future, overlay
from .servers import served

MAX_DIFFERENCES = 4  # that are printed of a future


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help="futures, or beginnings of their names; all by default"
    )
    parser.add_argument("--plain", action="store_true", help="ask by gradio_client alone")
    parser.add_argument("--list", action="store_true", help="ask nothing, list their names")
    given = parser.parse_args()
    chosen = [future for name, future in FUTURES.items() if not given.names or name.startswith(tuple(given.names))]
    if given.list:
        print(*(future.name for future in chosen), sep="\n")  # noqa: T201 - its output
        return
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(ForkServers())
        http_proxy, shared = stack.enter_context(proxy.running()), stack.enter_context(servers.scripted(_folder(stack)))
        for future in chosen:
            with contextlib.ExitStack() as own:
                space = own.enter_context(served(_folder(own), overlay(future))) if future.serves else shared
                plain = ["--plain"] if given.plain else []
                answers = ask(space, http_proxy, *plain, name=future.name, overlay=overlay(future))
                print(_line(future, answers, plain=given.plain), flush=True)  # noqa: T201 - its output


def _folder(stack: contextlib.ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _line(future: Future, answers: Answers, *, plain: bool) -> str:
    if not answers.answered_plainly or plain:
        return "\t".join([future.name, "ok" if answers.answered_plainly else "PLAIN FAILS", *answers.plain_trouble()])
    differences = answers.differences(may_refuse=future.hides_httpx)
    more = [f"… {len(differences) - MAX_DIFFERENCES} more"] if len(differences) > MAX_DIFFERENCES else []
    return "\n\t".join([f"{future.name}\t{'differs' if differences else 'ok'}", *differences[:MAX_DIFFERENCES], *more])


if __name__ == "__main__":
    main()

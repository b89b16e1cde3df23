"""Where gradio_client answers, so do we: today, and in every way in which it and Gradio could change."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..servers.forked import LoggedSpace
from ..servers.proxy import Proxy
from .answers import ask
from .futures import FUTURES
from .overlays import Edit, Future, future, overlay
from .servers import served

pytestmark = pytest.mark.full


@pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES)
def test_future_where_gradio_client_answers_is_answered_alike(
    future: Future, space_of_today: LoggedSpace, http_proxy: Proxy, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(served(tmp_path, overlay(future))) if future.serves else space_of_today
        answers = ask(space, http_proxy, name=future.name, overlay=overlay(future))
    assert answers.answered_plainly, answers.plain_trouble()
    assert answers.differences(may_refuse=future.hides_httpx) == []


def test_space_of_today_is_answered_alike(space_of_today: LoggedSpace, http_proxy: Proxy) -> None:
    answers = ask(space_of_today, http_proxy, name="today")
    assert answers.answered_plainly, answers.plain_trouble()
    assert answers.differences() == []


def test_overlay_with_an_edit_that_matches_nothing_fails() -> None:
    gone = future("gone", Edit("gradio_client/client.py", "no such text", ""))
    with pytest.raises(LookupError, match="no such text"):
        overlay(gone)


def test_server_of_a_future_asked_by_the_client_of_today_does_not_answer(http_proxy: Proxy, tmp_path: Path) -> None:
    """A future's server and client fit each other alone."""
    with served(tmp_path, overlay(FUTURES["messages_renamed"])) as space:
        answers = ask(space, http_proxy, "--plain", name="unfit")
    assert not answers.answered_plainly


GAPS = """
from qwen_gradio.transport.client import privacy_gaps
from qwen_gradio.transport.access import Access
print(*privacy_gaps(Access("https://example.invalid", token="hf_mine")), sep=", ")
assert privacy_gaps(Access("https://example.invalid")) == []
"""


@pytest.mark.parametrize(
    ("name", "gaps"),
    [
        ("requests_wrapped", ""),
        ("requests_cached", ""),
        ("requests_wrapped_in_an_object", "send_data as a plain function, stream_messages as a plain function"),
        ("requests_looked_up_by_their_wrapper", "send_data as a plain function, stream_messages as a plain function"),
    ],
)
def test_future_whose_requests_cannot_be_bound_is_a_privacy_gap(name: str, gaps: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(overlay(FUTURES[name]))}
    printed = subprocess.check_output([sys.executable, "-c", GAPS], text=True, env=environment)
    assert printed.strip().endswith(gaps)
    assert bool(gaps) == bool(printed.strip())

"""Shared by the transport's tests: connections that are closed with their test, and questions over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qwen_gradio.transport.access import Access
from qwen_gradio.transport.connection import Connection
from qwen_gradio.transport.job import Submission

from ..conftest import eventually


@pytest.fixture
def connect() -> Iterator[Callable[..., Connection]]:
    """Connect to a Space; the connections are closed with the test."""
    made: list[Connection] = []

    def connect(url: str, **options: Any) -> Connection:
        made.append(Connection(Access(url, **{"timeout": 20, **options})))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def submit(
    connection: Connection, prompt: str = "hi", *, name: str = "0123456789ab", notify: Callable[[], object] = bool
) -> Submission:
    session = connection.open_session(name)
    submission = session.submit("/model_chat", [prompt, [], ""], notify)
    session.close()  # no other call follows
    return submission


def answer(connection: Connection, prompt: str = "hi") -> str:
    """Ask, and return the latest turn's text."""
    submission = submit(connection, prompt)
    assert eventually(submission.done)
    outputs: Any = submission.result()
    text: str = outputs[1][-1]["content"][0]["text"]
    return text

"""Headers of the caller's go with every request to the Space, and with none to another host."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import pytest

from qwen_gradio import InvalidOption, QwenGradioError
from qwen_gradio.transport.access import Access
from qwen_gradio.transport.connection import Connection
from qwen_gradio.transport.hooks import Hook

from ..conftest import ScriptedSpace, eventually, only_hooks
from ..faults.cases import RIGHT, WHOLE
from ..servers import proxy, wrong_server
from ..servers.forked import ForkServers
from .conftest import answer, submit

Connect = Callable[..., Connection]
HEADERS = (("X-Key", "secret-1"), ("User-Agent", "mine"), ("Authorization", "Basic YWRh"))
SERVE = Path(__file__).parents[1] / "servers" / "serve.py"


def headers_of(head: str) -> dict[str, str]:
    lines = [line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line]
    return {name.lower(): value for name, value in lines}


def carries_all(head: str) -> bool:
    return all(headers_of(head).get(name.lower()) == value for name, value in HEADERS)


def test_headers_go_with_every_request_of_a_reply_and_its_cancel(space: ScriptedSpace, connect: Connect) -> None:
    with proxy.running() as through:
        connection = connect(space.url, proxy=through.url, headers=HEADERS)
        answer(connection)
        script = space.script(2000)
        submission = submit(connection, script.prompt)
        assert eventually(lambda: script.count("step") > 1)
        submission.cancel()
        assert eventually(script.stopped)
    heads = [head for head in through.heads.split("\r\n\r\n") if head]
    assert len(heads) >= 6, "config and info, join and data twice"
    assert all(map(carries_all, heads))


def test_headers_go_with_the_login(fork_servers: ForkServers, connect: Connect) -> None:
    with fork_servers.running(SERVE, "authenticated") as process, proxy.running() as through:
        url = json.loads(process.printed)["authenticated"]
        connect(url, proxy=through.url, headers=HEADERS, auth=("ada", "lovelace"))
    heads = [head for head in through.heads.split("\r\n\r\n") if head]
    assert [re.split(r"[ ?]", request)[1].rpartition("/")[2] for request in through.requests] == [
        "login",
        "config",
        "info",
    ]
    assert all(map(carries_all, heads))


def test_headers_go_with_an_upload(description: Any, connect: Connect, tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("for the Space")
    with wrong_server.running(description, {}, RIGHT) as server:
        connection = connect(server.url, headers=HEADERS)
        session = connection.open_session("0123456789ab")
        submission = session.submit("/model_chat", [gradio_client.handle_file(str(given)), [], ""], lambda: None)
        assert eventually(submission.done)
        with pytest.raises(QwenGradioError):  # this server has no place for uploads
            submission.result()
        assert [head for head in server.heads if "/upload" in head]
        assert all(map(carries_all, server.heads))


def test_headers_and_token_are_both_sent(description: Any, connect: Connect) -> None:
    with wrong_server.running(description, {}, RIGHT) as server:
        for headers in ((), HEADERS):
            assert answer(connect(server.url, token="hf_mine", headers=headers)) == WHOLE  # noqa: S106 - none
        names = [{**headers_of(head)} for head in server.heads]
    assert {one.get("x-hf-authorization") for one in names} == {"Bearer hf_mine"}
    assert [one.get("authorization") for one in names] == [None] * 4 + ["Basic YWRh"] * 4


@pytest.mark.parametrize(
    "change",
    [{"api_prefix": "{elsewhere}"}, {"version": "3.30.0"}, {"root": "{elsewhere}"}],
    ids=["prefix", "Gradio 3", "root"],
)
def test_headers_go_to_no_host_that_a_space_names(description: Any, change: dict[str, str], connect: Connect) -> None:
    with wrong_server.running(description, {}, []) as elsewhere:
        config = wrong_server.changed(**{key: value.format(elsewhere=elsewhere.url) for key, value in change.items()})
        with wrong_server.running(description, {"config": config}, RIGHT) as server:
            with contextlib.suppress(QwenGradioError):  # an error is right, too
                answer(connect(server.url, headers=HEADERS))
            assert server.heads
            assert all(map(carries_all, server.heads))
        assert elsewhere.heads == []


def test_headers_go_nowhere_after_a_redirect(description: Any, connect: Connect) -> None:
    with wrong_server.running(description, {}, []) as elsewhere:
        config = wrong_server.redirected
        with (
            wrong_server.running(description, {"config": config}, RIGHT, elsewhere=elsewhere.url) as server,
            pytest.raises(QwenGradioError),
        ):
            connect(server.url, headers=HEADERS)
        assert elsewhere.heads == []


def test_headers_without_the_network_hook_are_refused_before_any_request(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch, requests: list[str]
) -> None:
    only_hooks(monkeypatch, frozenset(Hook) - {Hook.NETWORK})
    with pytest.raises(InvalidOption, match=r"headers and proxy can't be kept to this Space .*, which lacks httpx"):
        Connection(Access(space.url, headers=HEADERS))
    assert requests == []


def test_headers_of_two_connections_are_not_shared(description: Any, connect: Connect) -> None:
    with wrong_server.running(description, {}, RIGHT) as server:
        answer(connect(server.url, headers=HEADERS))
        answer(connect(server.url))
        assert [carries_all(head) for head in server.heads] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    "headers",
    [
        (("X-Key: secret-1", ""),),
        (("X-Key\r\n", "secret-1"),),
        (("", "secret-1"),),
        (("X-Key", "secret-1\n"),),
        (("X-Key", "secret-1\r\nX-More: 1"),),
        (("X-Key", " secret-1"),),
        (("X-Key", "sécret-1"),),
        (("Content-Length", "secret-1"),),
        (("host", "secret-1"),),
    ],
)
def test_header_that_cannot_be_sent_raises_invalid_option_and_is_not_shown(headers: Any) -> None:
    with pytest.raises(InvalidOption) as caught:
        Access("http://127.0.0.1:9", headers=headers)
    assert "cret-1" not in str(caught.value)


@pytest.mark.parametrize("token", ["hf_secret\n", " hf_secret", "hf_sécret", "hf_sec\0ret"])
def test_token_that_cannot_be_sent_raises_invalid_option_and_is_not_shown(token: str) -> None:
    with pytest.raises(InvalidOption, match="printable ASCII characters without white space for token") as caught:
        Access("http://127.0.0.1:9", token=token)
    assert "cret" not in str(caught.value)


def test_access_is_hashable_and_shows_no_secret() -> None:
    access = Access("http://127.0.0.1:9", token="hf_secret", headers=(("X-Key", "secret-1"),))  # noqa: S106 - none
    assert access in {access}
    assert "secret" not in repr(access)
    assert access.is_private
    assert not Access("http://127.0.0.1:9").is_private

"""`quota`: what it asks the Hub, through what, and what it prints of the answer; against a stand-in of the Hub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ..integrations.readme import snippets
from ..servers import proxy
from .command import run

TOKEN = "hf_secret"  # noqa: S105 - none
QUOTA = {"base": 1500, "current": 1240, "resetsAt": "2999-11-25T09:12:03.000Z", "overquotaUsed": 0}


class Hub(ThreadingHTTPServer):
    """A stand-in of the Hub: it knows one token, and answers with its quota.

    Attributes:
        status: the HTTP status of its answers to that token.
        quota: their body.
        asked: the paths that were asked for.
    """

    status, quota = 200, json.dumps(QUOTA)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        is_known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        self.send_response(self.server.status if is_known else 401)
        self.send_header("Retry-After", "90")
        self.end_headers()
        self.wfile.write(self.server.quota.encode() if is_known else b"{}")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"{running.url}/")
        yield running
        running.shutdown()


def test_quota_prints_what_is_left_and_when_it_is_full(hub: Hub) -> None:
    result = run("quota", "--token", TOKEN)
    expected = r"1240 of 1500 GPU-seconds left; full again in \d+ days, \d+:\d\d:\d\d, at 2999-11-25 09:12 UTC\n"
    assert re.fullmatch(expected, result.stdout)
    assert (result.stderr, result.exit_code, hub.asked) == ("", 0, ["/api/spaces/zero-gpu/quota"])


def test_quota_readme_line_runs(hub: Hub) -> None:
    (line,) = snippets("Quota", "sh")
    command = line.replace("qwen-gradio", f"{sys.executable} -m qwen_gradio")
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - as it stands
    assert result.stdout.startswith("1240 of 1500 GPU-seconds left; full again in ")
    assert hub.asked


def test_quota_unused_and_paid_are_said(hub: Hub) -> None:
    hub.quota = json.dumps({"base": 210, "current": 210, "resetsAt": None, "overquotaUsed": 12.5})
    expected = "210 of 210 GPU-seconds left, and 12.5 paid ones used beyond them\n"
    assert run("quota", "--token", TOKEN).stdout == expected


def test_quota_json_has_each_number(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_GRADIO_TOKEN", TOKEN)
    expected = {"base": 1500, "remaining": 1240, "resets_at": "2999-11-25T09:12:03+00:00", "overquota_used": 0}
    assert json.loads(run("quota", "--json").stdout) == expected
    assert hub.asked


def test_quota_is_asked_through_proxy(hub: Hub) -> None:
    with proxy.running() as through:
        assert run("quota", "--token", TOKEN, "--proxy", through.url).exit_code == 0
    assert through.requests == [f"GET {hub.url}/api/spaces/zero-gpu/quota"]


@pytest.mark.parametrize(
    ("status", "quota", "message"),
    [
        (403, "{}", "it answers with HTTP 403: the token is wrong, or may not read billing usage"),
        (429, "", "it answers with HTTP 429 Too Many Requests. Wait"),
        (500, "", "it answers with HTTP 500 Internal Server Error"),
        (200, "<html>", "its answer has no quota that can be read: <html>"),
        (200, "[]", "its answer has no quota"),
        (200, '{"base": 1}', "its answer has no quota"),
        (200, '{"base": "all", "current": 1}', "its answer has no quota"),
        (200, '{"base": 1, "current": 1, "resetsAt": 3}', "its answer has no quota"),
        (200, '{"base": 1, "current": 1, "resetsAt": "soon"}', "its answer has no quota"),
    ],
)
def test_quota_wrong_answer_is_one_line(hub: Hub, status: int, quota: str, message: str) -> None:
    hub.status, hub.quota = status, quota
    result = run("quota", "--token", TOKEN)
    assert result.stderr.startswith(f"qwen-gradio: {hub.url}: {message}")
    assert (result.stdout, result.exit_code, result.stderr.count("\n")) == ("", 1, 1)
    assert TOKEN not in result.stderr


def test_quota_wrong_token_is_told(hub: Hub) -> None:
    result = run("quota", "--token", "hf_other")
    assert "the token is wrong" in result.stderr
    assert (result.exit_code, "hf_other" in result.stderr) == (1, False)
    assert hub.asked


@pytest.mark.parametrize(
    ("arguments", "endpoint", "message"),
    [
        ([], None, "expected --token, or QWEN_GRADIO_TOKEN"),
        (["--token", ""], None, "expected --token, or QWEN_GRADIO_TOKEN"),
        (["--token", "a b"], None, "white space for token"),
        (["--token", TOKEN], "http://hub.example", "HF_ENDPOINT is plain http"),
        (["--token", TOKEN, "--proxy", "nonsense"], None, "expected the URL of a proxy"),
        (["--token", TOKEN, "--timeout", "-1"], None, "expected a number of seconds above 0"),
    ],
)
def test_quota_wrong_use_asks_no_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, arguments: list[str], endpoint: str | None, message: str
) -> None:
    if endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
    result = run("quota", *arguments)
    assert message in result.stderr
    assert (result.exit_code, hub.asked, TOKEN in result.stderr) == (2, [], False)


def test_quota_hub_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = run("quota", "--token", TOKEN)
    assert result.stderr.startswith("qwen-gradio: http://127.0.0.1:9: no connection could be made")
    assert result.exit_code == 1


def test_quota_hub_that_drips_ends_at_timeout(dripping: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", dripping())
    result = run("quota", "--token", TOKEN, "--timeout", "0.5")
    assert "no answer within 0.5 s" in result.stderr
    assert result.exit_code == 1


@pytest.fixture
def dripping() -> Iterator[Callable[[], str]]:
    """Make a server whose answer never ends: each read of it succeeds."""
    end = threading.Event()

    class Drip(_Handler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not end.wait(0.1):
                self.wfile.write(b" ")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield lambda: f"http://127.0.0.1:{server.server_address[1]}"
    end.set()
    server.shutdown()
    server.server_close()

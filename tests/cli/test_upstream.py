"""`demo --upstream`: the stand-in's page, answered by an OpenAI-compatible server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qwen_gradio import AppRaised, QwenClient, QwenGradioError, demo
from qwen_gradio.demo import KEY_VARIABLE, check_upstream

from ..conftest import eventually
from ..environments import on_each_gradio
from ..servers import openai_server
from ..servers.forked import ForkServers
from .command import run

SERVER = str(Path(openai_server.__file__))


class Upstream:
    """A running server: its URL, and its log."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    log = tmp_path_factory.mktemp("upstream") / "log"
    with subprocess.Popen([sys.executable, SERVER, str(log)]) as one:
        try:
            assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))
            yield Upstream(log.read_text().strip(), log)
        finally:
            one.kill()


@pytest.fixture(scope="module")
def client(upstream: Upstream) -> Iterator[QwenClient]:
    """A client of the stand-in, which has the key "secret"."""
    arguments = ("--upstream", upstream.url, "--model", openai_server.MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "secret")
        running = demo.run_in_process(demo.__file__, *arguments, timeout=300)
        with running as url, QwenClient(url, retries=0) as one:
            yield one


def test_upstream_gets_system_turns_question_and_key(client: QwenClient) -> None:
    talk = client.conversation(system="Be brief.")
    first = talk.ask("Hello?")
    answer = json.loads(talk.ask("And again?"))
    assert answer["key"] == "Bearer secret"
    assert answer["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "And again?"},
    ]


def test_upstream_reasoning_is_the_thinking(client: QwenClient) -> None:
    with client.stream("think") as reply:
        assert "".join(reply) == "so"
    assert reply.thinking == "hm"


def test_upstream_streams_and_is_left_with_the_reply(client: QwenClient, upstream: Upstream) -> None:
    with client.stream("wait") as reply:
        assert next(reply), "it comes before the upstream's answer ends"
    assert eventually(lambda: "left" in upstream.log.read_text())


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("break", "it ended before its last line"),
        ("bad", "sent what is not OpenAI's stream"),
        ("refuse", "out of memory"),
    ],
)
def test_upstream_that_fails_while_streaming_raises_with_the_reason(client: QwenClient, prompt: str, says: str) -> None:
    with pytest.raises(AppRaised) as caught:
        client.ask(prompt)
    assert says in str(caught.value)
    assert '"messages"' in caught.value.partial


@pytest.mark.parametrize(
    ("url", "says"), [("UPSTREAM", "the upstream answered 404"), ("http://127.0.0.1:9", "ConnectError")]
)
def test_upstream_that_refuses_or_is_down_raises_with_the_reason(upstream: Upstream, url: str, says: str) -> None:
    arguments = ("--upstream", upstream.url if url == "UPSTREAM" else url, "--model", "another")
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(demo.run_in_process(demo.__file__, *arguments, timeout=300))
        client = stack.enter_context(QwenClient(address, retries=0))
        with pytest.raises(QwenGradioError, match=says):
            client.ask("hi")


@pytest.mark.parametrize("gradio", on_each_gradio("4.44.1", "5.50.0"))
def test_upstream_answers_on_each_gradio(fork_servers: ForkServers, upstream: Upstream, gradio: str) -> None:
    arguments = ("--upstream", upstream.url, "--model", openai_server.MODEL)
    with (
        fork_servers.running(Path(demo.__file__), *arguments, gradio=gradio) as process,
        QwenClient(process.printed, retries=0) as client,
    ):
        assert json.loads(client.ask("hi"))["messages"][-1] == {"role": "user", "content": "hi"}
        with pytest.raises(AppRaised, match="out of memory"):
            client.ask("refuse")


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434/v1"),
        ("https://example.org/compatible-mode/v1/", "https://example.org/compatible-mode/v1"),
    ],
)
def test_check_upstream_completes_the_path(url: str, completed: str) -> None:
    assert check_upstream(url, "a key") == completed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--upstream", "http://127.0.0.1:9"], "expected --upstream URL and --model NAME together"),
        (["--model", "x"], "expected --upstream URL and --model NAME together"),
        (["--upstream", "127.0.0.1:9", "--model", "x"], "expected the http(s) URL of an OpenAI-compatible server"),
        (["--upstream", "http://example.org", "--model", "x"], "would be sent over plain http"),
    ],
)
def test_demo_wrong_upstream_exits_with_usage(arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    result = run("demo", *arguments)
    assert (result.exit_code, says in result.stderr, "secret" in result.stderr) == (2, True, False)

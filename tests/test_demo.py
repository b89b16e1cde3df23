"""The stand-in Space: the Qwen Space's API on every Gradio, plain about what it is, and gone with its owner."""

from __future__ import annotations

import re
import socket
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from qwen_gradio import QwenClient, demo

from .environments import on_each_gradio
from .servers.forked import ForkServers


@pytest.mark.parametrize("gradio", on_each_gradio("4.44.1", "5.50.0", "6"))
def test_demo_api_matches_qwen_space(fork_servers: ForkServers, gradio: str) -> None:
    from qwen_gradio.transport.access import Access
    from qwen_gradio.transport.connection import Connection

    with fork_servers.running(Path(demo.__file__), gradio=gradio) as process:
        made = Connection(Access(process.printed, timeout=20))
        named, listeners = made.info["named_endpoints"], made.config["dependencies"]
        made.close()
    assert list(named) == ["/model_chat", "/model_chat_1", "/clear_session", "/modify_system_session"]
    chat = named["/model_chat"]
    assert [(p["parameter_name"], p["component"], p["parameter_has_default"]) for p in chat["parameters"]] == [
        ("query", "Textbox", False),
        ("history", "Chatbot", True),
        ("system", "Textbox", True),
    ]
    assert [returned["component"] for returned in chat["returns"]] == ["Textbox", "Chatbot", "Textbox"]
    # The ids of the real page, on which the raw protocol's callers rely (fn_index 0, trigger 11).
    assert (listeners[0]["targets"], listeners[0]["inputs"], listeners[0]["outputs"]) == (
        [[11, "submit"]],
        [11, 10, 8],
        [11, 10, 4],
    )


def test_demo_reply_repeats_question_system_and_history() -> None:
    with demo.run_in_process() as url, QwenClient(url) as client:
        talk = client.conversation(system="Be brief.")
        first = talk.ask("Hello?")
        second = talk.ask("And again?")
    assert "a stand-in for Qwen2-72B-Instruct: a real Gradio server" in first
    assert "no model" in first
    assert first.endswith("You asked: Hello?\nThe system message: Be brief.\nSaid before that: nothing")
    assert second.endswith("Said before that: you said “Hello?”")


def test_canned_model_answer_grows_one_word_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WORD_SECONDS", 0)
    answers = list(demo.canned_model("Be brief.", [], "Hello?"))
    assert [len(answer.split()) for answer in answers] == list(range(1, len(answers) + 1))
    assert all(after.startswith(before) for before, after in pairwise(answers))


def test_demo_crash_at_start_raises_with_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such luck')")
    with pytest.raises(RuntimeError, match="no such luck"), demo.run_in_process(broken, python=sys.executable):
        pass


def test_demo_start_timeout_raises_runtime_error(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time; time.sleep(3600)")
    with pytest.raises(RuntimeError, match="did not start"), demo.run_in_process(hanging, timeout=0.5):
        pass


def test_demo_port_in_use_exits_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        message = f"the server did not start: port {port} on 127.0.0.1: Address already in use"
        with (
            pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"),
            demo.run_in_process(demo.__file__, "--port", str(port)),
        ):
            pass

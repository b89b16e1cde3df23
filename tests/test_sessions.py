"""What happens in a session beside its questions' own steps, on real gradio servers: none of it costs a turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio import AppRaised, AsyncQwenClient

from .compat.apps.table import heard_in
from .environments import on_each_gradio
from .servers.forked import ForkServers

SERVE = Path(__file__).parent / "servers" / "serve.py"
NAMES = ("openings", "state_history", "two_chats", "qwen2_72b")


@pytest.fixture(scope="module", params=on_each_gradio("4.44.1", "5.50.0", "6"))
def served(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[dict[str, str]]:
    """The apps' URLs by name."""
    with fork_servers.running(SERVE, *NAMES, gradio=request.param) as process:
        yield json.loads(process.printed)


def questions(heard: dict[str, Any]) -> list[str]:
    return [turn[0] for turn in heard["earlier"]]


async def test_opening_hidden_or_failed_is_left_out_of_a_reply_that_comes_without(served: dict[str, str]) -> None:
    async with AsyncQwenClient(served["openings"]) as client:
        heard = json.loads(await client.ask("Hello?"))
    assert (heard["session"], heard["plan"], heard["profile"]) == (None, None, None)


async def test_opening_hidden_or_failed_is_named_where_the_reply_fails_without(served: dict[str, str]) -> None:
    async with AsyncQwenClient(served["openings"], retries=0) as client:
        with pytest.raises(AppRaised, match="There is no session") as caught:
            await client.ask("Is there a session?")
        hidden = (await client.inspect()).recipe.preparation.hidden
    assert [one.is_hidden for one in hidden] == [True]
    assert f"it may need {hidden[0].name}, of which its author allows no calls but the page's" in str(caught.value)
    assert "a step before failed: its GPU quota is used up" in str(caught.value)


async def test_turn_that_a_fallback_answered_is_known_to_the_next_question(served: dict[str, str]) -> None:
    client = AsyncQwenClient(served["state_history"], fallbacks=[served["two_chats"]])
    async with client:
        talk = client.conversation()
        assert questions(json.loads(await talk.ask("one"))) == []
        heard = json.loads(await talk.ask("Please fail"))
        assert (heard["model"], questions(heard)) == ("small", ["one"])
        heard = json.loads(await talk.ask("three"))
    assert questions(heard) == []  # of a new session's State
    assert all(f"User: {question}\n" in heard["query"] for question in ("one", "Please fail", "three"))


async def test_system_message_among_the_messages_is_sent_with_each_question(served: dict[str, str]) -> None:
    async with AsyncQwenClient(served["qwen2_72b"]) as client:
        talk = client.conversation(messages=[{"role": "system", "content": "Be brief."}])
        assert [json.loads(await talk.ask(question))["system"] for question in ("one", "two")] == ["Be brief."] * 2


async def test_attributes_changed_while_a_reply_is_read_count_from_the_next_question(served: dict[str, str]) -> None:
    async with AsyncQwenClient(served["qwen2_72b"]) as client:
        talk = client.conversation(system="Be brief.")
        async with talk.stream("one") as reply:
            async for _ in reply:
                talk.system = "Be long."
        assert json.loads(reply.text)["system"] == "Be brief."
        heard = json.loads(await talk.ask("two"))
    assert (heard["system"], questions(heard)) == ("Be long.", ["one"])


ARENA = Path(__file__).parent / "compat" / "apps"


@pytest.fixture(scope="module")
def arena(fork_servers: ForkServers) -> Iterator[str]:
    """The URL of a page with two Chatbots, each with a listener of its own for the one box."""
    with fork_servers.running(SERVE, "--apps", str(ARENA), "arena_two_listeners") as process:
        yield json.loads(process.printed)["arena_two_listeners"]


async def test_conversation_turned_to_another_chatbot_takes_its_turns_along(arena: str) -> None:
    async with AsyncQwenClient(arena) as client:
        first, second = (
            next(one for one in (await client.inspect()).recipe.options if one.name == "chatbot").choices or ()
        )
        talk = client.conversation()
        assert not heard_in(await talk.ask("one", chatbot=first))["earlier"]
        for number, name in ((1, second), (2, first)):
            earlier = heard_in(await talk.ask("and then?", chatbot=name, ignore_unknown_options=True))["earlier"]
            assert [turn[0] for turn in earlier] == ["one", *["and then?"] * (number - 1)]

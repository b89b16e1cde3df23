"""The states of a client, a reply and an attempt: which follow which, and where they show."""

from __future__ import annotations

import enum

import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, UsageError
from qwen_gradio.reply.states import TRANSITIONS, AttemptState, ClientState, ReplyState, transition

from ..conftest import ScriptedSpace

STATES: list[enum.Enum] = [*ClientState, *ReplyState, *AttemptState]


@pytest.mark.parametrize("state", STATES)
def test_state_transitions_stay_within_its_enum(state: enum.Enum) -> None:
    assert all(type(new) is type(state) for new in TRANSITIONS[state])


@pytest.mark.parametrize("state", STATES)
def test_state_unknown_transition_raises_runtime_error(state: enum.Enum) -> None:
    for new in type(state):
        if new in TRANSITIONS[state]:
            assert transition(state, new) is new
        else:
            with pytest.raises(RuntimeError, match=f"can't change from {state.name} to {new.name}"):
                transition(state, new)


async def test_state_of_client_and_reply_shows_in_repr(space: ScriptedSpace) -> None:
    script = space.script_in_step(3)
    client = AsyncQwenClient(space.url)
    reply = client.stream(script.prompt)
    seen = [repr(reply)]
    async for fragment in reply:
        seen.append(repr(reply))
        script.read(fragment)
    seen.append(repr(reply))
    assert seen[0] == f"<qwen_gradio.Reply {space.url.rstrip('/')} NEW, 0 characters>"
    assert all(" STREAMING, " in shown for shown in seen[1:-1])
    assert seen[-1].endswith(f" FINISHED, {len(script.final)} characters>")
    assert repr(client).endswith(" CONNECTED>")
    await client.aclose()
    assert repr(client).endswith(" CLOSED>")


async def test_state_of_failed_and_cancelled_reply_shows_in_repr(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        failed = client.stream(space.script(3, fail_at=1).prompt)
        with pytest.raises(AppRaised):
            async for _ in failed:
                pass
        assert " FAILED, " in repr(failed)
        assert failed.closed
        async with client.stream(space.script(10).prompt) as cancelled:
            await anext(cancelled)
            assert not cancelled.closed
        assert " CANCELLED, " in repr(cancelled)


async def test_conversation_second_question_before_end_of_first_raises_usage_error(space: ScriptedSpace) -> None:
    async with AsyncQwenClient(space.url) as client:
        talk = client.conversation()
        first = talk.stream(space.script(3).prompt)
        with pytest.raises(UsageError, match="one question at a time"):
            talk.stream("another")
        await first.aclose()
        script = space.script(2)
        assert await talk.ask(script.prompt) == script.final
        del first
        talk.stream("dropped")
        assert await talk.ask(script.prompt) == script.final
        assert len(talk.messages) == 4

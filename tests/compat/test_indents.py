"""Indents that Gradio's own Chatbot removes and restores while a reply grows: each word is streamed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from qwen_gradio import AsyncQwenClient, Qwen_Qwen_2_72B

from ..environments import on_each_gradio
from ..servers.forked import ForkServers
from ..text.indents import CODE, LIST, without_indents


@pytest.mark.parametrize("gradio", on_each_gradio("4.44.1", "5.50.0", "6"))
@pytest.mark.parametrize("text", [CODE, LIST], ids=["code", "list"])
async def test_stream_indents_of_a_growing_reply_give_each_word_once(
    fork_servers: ForkServers, tmp_path: Path, gradio: str, text: str
) -> None:
    with fork_servers.scripted(tmp_path, gradio=gradio) as space:
        script = space.script([text[: end + 1] for end in range(len(text))])

        class Provider(Qwen_Qwen_2_72B):
            url = space.url

        async with AsyncQwenClient(space.url) as client, client.stream(script.prompt) as reply:
            streamed = "".join([fragment async for fragment in reply])
        messages = [{"role": "user", "content": script.prompt}]
        provided = "".join([fragment async for fragment in Provider.create_async_generator("", messages)])
    assert reply.text == text
    assert without_indents(streamed) == without_indents(provided) == without_indents(text)

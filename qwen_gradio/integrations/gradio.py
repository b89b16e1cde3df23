"""chat_function: the function of a `gr.ChatInterface` that asks a Space."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from ..client import AsyncQwenClient
from ..errors import QwenGradioError
from ..reply.events import Finished, Fragment
from ..text.messages import Message
from .openai_requests import content_as_text


def chat_function(
    space: str | AsyncQwenClient, *, system: str | None = None, **options: Any
) -> Callable[[str | Mapping[str, Any], Sequence[Message]], AsyncIterator[str]]:
    """Return a function for `gr.ChatInterface`, of Gradio 5 or newer, with its messages as dicts.

    The header for a visitor's GPU quota is sent on to a Space on the Hub. A visitor who stops the reply stops the
    Space.

    Args:
        space: the Space's id, alias or URL; or a client.
        system: the system message; None keeps the Space's own.
        options: values of the Space's own parameters.

    Raises:
        InvalidSpace: `space` is not an id, an alias or a URL.
    """
    client = AsyncQwenClient(space) if isinstance(space, str) else space

    async def answer(message: str | Mapping[str, Any], history: Sequence[Message]) -> AsyncIterator[str]:
        """Yield the answer so far, after each change."""
        prompt, files = (message, []) if isinstance(message, str) else (message["text"], message.get("files") or [])
        messages = [*_turns(history), {"role": "user", "content": prompt}]
        try:
            async with client.stream(messages, system=system, files=files, **options) as reply:
                async for event in reply.events():
                    if isinstance(event, Fragment | Finished):
                        yield reply.text
        except QwenGradioError as exc:
            import gradio  # the visitor sees the message of its own exceptions alone

            raise gradio.Error(str(exc)) from exc

    return answer


def _turns(history: Sequence[Message]) -> list[Message]:
    return [{"role": message["role"], "content": _text(message["content"])} for message in history]


def _text(content: Any) -> str:
    """Return the text of an earlier message. Gradio 5 has a tuple or a component in place of a file."""
    return content_as_text(content) if isinstance(content, str | list) else "[file]"

"""What llm makes of Spaces, run by `test_llm.py` in an environment that has it; prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import llm
from click.testing import CliRunner
from llm.cli import cli


def commands(lines: list[list[str]], typed: str) -> list[list[Any]]:
    """Run llm's commands one after another; give the exit code, standard output and standard error of each."""
    ended = [CliRunner().invoke(cli, line, input=typed) for line in lines]
    return [[one.exit_code, one.stdout, one.stderr] for one in ended]


def commands_of_older_llm(lines: list[list[str]]) -> list[list[Any]]:
    """Run commands where llm has no `parts`, as older ones."""
    sys.modules["llm.parts"] = None  # type: ignore[assignment] # importing it then fails
    return commands(lines, "")


def converse(model: str, prompts: list[str]) -> dict[str, Any]:
    """Ask the prompts in one conversation, synchronously and asynchronously; and each in none."""
    conversation = llm.get_model(model).conversation()
    said: dict[str, Any] = {"sync": [conversation.prompt(prompt, stream=False).text() for prompt in prompts]}

    async def ask() -> list[str]:
        conversation = llm.get_async_model(model).conversation()
        return [await conversation.prompt(prompt).text() for prompt in prompts]

    said["async"] = asyncio.run(ask())
    said["alone"] = [llm.get_model(model).prompt(prompt).text() for prompt in prompts]
    # Turns that the session hasn't had: those before the last are gone.
    conversation.responses[-1].prompt = conversation.responses[0].prompt
    said["changed"] = conversation.prompt(prompts[-1]).text()
    return said


def events(model: str, prompt: str) -> list[list[str]]:
    """Give the kinds and texts of a reply's events."""
    return [[event.type, event.chunk] for event in llm.get_model(model).prompt(prompt).stream_events()]


def leave(model: str, prompts: list[str]) -> None:
    """Leave a reply; the Space logs that."""

    async def ask() -> None:
        async for _ in llm.get_async_model(model).prompt(prompts[0]):
            break

    asyncio.run(ask())
    for _ in llm.get_model(model).prompt(prompts[1]):
        break


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201 - its result

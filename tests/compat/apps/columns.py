"""What the table of apps says of each: how a person asks it, and which steps then run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

EACH_GRADIO = ("4.44.1", "5.50.0", "6")
UNTIL_5 = ("4.44.1", "5.50.0")
SINCE_5 = ("5.50.0", "6")


class Memory(Enum):
    """Where the step that answers finds the turns before."""

    CHATBOT = "the Chatbot's value, which the page sends"
    STATE = "a State, which lives in the session"
    NONE = "nowhere"


@dataclass(frozen=True)
class Input:
    """A component beside the question's box that a step takes.

    Attributes:
        parameter: what the step calls it; so does the reply.
        label: what the page calls it; `None` if it shows no label.
        value: what the page publishes.
        other: another value that it can have.
    """

    parameter: str
    label: str | None
    value: Any
    other: Any


@dataclass(frozen=True)
class App:
    """One app.

    Attributes:
        name: its module's.
        kind: what kind of page it is.
        steps: the functions that run for a question, in order, up to the one whose output is the reply.
        loads: the functions that run once, when the page is loaded.
        uploads: the functions that run when a file is sent.
        siblings: the functions that other listeners of the box or the button run meanwhile.
        after: the functions that run after the reply.
        otherwise: the functions that run after a step that raised, since Gradio 5.
        memory: where the last step finds the turns before.
        gradios: the versions that it is served on.
        system: the input for a system prompt.
        options: the other inputs that the reply says.
        streams: whether the reply comes word by word.
        sent_by: the text of the button that sends the question, where its box can't be submitted.
        files: where files go: "box" is the question's own, any other name the label of a component beside it.
        hidden: the functions that its author hid from the API.
        answers_with: the kinds of component that it answers with, each named by a word of the question.
        fails_later: whether every question of a session but the first fails, by the app's own mistake.
        says: whether the reply says what was heard: see `heard_in`.
    """

    name: str
    kind: str
    steps: tuple[str, ...]
    loads: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    memory: Memory = Memory.CHATBOT
    gradios: tuple[str, ...] = EACH_GRADIO
    system: Input | None = None
    options: tuple[Input, ...] = ()
    streams: bool = True
    sent_by: str | None = None
    files: str | None = None
    hidden: tuple[str, ...] = ()
    answers_with: tuple[str, ...] = ()
    fails_later: bool = False
    says: bool = True

    @property
    def is_refused(self) -> bool:
        """Whether its author hid a step that the reply depends on."""
        return not {*self.hidden}.isdisjoint({*self.steps, *self.loads})


def heard_in(reply: str) -> dict[str, Any]:
    """Give what a stand-in model heard, as its reply says, whatever else the reply has."""
    heard: dict[str, Any] = json.JSONDecoder().raw_decode(reply, reply.index('{"question": '))[0]
    return heard

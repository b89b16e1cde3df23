"""The ranking of the ways to ask a page, and the rule that decides between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .chains import leading_to
from .page import Component, Listener, Page
from .parameters import TEXT_INPUTS

# Names of functions, and labels of buttons, that change the chat's session or page, and don't answer.
MAINTENANCE_NAMES = re.compile(
    r"(^|[\W_])(clear|reset|undo|retry|regenerate|delete|remove|cancel|stop|like|dislike|vote|flag|edit|upload|example|"
    r"load|save|set|update|change|modify|title|share|export)([\W_]|$)",
    re.IGNORECASE,
)
CHAT_NAMES = re.compile(r"(^|_)(chat|respond|predict|generate|bot|answer|ask)(_|$)", re.IGNORECASE)
TEXT_OUTPUTS = ("textbox", "markdown", "json")  # components of a plain text reply

RULES = (
    "no step that the reply depends on is hidden by its author",
    "the answering step is documented in `/info`",
    "neither the step nor its button is named for maintenance (clear, retry, …)",
    "it answers in a Chatbot or in a ChatInterface's response; else in a text",
    "it streams",
    "it starts with the first step: no step before it is left out",
    "if `/config` doesn't say what follows what: it is named for chat",
    "it has a box for the question",
    "it reads the history",
    "it is named for chat",
    "the question is sent from its own box",
    "it is earlier on the page",
)
"""The criteria in order, as `choice.find_recipe` documents them; rule 1 is the first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to ask a page: a first step, the steps that it leads to, and the component that they answer in."""

    root: Listener
    steps: tuple[Listener, ...]  # that lead to the answer
    answering: tuple[Listener, ...]
    answer: Component
    query: Component | None
    history: tuple[Component, ...]
    is_direct: bool  # True if the steps before the first one are left out

    @property
    def reply_step(self) -> Listener:
        """The last step that streams the answer, or else the last one that writes it."""
        streaming = [step for step in self.answering if step.streams]
        return (streaming or [*self.answering])[-1]

    @property
    def hidden(self) -> list[Listener]:
        """The steps that the reply depends on and that their author hid."""
        return [step for step in self.steps if step.is_hidden and step.has_effect]

    def asks_as(self, other: Candidate) -> bool:
        """Return True if it runs the same steps as another one, and reads the reply from the same component."""
        ids = [(one.answer.id, [step.id for step in one.steps]) for one in (self, other)]
        return ids[0] == ids[1]

    @property
    def rank(self) -> tuple[Any, ...]:
        """Its rank by all rules but the last, the highest first."""
        step, root = self.reply_step, self.root
        is_named = _is_named(CHAT_NAMES, root, step)
        is_sent = self.query is not None and (self.query.id, "submit") in root.targets
        return (
            not self.hidden,
            step.is_documented,
            not _is_named(MAINTENANCE_NAMES, root, step),
            2 if self.answer.is_chatbot or step.is_chat_interface else int(self.answer.type in TEXT_OUTPUTS),
            any(one.streams for one in self.answering),
            not self.is_direct,
            root.id < 0 and is_named,
            self.query is not None,
            bool(self.history),
            is_named,
            is_sent,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule that put a page's recipe before the second best.

    Attributes:
        ways: the number of ways to ask the page.
        rule: the number of the first rule in which the two differ; None if there is one way only.
        second: the second best, by its answering step; None if there is one way only.
    """

    ways: int
    rule: int | None = None
    second: str | None = None

    def __str__(self) -> str:
        if self.rule is None:
            return "the only way to ask it"
        return f"before {self.second} by rule {self.rule}: {RULES[self.rule - 1]}"


def decide(candidates: Sequence[Candidate]) -> tuple[Candidate, Decision]:
    """Return the best of some candidates, and the rule that decides."""
    first, *others = sorted(candidates, key=lambda one: one.rank, reverse=True)  # stable: of equals, the earlier
    others = [one for one in others if not one.asks_as(first)]
    if not others:
        return first, Decision(1)
    second = others[0]
    differing = [number for number, pair in enumerate(zip(first.rank, second.rank, strict=True), 1) if len({*pair}) > 1]
    rule = differing[0] if differing else len(RULES)
    return first, Decision(1 + len(others), rule, _name(second, first))


def _name(candidate: Candidate, best: Candidate) -> str:
    """Return the name of a candidate's answering step, and what tells it from the best if that has the same."""
    name = candidate.reply_step.name
    if candidate.reply_step is not best.reply_step:
        return name
    if candidate.answer is not best.answer:
        return f"{name} in {candidate.answer.description}"
    return f"{name} alone" if candidate.is_direct else f"{name} after {candidate.root.name}"


def rank_bounds(page: Page, answering: Sequence[Listener]) -> dict[int, tuple[Any, ...]]:
    """Return an upper bound of the ranks of the candidates at each listener, by what it may lead to.

    Args:
        page: the page.
        answering: the listeners that may answer.
    """

    def leading(ends: Iterable[Listener], among: Sequence[Listener] = page.listeners) -> set[int]:
        return {one.id for one in leading_to(among, ends)}

    is_open = leading(answering, [one for one in page.listeners if not one.is_hidden or not one.has_effect])
    documented = leading(one for one in answering if one.is_documented)
    streaming = leading(one for one in answering if one.streams)
    named = {one.id for one in page.listeners if _is_named(CHAT_NAMES, one)}
    named |= leading(one for one in answering if one.id in named)
    asking = leading(one for one in page.listeners if any(part.type.endswith(TEXT_INPUTS) for part in one.sent))
    reading = leading(one for one in page.listeners if any(part.is_chatbot for part in one.sent))
    return {
        one.id: (
            one.id in is_open,
            one.id in documented,
            not _is_named(MAINTENANCE_NAMES, one),
            2,
            one.id in streaming,
            True,
            one.id < 0 and one.id in named,
            one.id in asking,
            one.id in reading,
            one.id in named,
            any(event == "submit" for _, event in one.targets),
        )
        for one in page.listeners
    }


def _is_named(pattern: re.Pattern[str], *listeners: Listener) -> bool:
    return any(pattern.search(one.name.strip("/")) for one in listeners)

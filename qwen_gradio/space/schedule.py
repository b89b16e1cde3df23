"""Schedule: the order in which a page runs the listeners of a question. Pure."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from .page import CHANGE, ComponentId, Listener
from .recipe import Recipe


class Moment(str, enum.Enum):
    """When a listener runs."""

    OPENED = "when the page is opened"
    SET = "when a component is set"
    TYPED = "when the question is typed"
    SENT = "when the question is sent"
    REPLIED = "after the reply"
    NEVER = "never, as its author hid it"


@dataclass(frozen=True, slots=True)
class Run:
    """A listener that is to run.

    Attributes:
        listener: the listener.
        when: when it runs; that of the one before, for one that follows another.
        follows: the listener that it runs after; None if an event starts it.
    """

    listener: Listener
    when: Moment
    follows: Listener | None = None

    @property
    def is_of_event(self) -> bool:
        """True if sending the question starts it."""
        return self.when is Moment.SENT and self.follows is None


class Schedule:
    """The listeners of a question that are to run, each once.

    `open` starts those before the question is sent, and `send` the others, once `is_to_be_sent`. `next` returns one
    after another, and `proceed` starts what follows it. After the last that the reply depends on, `next_after` returns
    those that the page runs then.
    """

    def __init__(self) -> None:
        self._is_open = False  # until the question is sent
        self._pending: deque[Run] = deque()
        self._after: deque[Run] = deque()
        self._seen: set[int] = set()
        self._changed: set[ComponentId] = set()  # the components whose changes have started all that they can

    @property
    def is_to_be_sent(self) -> bool:
        """True if all that runs before the question is sent has run."""
        return self._is_open and not self._pending

    def open(self, recipe: Recipe, set_ids: Iterable[ComponentId], *, is_loaded: bool) -> None:
        """Begin a question.

        Args:
            recipe: how the page is asked.
            set_ids: the components that are set.
            is_loaded: True if the page was opened for an earlier question.
        """
        for queue in (self._pending, self._after, self._seen, self._changed):
            queue.clear()
        self._recipe, self._is_open = recipe, True
        preparation = recipe.preparation
        self._start(Moment.OPENED, () if is_loaded else preparation.on_load)
        self._start(Moment.SET, (one for id_ in set_ids for one in preparation.on_set.get(id_, ())))

    def send(self) -> None:
        """Send the question; what ran before runs again where the question starts it."""
        self._is_open = False
        self._seen.clear()
        self._changed.clear()
        self._start(Moment.TYPED, self._recipe.preparation.on_input)
        self._start(Moment.SENT, self._recipe.started)

    def _start(self, when: Moment, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            if listener.id not in self._seen:
                self._seen.add(listener.id)
                self._pending.append(Run(listener, when))

    def next(self) -> Run | None:
        """Return the next listener before the reply is complete; None if it is."""
        if self._is_open or any(run.listener.id in self._recipe.step_ids for run in self._pending):
            return self._pending.popleft()
        self._after.extendleft(reversed(self._pending))
        self._pending.clear()
        return None

    def next_after(self) -> Run | None:
        """Return the next listener after the reply; None if there is none."""
        if not self._pending and not self._after:
            return None
        return replace((self._pending or self._after).popleft(), when=Moment.REPLIED)

    def proceed(self, run: Run, *, is_success: bool | None, changed: Collection[ComponentId] = ()) -> None:
        """Start what follows a listener: what the reply depends on next, the rest after the reply.

        Args:
            run: the listener that has ended.
            is_success: whether it has succeeded; None for either.
            changed: the components that it may have changed.
        """
        page, recipe = self._recipe.page, self._recipe
        followers = [
            one
            for one in page.followers(run.listener)
            if is_success is None or page.follows(one, is_success=is_success)
        ]
        new = {*changed} - self._changed
        self._changed |= new
        outputs = [component for component in run.listener.outputs if component.id in new]
        on_change = [one for output in outputs for one in page.listeners_of(output.id, CHANGE)]
        # What the page's opening changes starts no step of the reply.
        ids = recipe.preparation.ids if self._is_open else recipe.preparation.ids | recipe.step_ids
        for one in reversed([one for one in (*followers, *on_change) if one.id in ids]):
            if one.id not in self._seen:
                self._seen.add(one.id)
                self._pending.appendleft(Run(one, run.when, run.listener))
        others = [one for one in followers if one.id not in self._seen]
        self._seen.update(one.id for one in others)
        self._after.extend(Run(one, Moment.REPLIED, run.listener) for one in others)

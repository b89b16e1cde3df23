"""The outline of a recipe: its steps in order, and where the value of each of their inputs comes from. Pure.

It tells what a `PageSession` does with a first question if no step fails.
"""

from __future__ import annotations

import enum
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .page import Component, ComponentId, Condition, Listener
from .recipe import Recipe


class Moment(str, enum.Enum):
    """When a step runs."""

    OPENED = "when the page is opened"
    SET = "when a component is set"
    TYPED = "when the question is typed"
    SENT = "when the question is sent"
    REPLIED = "after the reply"
    NEVER = "never, as its author hid it"


class Source(str, enum.Enum):
    """Where the value of an input comes from."""

    QUESTION = "the question"
    SYSTEM = "the system message"
    TURNS = "the turns before"
    FILES = "the question's files"
    OPTION = "an option"
    STEP = "a step before"
    SESSION = "a State in the session on the Space"
    PAGE = "what the page published"


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a step.

    Attributes:
        id: the id of its component.
        name: its name, which is also that of the option.
        component: the type of its component, in lower case.
        label: its label on the page.
        sources: where its value comes from, the one that stands before the others first.
        written_by: the names of the steps that write it before.
    """

    id: ComponentId
    name: str
    component: str
    label: str
    sources: tuple[Source, ...]
    written_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepOutline:
    """One step.

    Attributes:
        name: the name of its function.
        when: when it runs.
        set: the names of the inputs that start it when they are set.
        follows: the name of the step that it runs after; None if an event starts it.
        condition: the outcome of that step after which it runs.
        inputs: its inputs, in order.
        outputs: the names of its outputs, in order.
        answers: True if it may write the reply.
        streams: True if its function is a generator.
    """

    name: str
    when: Moment
    set: tuple[str, ...]
    follows: str | None
    condition: Condition
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    answers: bool
    streams: bool


@dataclass(frozen=True, slots=True)
class _Run:
    listener: Listener
    when: Moment
    follows: Listener | None = None


def outline(recipe: Recipe) -> tuple[StepOutline, ...]:
    """Return the steps of a recipe, in order, and last those that are left out."""
    return tuple(_Outline(recipe).steps())


class _Schedule:
    """The order in which a `PageSession` runs the listeners of a question."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._pending: deque[_Run] = deque()
        self._after: deque[_Run] = deque()
        self._seen: set[int] = set()

    def runs(self) -> list[_Run]:
        recipe, preparation = self._recipe, self._recipe.preparation
        prepared = [listener for listeners in preparation.on_set.values() for listener in listeners]
        before = [*self._drain([(Moment.OPENED, preparation.on_load), (Moment.SET, prepared)])]
        asked = [*self._drain([(Moment.TYPED, preparation.on_input), (Moment.SENT, recipe.started)])]
        leading = [number for number, run in enumerate(asked, 1) if run.listener.id in recipe.step_ids]
        last = leading[-1] if leading else 0
        self._after.extendleft(reversed(asked[last:]))
        return [*before, *asked[:last], *self._drain_after()]

    def _drain(self, events: Iterable[tuple[Moment, Iterable[Listener]]]) -> Iterator[_Run]:
        for when, listeners in events:
            for listener in listeners:
                if listener.id not in self._seen:
                    self._seen.add(listener.id)
                    self._pending.append(_Run(listener, when))
        while self._pending:
            run = self._pending.popleft()
            if run.listener.has_effect:
                yield run
            self._schedule_next(run)

    def _schedule_next(self, run: _Run) -> None:
        page = self._recipe.page
        followers = page.followers(run.listener)
        on_change = page.on_change(run.listener) if run.listener.runs_on_server else ()
        needed = self._recipe.step_ids | self._recipe.preparation.ids
        for one in reversed([one for one in (*followers, *on_change) if one.id in needed]):
            if one.id not in self._seen:
                self._seen.add(one.id)
                self._pending.appendleft(_Run(one, run.when, run.listener))
        self._schedule_after(run, followers)

    def _schedule_after(self, run: _Run, followers: Iterable[Listener]) -> None:
        others = [one for one in followers if one.id not in self._seen]
        self._seen.update(one.id for one in others)
        self._after.extend(_Run(one, Moment.REPLIED, run.listener) for one in others)

    def _drain_after(self) -> list[_Run]:
        done, left_out = [], []
        while self._pending or self._after:
            run = self._pending.popleft() if self._pending else self._after.popleft()
            if run.listener.runs_on_server and run.listener.is_hidden:
                left_out.append(replace(run, when=Moment.NEVER))
                continue
            if run.listener.runs_on_server:
                done.append(replace(run, when=Moment.REPLIED))
            self._schedule_next(run)
        return [*done, *left_out]


class _Outline:
    """The steps of a recipe, with the names of what they read and write."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._runs = _Schedule(recipe).runs()
        self._names = _component_names(recipe, [run.listener for run in self._runs])
        self._written: dict[ComponentId, list[_Run]] = defaultdict(list)
        self._at_event: Mapping[ComponentId, list[_Run]] | None = None  # what was written when the question was sent

    def steps(self) -> Iterator[StepOutline]:
        for run in self._runs:
            yield self._step(run)
            for component in run.listener.outputs:
                self._written[component.id].append(run)

    def _step(self, run: _Run) -> StepOutline:
        listener, names = run.listener, self._names
        set_by = [id_ for id_, some in self._recipe.preparation.on_set.items() if any(one is listener for one in some)]
        return StepOutline(
            listener.name,
            run.when,
            tuple(names[id_] for id_ in set_by) if run.when is Moment.SET and run.follows is None else (),
            None if run.follows is None else run.follows.name,
            listener.condition,
            tuple(self._input(component, run) for component in listener.inputs),
            tuple(names[component.id] for component in listener.outputs),
            listener.id in self._recipe.answers_in,
            listener.streams,
        )

    def _input(self, component: Component, run: _Run) -> Input:
        writers = self._writers(component, run)
        return Input(
            component.id,
            self._names[component.id],
            component.type,
            component.label,
            tuple(self._sources(component, run, writers)) or (Source.PAGE,),
            tuple(dict.fromkeys(writer.listener.name for writer in writers)),
        )

    def _writers(self, component: Component, run: _Run) -> list[_Run]:
        """Return the steps that write a component before; those that start together, when they start."""
        is_of_event = (
            self._recipe.page.starts_listeners_together
            and run.when is Moment.SENT
            and run.follows is None
            and not component.is_state
        )
        if is_of_event and self._at_event is None:
            self._at_event = {id_: [*runs] for id_, runs in self._written.items()}
        written = self._at_event if is_of_event and self._at_event is not None else self._written
        return [*written.get(component.id, ())]

    def _sources(self, component: Component, run: _Run, writers: Collection[_Run]) -> Iterator[Source]:
        recipe, id_ = self._recipe, component.id
        before = (Moment.OPENED, Moment.SET)  # the question is entered
        if component.is_state:
            yield Source.SESSION
        elif all(writer.when in before for writer in writers):
            if run.when not in before:
                yield from _question_sources(recipe, id_)
            parameter = recipe.parameters_by_id.get(id_)
            if parameter is not None and parameter.takes_files:
                yield Source.FILES
            if parameter is not None and parameter in recipe.options:
                yield Source.OPTION
        if writers and not component.is_state:
            yield Source.STEP


def _question_sources(recipe: Recipe, id_: ComponentId) -> Iterator[Source]:
    """Yield the parts of a question that go into a component."""
    if id_ == recipe.query_id:
        yield Source.QUESTION
    if id_ in recipe.history_ids:
        yield Source.TURNS
    if id_ == recipe.system_id:
        yield Source.SYSTEM


def _component_names(recipe: Recipe, listeners: Iterable[Listener]) -> dict[ComponentId, str]:
    """Return the names of the parameters; of other components the words of their labels, or else their types."""
    names = {id_: parameter.name for id_, parameter in recipe.parameters_by_id.items()}
    for listener in listeners:
        for component in (*listener.inputs, *listener.outputs):
            if component.id not in names:
                name = component.label or ("State" if component.is_state else component.type)
                names[component.id] = f"{name} {component.id}" if name in names.values() else name
    return names

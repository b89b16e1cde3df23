"""The outline of a recipe: its steps in order, and where the value of each of their inputs comes from. Pure.

It tells what a `PageSession` does with a first question if no step fails.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .page import Component, ComponentId, Condition, Listener
from .recipe import Recipe
from .schedule import Moment, Run, Schedule


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


def outline(recipe: Recipe) -> tuple[StepOutline, ...]:
    """Return the steps of a recipe, in order, and last those that are left out."""
    return tuple(_Outline(recipe).steps())


def _runs(recipe: Recipe) -> list[Run]:
    """Return the listeners in the order of a first question, if all components are set and every output changes."""
    schedule = Schedule()
    schedule.open(recipe, recipe.preparation.on_set, is_loaded=False)
    runs: list[Run] = []
    while True:
        if schedule.is_to_be_sent:
            schedule.send()
        run = schedule.next()
        if run is None:
            runs += _runs_after(schedule)
            known = {run.listener.id for run in runs}
            return [*runs, *(Run(one, Moment.NEVER) for one in recipe.preparation.hidden if one.id not in known)]
        if run.listener.has_effect:
            runs.append(run)
        _proceed(schedule, run)


def _runs_after(schedule: Schedule) -> list[Run]:
    done, left_out = [], []
    while (run := schedule.next_after()) is not None:
        if run.listener.runs_on_server and run.listener.is_hidden:
            left_out.append(replace(run, when=Moment.NEVER))
            continue
        if run.listener.runs_on_server:
            done.append(run)
        _proceed(schedule, run)
    return [*done, *left_out]


def _proceed(schedule: Schedule, run: Run) -> None:
    changed = [component.id for component in run.listener.outputs] if run.listener.runs_on_server else []
    schedule.proceed(run, is_success=None, changed=changed)


class _Outline:
    """The steps of a recipe, with the names of what they read and write."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._runs = _runs(recipe)
        self._names = _component_names(recipe, [run.listener for run in self._runs])
        self._written: dict[ComponentId, list[Run]] = defaultdict(list)
        self._at_event: Mapping[ComponentId, list[Run]] | None = None  # what was written when the question was sent

    def steps(self) -> Iterator[StepOutline]:
        for run in self._runs:
            yield self._step(run)
            for component in run.listener.outputs:
                self._written[component.id].append(run)

    def _step(self, run: Run) -> StepOutline:
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

    def _input(self, component: Component, run: Run) -> Input:
        writers = self._writers(component, run)
        return Input(
            component.id,
            self._names[component.id],
            component.type,
            component.label,
            tuple(self._sources(component, run, writers)) or (Source.PAGE,),
            tuple(dict.fromkeys(writer.listener.name for writer in writers)),
        )

    def _writers(self, component: Component, run: Run) -> list[Run]:
        """Return the steps that write a component before; those that start together, when they start."""
        is_of_event = self._recipe.page.starts_listeners_together and run.is_of_event and not component.is_state
        if is_of_event and self._at_event is None:
            self._at_event = {id_: [*runs] for id_, runs in self._written.items()}
        written = self._at_event if is_of_event and self._at_event is not None else self._written
        return [*written.get(component.id, ())]

    def _sources(self, component: Component, run: Run, writers: Collection[Run]) -> Iterator[Source]:
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

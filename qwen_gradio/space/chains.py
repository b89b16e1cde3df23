"""Which listeners of a page run, in what order, and which of them a reply depends on. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from .page import CHANGE, ComponentId, Listener, Page, unique

INPUT_EVENTS = ("change", "input")  # of a box into which text is typed
SET_EVENTS = (*INPUT_EVENTS, "select", "upload", "release", "blur", "submit")  # of a component that is set otherwise


def reachable(page: Page, roots: Iterable[Listener], *, known: Collection[int] = ()) -> list[Listener]:
    """List the listeners that may run once some were started, themselves included, each once, in the page's order.

    After a listener come those that follow it, and then those of its outputs' changes.

    Args:
        page: the page.
        roots: the listeners that are started.
        known: the ids of listeners that are left out, and what only they start.
    """
    found: dict[int, Listener] = {}
    changes: dict[ComponentId, Iterator[Listener]] = {}
    pending: list[Iterator[Listener]] = [iter(roots)]
    while pending:
        listener = next(pending[-1], None)
        if listener is None:
            pending.pop()
        elif listener.id not in found and listener.id not in known:
            found[listener.id] = listener
            ids = [component.id for component in listener.outputs]
            for id_ in ids:  # of several listeners that write a component, the first starts those of its change
                changes.setdefault(id_, iter(page.listeners_of(id_, CHANGE)))
            pending.append(chain(page.followers(listener), *(changes[id_] for id_ in ids)))
    return list(found.values())


def leading_to(listeners: Sequence[Listener], ends: Iterable[Listener]) -> list[Listener]:
    """List those of some listeners after which one of the ends runs, and the ends themselves."""
    by_id = {listener.id: listener for listener in listeners}
    writers = _by_output(listeners)
    leading: set[int] = set()
    pending = [*ends]
    while pending:
        listener = pending.pop()
        if listener.id not in leading:
            leading.add(listener.id)
            if listener.follows in by_id:
                pending.append(by_id[listener.follows])
            for id_, event in listener.targets:
                if id_ is not None and event == CHANGE:
                    pending.extend(writers.pop(id_, ()))
    return [listener for listener in listeners if listener.id in leading]


def _by_output(listeners: Iterable[Listener]) -> dict[ComponentId, list[Listener]]:
    """Return the listeners that write each component."""
    writers: dict[ComponentId, list[Listener]] = defaultdict(list)
    for listener in listeners:
        for component in listener.outputs:
            writers[component.id].append(listener)
    return writers


@dataclass(frozen=True, slots=True)
class Preparation:
    """The listeners that write what the steps of a reply read, besides those steps.

    Attributes:
        ids: the ids of all of them.
        on_load: those that run when the page is opened, in order.
        on_input: those that run when the question is typed, in order.
        on_event: those of the same event as the first step, in the page's order.
        on_set: those that run when a component is set, such as a file that is uploaded, by the component.
        hidden: those that their author hid. They are in none of the others, nor is what only they start.
    """

    ids: frozenset[int]
    on_load: tuple[Listener, ...] = ()
    on_input: tuple[Listener, ...] = ()
    on_event: tuple[Listener, ...] = ()
    on_set: Mapping[ComponentId, tuple[Listener, ...]] = field(default_factory=dict)
    hidden: tuple[Listener, ...] = ()

    @property
    def setters(self) -> list[Listener]:
        """The listeners of all components that are set."""
        return [listener for listeners in self.on_set.values() for listener in listeners]


def find_preparation(
    page: Page,
    steps: Sequence[Listener],
    *,
    siblings: Sequence[Listener] = (),
    query: ComponentId | None = None,
) -> Preparation:
    """Find the listeners that write what the steps of a reply read.

    Args:
        page: the page.
        steps: the steps of the reply.
        siblings: the other listeners of the event that starts the first step.
        query: the id of the component for the question; what else writes to it doesn't count.
    """
    preparation = _find_preparation(page, steps, siblings, query, ())
    hidden = {one.id: one for one in page.listeners if one.id in preparation.ids and one.is_hidden and one.has_effect}
    if not hidden:
        return preparation
    return replace(_find_preparation(page, steps, siblings, query, hidden), hidden=tuple(hidden.values()))


def _find_preparation(
    page: Page,
    steps: Sequence[Listener],
    siblings: Sequence[Listener],
    query: ComponentId | None,
    without: Collection[int],
) -> Preparation:
    own = {step.id for step in steps}
    on_load = reachable(page, page.on_load, known=without)
    on_input = [] if query is None else [one for event in INPUT_EVENTS for one in page.listeners_of(query, event)]
    on_set = [*_on_set(page, steps, query)]
    set_listeners = [listener for _, listener in on_set]
    followers = reachable(page, steps[:1])
    left_out = own.union(without)
    others = [one for one in (*on_load, *on_input, *set_listeners, *siblings, *followers) if one.id not in left_out]
    read = {component.id for step in steps for component in step.inputs} - {query}
    later = {one.id for one in (*on_input, *set_listeners, *siblings, *followers)}
    ids = _writers(others, read, query, on_load={one.id: number for number, one in enumerate(on_load)}, later=later)
    on_load_ids = {one.id for one in leading_to(on_load, (one for one in on_load if one.id in ids))}
    return Preparation(
        frozenset(ids | on_load_ids),
        tuple(unique(one for one in page.on_load if one.id in on_load_ids - own)),
        tuple(unique(one for one in on_input if one.id in ids)),
        tuple(one for one in siblings if one.id in ids),
        _grouped((id_, one) for id_, one in on_set if one.id in ids - own),
    )


def _on_set(page: Page, steps: Sequence[Listener], query: ComponentId | None) -> Iterator[tuple[ComponentId, Listener]]:
    """Yield the components that a person sets, and the listeners that read them then.

    If the steps read a component themselves, its listeners count only if they write a State; a value that they write
    into another component may as well be set there.
    """
    read_by_steps = {component.id for step in steps for component in step.inputs}
    for listener in page.listeners:
        read = {component.id for component in listener.sent} - {query}
        if not any(component.is_state for component in listener.outputs):
            read -= read_by_steps
        for id_, event in listener.targets:
            if id_ is not None and event in SET_EVENTS and id_ in read and listener.is_callable:
                yield id_, listener


def _grouped(pairs: Iterable[tuple[ComponentId, Listener]]) -> dict[ComponentId, tuple[Listener, ...]]:
    groups: dict[ComponentId, tuple[Listener, ...]] = {}
    for id_, listener in pairs:
        groups[id_] = (*groups.get(id_, ()), listener)
    return groups


def _writers(
    listeners: Sequence[Listener],
    read: Collection[ComponentId],
    query: ComponentId | None,
    *,
    on_load: Mapping[int, int],
    later: Collection[int],
) -> set[int]:
    """Return the ids of the listeners that write what is read, or what one of them reads in its turn.

    Of what writes a component that only the page's opening reads, only what the opening has run before counts.

    Args:
        listeners: the listeners to choose from.
        read: the ids of the components that are read.
        query: the id of the component for the question; what writes to it doesn't count.
        on_load: the numbers, in their order, of those that the opening starts, by their ids.
        later: the ids of those that something else starts.
    """
    writers = _by_output(listeners)
    found: set[int] = set()
    seen = {query}
    # The components, and before which number they are read; the latest first, so that one look at each is enough.
    last = len(on_load)
    pending = [(-last, isinstance(id_, str), id_) for id_ in read]
    heapq.heapify(pending)
    while pending:
        before, _, id_ = heapq.heappop(pending)
        if id_ in seen:
            continue
        seen.add(id_)
        for listener in writers.get(id_, ()):
            is_in_time = before == -last or on_load.get(listener.id, last) < -before
            if is_in_time and listener.id not in found:
                found.add(listener.id)
                until = last if before == -last and listener.id in later else on_load.get(listener.id, last)
                for component in listener.inputs:
                    heapq.heappush(pending, (-until, isinstance(component.id, str), component.id))
    return found


def has_memory(page: Page, steps: Sequence[Listener], preparation: Preparation) -> bool:
    """Return True if the steps read a State that may hold the turns before, even if none writes it: a list in it grows.

    A State that an earlier step has just written holds the question; one that is only written when the page is opened
    or a component is set, a setting.
    """
    written = {component.id for step in steps for component in step.outputs}
    setters = [*page.on_load, *preparation.setters]
    known = {component.id for one in setters for component in one.outputs} - written
    for step in steps:
        if any(component.is_state and component.id not in known for component in step.inputs):
            return True
        known |= {component.id for component in step.outputs}
    return False

"""Which listeners of a page run, in what order, and which of them a reply depends on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .page import ComponentId, Listener, Page

INPUT_EVENTS = ("change", "input")  # of a box into which text is typed
SET_EVENTS = (*INPUT_EVENTS, "select", "upload", "release", "blur", "submit")  # of a component that is set otherwise


def next_listeners(page: Page, listener: Listener) -> Iterator[Listener]:
    """Yield the listeners that may run after one: those that follow it, and then those of its outputs' changes."""
    yield from page.followers(listener)
    yield from page.on_change(listener)


def reachable(page: Page, root: Listener) -> list[Listener]:
    """List the listeners that may run once a listener was started, itself first, each once."""
    found: dict[int, Listener] = {}
    pending = [root]
    while pending:
        listener = pending.pop()
        if listener.id not in found:
            found[listener.id] = listener
            pending.extend(reversed([*next_listeners(page, listener)]))
    return list(found.values())


def leading_to(page: Page, listeners: Sequence[Listener], ends: Iterable[Listener]) -> list[Listener]:
    """List those of some listeners after which one of the ends runs, and the ends themselves."""
    before: dict[int, list[int]] = defaultdict(list)
    for listener in listeners:
        for after in next_listeners(page, listener):
            before[after.id].append(listener.id)
    leading: set[int] = set()
    pending = [listener.id for listener in ends]
    while pending:
        id_ = pending.pop()
        if id_ not in leading:
            leading.add(id_)
            pending.extend(before[id_])
    return [listener for listener in listeners if listener.id in leading]


@dataclass(frozen=True, slots=True)
class Preparation:
    """The listeners that write what the steps of a reply read, besides those steps.

    Attributes:
        ids: the ids of all of them.
        on_load: those that run when the page is opened, in order.
        on_input: those that run when the question is typed, in order.
        on_event: those of the same event as the first step, in the page's order.
        on_set: those that run when a component is set, such as a file that is uploaded, by the component.
    """

    ids: frozenset[int]
    on_load: tuple[Listener, ...] = ()
    on_input: tuple[Listener, ...] = ()
    on_event: tuple[Listener, ...] = ()
    on_set: Mapping[ComponentId, tuple[Listener, ...]] = field(default_factory=dict)


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
    own = {step.id for step in steps}
    on_load = [one for root in page.on_load for one in reachable(page, root)]
    on_input = [] if query is None else [one for event in INPUT_EVENTS for one in page.listeners_of(query, event)]
    on_set = [*_on_set(page, steps, query)]
    set_listeners = [listener for _, listener in on_set]
    followers = reachable(page, steps[0])
    others = [one for one in (*on_load, *on_input, *set_listeners, *siblings, *followers) if one.id not in own]
    ids = _writers(others, {component.id for step in steps for component in step.inputs} - {query}, query)
    on_load_ids = {one.id for one in leading_to(page, on_load, (one for one in on_load if one.id in ids))}
    return Preparation(
        frozenset(ids | on_load_ids),
        tuple(_unique(one for one in page.on_load if one.id in on_load_ids - own)),
        tuple(_unique(one for one in on_input if one.id in ids)),
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


def _writers(listeners: Sequence[Listener], read: Collection[ComponentId], query: ComponentId | None) -> set[int]:
    """Return the ids of the listeners that write what is read, or what one of them reads in its turn."""
    writers: dict[ComponentId, list[Listener]] = defaultdict(list)
    for listener in listeners:
        for component in listener.outputs:
            writers[component.id].append(listener)
    found: set[int] = set()
    pending = list(read)
    seen = {*pending, query}
    while pending:
        for listener in writers[pending.pop()]:
            found.add(listener.id)
            new = {component.id for component in listener.inputs} - seen
            seen |= new
            pending.extend(new)
    return found


def _unique(listeners: Iterable[Listener]) -> Iterator[Listener]:
    return iter({one.id: one for one in listeners}.values())

"""The choice of a page's recipe: which listener takes the question, and which step's output is the reply. Pure."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import EndpointNotFound, NotAGradioApp, QwenGradioError
from ..text import chatbot
from .chains import find_preparation, has_memory, leading_to, reachable
from .page import LOAD, Component, ComponentId, Listener, Page, Target, parse_page, unique
from .parameters import Parameter, find_system, parse_parameter
from .ranking import TEXT_OUTPUTS, Candidate, Decision, decide, rank_bounds
from .recipe import Recipe, check_api_name

OTHER_OUTPUTS = (
    *("html", "code", "highlightedtext", "label", "number", "dataframe", "plot"),
    *("image", "annotatedimage", "gallery", "audio", "video", "file", "model3d"),
)
SEND_EVENTS = ("submit", "click")  # of a box and of a button, by which a question is sent


def find_recipe(
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    *,
    api_name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Recipe:
    """Find how a page is asked.

    A question is taken by a listener that reads a text box, or a Chatbot's value whose latest turn is the question. The
    answer is in the first Chatbot that it, or a step after it, writes; else in a text, or in another component. Several
    ways are ranked by these rules, in order (`ranking.RULES`):

    1. no step that the reply depends on is hidden by its author
    2. the answering step is documented in `/info`
    3. neither the step nor its button is named for maintenance (clear, retry, …)
    4. it answers in a Chatbot or in a ChatInterface's response; else in a text
    5. it streams
    6. it starts with the first step: no step before it is left out
    7. if `/config` doesn't say what follows what: it is named for chat
    8. it has a box for the question
    9. it reads the history
    10. it is named for chat
    11. the question is sent from its own box
    12. it is earlier on the page

    Args:
        config: the Space's `/config`.
        info: its `/info`.
        api_name: the name of the step that answers, with or without the slash; None for the first by the ranking.
        defaults: defaults by name, for parameters without a published one.

    Raises:
        InvalidOption: `api_name` can't be a name.
        EndpointNotFound: the page can't be asked, or not by that name; the message lists the documented endpoints.
        NotAGradioApp: `config` or `info` doesn't have Gradio's form.
    """
    check_api_name(api_name)
    wanted = None if api_name is None else "/" + api_name.strip("/")
    try:
        return _find_recipe(config, info, wanted, defaults or {})
    except QwenGradioError:
        raise
    except Exception as exc:
        raise NotAGradioApp(f"its description can't be read ({type(exc).__name__}: {exc!s:.100})") from exc


def _find_recipe(
    config: Mapping[str, Any], info: Mapping[str, Any], wanted: str | None, defaults: Mapping[str, Any]
) -> Recipe:
    """Find the recipe in `/config`; where that can't be read, one step of `/info`, which gradio_client can call."""
    try:
        page = parse_page(config, info)
        is_readable = any(component.type for component in page.components.values())
    except Exception:  # noqa: BLE001 - any class, if a value has another type than Gradio's
        is_readable = False
    if not is_readable:
        page = parse_page({**config, "components": None, "dependencies": None}, info)
    best = _best(page, wanted)
    if best is None or best.hidden:
        raise _not_found(page, wanted, best)
    recipe = _recipe(page, best, [one for one in _candidates_at(page, best.root, wanted) if not one.hidden], defaults)
    return replace(recipe, decide=functools.cache(functools.partial(_decide, page, wanted)))


def _decide(page: Page, wanted: str | None) -> Decision:
    """Compare all ways to ask a page, for those who want to know; finding the best needs fewer."""
    return decide([one for listener in page.listeners for one in _candidates_at(page, listener, wanted)])[1]


def _not_found(page: Page, wanted: str | None, best: Candidate | None) -> EndpointNotFound:
    documented = ", ".join(str(one.api_name) for one in page.listeners if one.is_documented)
    return EndpointNotFound(f"{_missing(page, wanted, best)}; it has {documented or 'no documented endpoint'}")


def _missing(page: Page, wanted: str | None, best: Candidate | None) -> str:
    if best is not None:
        return f"its author allows no calls of {best.hidden[0].name} but the page's, and the reply depends on it"
    if wanted is None:
        return "no endpoint takes a text and answers in a Chatbot or a text"
    exists = any(listener.api_name == wanted for listener in page.listeners)
    return f"{wanted} takes no text, or answers in none" if exists else f"there is no {wanted}"


# --- the ways to ask a page


def _best(page: Page, wanted: str | None) -> Candidate | None:
    """Return the best way to ask a page; of equal ones the first on the page. None if there is none.

    A first step is tried only if it may lead to a better one than those before, so that each needn't follow its steps.
    """
    may_answer = [one for one in page.listeners if wanted in (None, one.api_name)]
    bounds = rank_bounds(page, [one for one in may_answer if _answers(page, one, is_chosen=wanted is not None)])
    numbered = sorted(enumerate(page.listeners), key=lambda entry: bounds[entry[1].id], reverse=True)
    best: tuple[tuple[Any, ...], int, Candidate] | None = None
    for number, listener in numbered:
        if best is None or (bounds[listener.id], -number) > best[:2]:
            for candidate in _candidates_at(page, listener, wanted):
                rank = candidate.rank
                if best is None or (rank, -number) > best[:2]:
                    best = rank, -number, candidate
    return None if best is None else best[2]


def _candidates_at(page: Page, listener: Listener, wanted: str | None) -> Iterator[Candidate]:
    """Yield the ways to ask a page with a listener first; alone, if it follows another or the caller chose it."""
    if _starts(listener):
        yield from _candidates_from(page, listener, wanted)
    if not _starts(listener) or wanted == listener.api_name is not None:
        yield from _direct_candidates(page, listener, wanted)


def _starts(listener: Listener) -> bool:
    """Return True if a listener can be the first step: an event of a component starts it, or only the API."""
    return listener.follows is None and not (listener.targets and all(event == LOAD for _, event in listener.targets))


def _candidates_from(page: Page, root: Listener, wanted: str | None) -> Iterator[Candidate]:
    reached = reachable(page, [root])
    answers: dict[ComponentId, tuple[Component, list[Listener]]] = {}
    for step in reached:
        if step.runs_on_server and wanted in (None, step.api_name):
            for component in _answers(page, step, is_chosen=wanted is not None):
                answers.setdefault(component.id, (component, []))[1].append(step)
    for component, steps in answers.values():
        candidate = _candidate(root, reached, component, steps)
        if candidate is not None:
            yield candidate


def _candidate(
    root: Listener, reached: Sequence[Listener], answer: Component, answering: Sequence[Listener]
) -> Candidate | None:
    streaming = [step for step in answering if step.streams and not step.is_hidden]
    if streaming:  # a hidden step that only tidies up what was streamed is left out
        answering = [step for step in answering if not step.is_hidden]
    steps = leading_to(reached, answering)
    query = _query(root, steps)
    history = tuple(unique(component for step in steps for component in step.sent if component.is_chatbot))
    if query is None and (not history or any(component.is_state for component in steps[0].inputs)):
        return None  # the question may be in the State
    return Candidate(root, tuple(steps), tuple(answering), answer, query, history, is_direct=False)


def _direct_candidates(page: Page, listener: Listener, wanted: str | None) -> Iterator[Candidate]:
    """Yield the ways to ask an answering step alone, as the API does, without the steps before it."""
    if not listener.is_callable or wanted not in (None, listener.api_name):
        return
    is_chosen = wanted is not None
    for answer in _answers(page, listener, is_chosen=is_chosen)[:1]:
        query = _query(listener, [listener])
        history = tuple(component for component in listener.sent if component.is_chatbot)
        has_state = any(component.is_state for component in listener.inputs)
        if query is not None or (history and (is_chosen or not has_state)):
            yield Candidate(listener, (listener,), (listener,), answer, query, history, is_direct=True)


def _answers(page: Page, listener: Listener, *, is_chosen: bool) -> list[Component]:
    """List the components that a listener may answer in: its Chatbots, or else the first text, or another component.

    A text is no answer if the listener only moves it on: if it is among its inputs too, if a step that follows reads
    it, or if the page has a Chatbot. A listener that the caller chose, or that a ChatInterface made, may answer in any.
    """
    returned = listener.returned
    chatbots = [component for component in returned if component.is_chatbot]
    if chatbots:
        return [*unique(chatbots)]
    is_sure = is_chosen or listener.is_chat_interface
    inputs = {component.id for component in listener.inputs}
    for types in (TEXT_OUTPUTS, OTHER_OUTPUTS):
        shown = [component for component in returned if component.type in types]
        is_only = len(returned) == 1 and not page.answers_in_chatbots and not _is_read_on(page, listener)
        if shown and (is_sure or (is_only and shown[0].id not in inputs)):
            return shown[:1]
    return []


def _is_read_on(page: Page, listener: Listener) -> bool:
    """Return True if a step that follows reads what a listener writes."""
    written = {component.id for component in listener.outputs}
    return any(component.id in written for one in page.followers(listener) for component in one.inputs)


def _query(root: Listener, steps: Sequence[Listener]) -> Component | None:
    """Return the box for the question: of the steps' text inputs, the one that sends it, or the best by its name."""
    sending = {component for component, event in root.targets if event == "submit"}
    ranked = []
    for step in steps:
        for number, component in enumerate(step.sent):
            rank = _parameter(step, number, component, (), {}).query_rank
            if rank is not None and component.props.get("interactive") is not False:
                ranked.append((component.id not in sending, component.props.get("visible") is False, rank, component))
    return min(ranked, key=lambda entry: entry[:3])[3] if ranked else None


# --- the recipe of the best


def _recipe(page: Page, best: Candidate, of_root: Sequence[Candidate], defaults: Mapping[str, Any]) -> Recipe:
    recipe = _recipe_of(page, best, defaults)
    chatbots = [one for one in of_root if one.answer.is_chatbot] + [*_siblings_in_other_chatbots(page, best)]
    others = {one.answer.id: one for one in reversed(chatbots) if one.is_direct is best.is_direct}
    if not best.answer.is_chatbot or len(others) < 2:
        return recipe
    ordered = [best, *(one for id_, one in reversed(others.items()) if id_ != best.answer.id)]
    recipes = [functools.cache(functools.partial(_recipe_of, page, one, defaults)) for one in ordered]
    names = _chatbot_names([one.answer for one in ordered])
    return replace(recipe, alternatives=dict(zip(names, recipes, strict=True)))


def _siblings_in_other_chatbots(page: Page, best: Candidate) -> Iterator[Candidate]:
    """Yield the candidates of other listeners of the same event, such as that of a second model beside the first."""
    known: set[int] = set()
    for sibling in _siblings(page, best.root, _event(best)):
        new = reachable(page, [sibling], known=known)
        known |= {one.id for one in new}
        if any(component.is_chatbot for one in new for component in one.outputs):
            yield from (one for one in _candidates_from(page, sibling, None) if not one.hidden)


def _chatbot_names(chatbots: Sequence[Component]) -> list[str]:
    labels = [component.label for component in chatbots]
    if all(labels) and len({*labels}) == len(labels):
        return labels
    return [str(number) for number in range(1, len(chatbots) + 1)]


def _recipe_of(page: Page, candidate: Candidate, defaults: Mapping[str, Any]) -> Recipe:
    query = None if candidate.query is None else candidate.query.id
    event = None if candidate.is_direct else _event(candidate)
    siblings = _siblings(page, candidate.root, event)
    preparation = find_preparation(page, candidate.steps, siblings=siblings, query=query)
    if candidate.is_direct:
        preparation = replace(preparation, on_input=(), on_event=())
    parameters = _parameters([candidate.reply_step, *candidate.steps], preparation.setters, defaults)
    system, system_key = find_system(parameters, query)
    form = next(iter(candidate.history), candidate.answer)
    return Recipe(
        page,
        candidate.root,
        event,
        candidate.steps,
        candidate.reply_step,
        frozenset(step.id for step in candidate.answering),
        candidate.answer,
        preparation,
        parameters,
        query,
        tuple(component.id for component in candidate.history),
        has_memory(page, candidate.steps, preparation),
        system,
        system_key,
        chatbot.history_format(page.version, form.props.get("type"), form.schema) if form.is_chatbot else None,
    )


def _event(candidate: Candidate) -> Target | None:
    """Return the event by which a person starts the first step: sending from the question's box, if that starts it."""
    targets = [target for target in candidate.root.targets if target[0] is not None]
    from_box = [(id_, event) for id_, event in targets if candidate.query and id_ == candidate.query.id]
    sent = [target for target in [*from_box, *targets] if target[1] in SEND_EVENTS]
    return next(iter([*sent, *targets]), None)


def _siblings(page: Page, root: Listener, event: Target | None) -> list[Listener]:
    return [] if event is None else [one for one in page.listeners_of(*event) if one is not root]


def _parameters(
    steps: Sequence[Listener], on_set: Sequence[Listener], defaults: Mapping[str, Any]
) -> dict[ComponentId, Parameter]:
    """Return the inputs of the steps, by component, those of the first one first; and those that are read when set."""
    parameters: dict[ComponentId, Parameter] = {}
    used_names: set[str] = set()
    set_ids = {id_ for listener in on_set for id_, _ in listener.targets}
    for number_of_step, step in enumerate((*steps, *on_set)):
        for number, component in enumerate(step.sent):
            if component.id not in parameters and (number_of_step < len(steps) or component.id in set_ids):
                parameters[component.id] = _parameter(step, number, component, used_names, defaults)
                used_names.add(parameters[component.id].name)
    return parameters


def _parameter(
    step: Listener, number: int, component: Component, used_names: Collection[str], defaults: Mapping[str, Any]
) -> Parameter:
    documented = step.parameters[number] if step.parameters else None
    return parse_parameter(number, component, documented, used_names, defaults)

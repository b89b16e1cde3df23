"""PageSession: the values of a page's components in one session, and the steps that a question starts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError, short_repr
from ..text import chatbot
from ..text.chatbot import Snapshot
from ..text.files import File
from ..text.messages import Chat, as_prompt
from ..text.outputs import parse_output
from .file_inputs import FileInput, place_files
from .page import Component, ComponentId, Listener
from .recipe import Recipe
from .schedule import Run, Schedule
from .verbatim import verbatim

_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Step:
    """A listener to call.

    Attributes:
        run: the listener, and what it runs after.
        arguments: the arguments of the call, in order.
        leads: True if the reply depends on its outcome; False if the page runs it before or after.
        answers: True if it may write the reply.
        has_files: True if there are files of the caller among the arguments.
    """

    run: Run
    arguments: tuple[Any, ...]
    leads: bool
    answers: bool
    has_files: bool = False

    @property
    def listener(self) -> Listener:
        """The listener."""
        return self.run.listener


@dataclass(frozen=True, slots=True)
class _Event:
    """The values of components when the question is sent, for all listeners of that; none until the first runs."""

    values: dict[ComponentId, Any] = field(default_factory=dict)
    with_files: set[ComponentId] = field(default_factory=set)  # those of them with files of the caller


@dataclass(frozen=True, slots=True)
class _Question:
    chat: Chat
    is_continued: bool
    files: Sequence[File]  # those in the question's own box


class PageSession:
    """The values of a page's components in one session, and the steps that are to run.

    `ask` enters a question. Then `next_step` returns one step after another, and `succeed` or `fail` records its
    outcome. Once there is none, the reply is complete; `next_step_after` returns those that the page runs then.

    Args:
        recipe: how the page is asked.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = self._current = recipe  # the second is that of the Chatbot that the options select
        self._values: dict[ComponentId, Any] = {}
        self._own: set[ComponentId] = set()  # the components whose values are the caller's, not the Space's
        self._with_files: set[ComponentId] = set()  # those of them with files
        self._options: Mapping[ComponentId, Any] = {}
        self._sent = _Question(Chat(None, (), ""), False, ())  # once the page is loaded and its options are set
        self._is_loaded = False
        self._schedule = Schedule()
        self._event = _Event()
        self._written: dict[ComponentId, Any] = {}  # by the outputs of the latest step so far
        self._has_output = False
        self._question = ""  # as it was sent
        self._history: Sequence[Any] = ()  # the Chatbot's value before the question

    @property
    def recipe(self) -> Recipe:
        """How the page is asked; of several Chatbots, the one that the latest question's options selected."""
        return self._current

    # --- a question

    def continues(self, options: Mapping[str, Any]) -> bool:
        """Return True if a question with these options has the same steps as the one before, which have its turns.

        Raises:
            InvalidOption: the page has no such option, or doesn't accept its value.
        """
        return self._recipe.select(options)[0].step_ids == self._current.step_ids

    def ask(self, chat: Chat, options: Mapping[str, Any], *, is_continued: bool = False) -> None:
        """Enter a question, and start its steps.

        The question includes what the page has no component for: the system message, and the turns before. If the steps
        have a State, which may hold the turns, they go both into the question and into the Chatbot.

        Args:
            chat: the question, with the turns before it.
            options: values of other parameters, by name.
            is_continued: True if this session has the turns before and the system message already.

        Raises:
            InvalidOption: the page has no such option, or doesn't accept its value.
        """
        self._current, chosen = self._recipe.select(options)
        files = self._place_files(chat, chosen)
        self._forget_options()
        self._options = {**chosen, **self._wrap_files(files)}
        self._sent = _Question(chat, is_continued, files.get(self._current.query_id, ()))
        self._enter_options()
        self._schedule.open(self._current, self._options, is_loaded=self._is_loaded)
        self._is_loaded = True

    def _place_files(self, chat: Chat, chosen: Mapping[ComponentId, Any]) -> dict[ComponentId | None, list[File]]:
        """Place the question's files: in the question's own box first, then in those that no option sets."""
        query, parameters = self._current.query_id, self._current.parameters_by_id
        ranked = sorted(parameters, key=lambda id_: id_ != query)
        inputs: dict[ComponentId | None, FileInput] = {
            id_: input_ for id_ in ranked if id_ not in chosen and (input_ := parameters[id_].file_input) is not None
        }
        return place_files(chat.files, inputs)

    def _wrap_files(self, files: Mapping[ComponentId | None, Sequence[File]]) -> dict[ComponentId, Any]:
        parameters = self._current.parameters_by_id
        wrapped = {
            id_: parameters[id_].wrap_files(some)
            for id_, some in files.items()
            if id_ is not None and id_ != self._current.query_id
        }
        self._with_files |= {*wrapped}
        return wrapped

    def _forget_options(self) -> None:
        """Reset the components that an earlier question set; files stay where they are, as on the page."""
        for id_ in self._own - self._with_files:
            self._values.pop(id_, None)
        self._own &= self._with_files

    def _enter_options(self) -> None:
        for id_, value in self._options.items():
            self._set(id_, value)

    def _send(self) -> None:
        """Enter the question, once the page is loaded and its options are set, and start the steps."""
        self._enter_options()  # again, as the page may have changed them
        self._enter_system(self._sent.chat.system)
        self._enter_question(self._sent)
        self._event = _Event()
        self._schedule.send()

    def _set(self, id_: ComponentId, value: Any) -> None:
        self._values[id_] = value
        self._own.add(id_)

    def _enter_system(self, system: str | None) -> None:
        id_, key = self._current.system_id, self._current.system_key
        if system is not None and id_ is not None:
            value = self._argument(id_)
            self._set(id_, {**value, key: system} if key else system)

    def _enter_question(self, sent: _Question) -> None:
        recipe, chat, is_continued = self._current, sent.chat, sent.is_continued
        reads_turns = bool(recipe.history_ids) and not recipe.has_memory
        question = as_prompt(
            chat,
            system=recipe.system_id is None and not is_continued,
            turns=not reads_turns and not is_continued,
        )
        self._question = question
        turns = () if is_continued else chat.turns
        open_turn = question if recipe.query_id is None else None
        for id_ in recipe.history_ids:
            form = recipe.dialect or "pairs"
            self._values[id_] = [*self._chatbot_value(id_), *chatbot.encode(turns, form, open_turn)]
        if recipe.query_id is not None:
            self._with_files -= {recipe.query_id}
            self._with_files |= {recipe.query_id} if sent.files else set()
            self._set(recipe.query_id, recipe.parameters_by_id[recipe.query_id].wrap_text(question, sent.files))
        self._history = self._chatbot_value(recipe.answer.id) if recipe.is_chatbot else ()

    def _chatbot_value(self, id_: ComponentId) -> Sequence[Any]:
        value = self._values.get(id_, self._published(id_))
        return value if isinstance(value, list | tuple) else ()

    def _published(self, id_: ComponentId) -> Any:
        parameter = self._current.parameters_by_id.get(id_)
        return parameter.default if parameter is not None else self._current.page.component_value(id_)

    def _argument(self, id_: ComponentId) -> Any:
        """Return a component's value to send; that of the Space so that no file that it names is read."""
        value = self._values.get(id_, _UNKNOWN)
        if value is _UNKNOWN:
            return verbatim(self._published(id_))
        return value if id_ in self._own else verbatim(value)

    # --- its steps

    def next_step(self) -> Step | None:
        """Return the next step of the reply; None if the reply is complete."""
        while (run := self._next_run()) is not None:
            if run.listener.has_effect:
                return self._step(run)
            self._schedule.proceed(run, is_success=True)
        return None

    def _next_run(self) -> Run | None:
        if self._schedule.is_to_be_sent:
            self._send()
        return self._schedule.next()

    def next_step_after(self) -> Step | None:
        """Return the next step that the page runs after the reply, without those that their author hid."""
        while (run := self._schedule.next_after()) is not None:
            if not run.listener.runs_on_server:
                self._schedule.proceed(run, is_success=True)
            elif not run.listener.is_hidden:
                return self._step(run)
        return None

    def _step(self, run: Run) -> Step:
        recipe, listener = self._current, run.listener
        event = self._event_values() if run.is_of_event and recipe.page.starts_listeners_together else _Event()
        self._written, self._has_output = {}, False
        arguments = tuple(
            event.values[component.id] if component.id in event.values else self._argument(component.id)
            for component in listener.sent
        )
        has_files = any(
            component.id in (event.with_files if component.id in event.values else self._with_files)
            for component in listener.sent
        )
        return Step(run, arguments, listener.id in recipe.step_ids, listener.id in recipe.answers_in, has_files)

    def _event_values(self) -> _Event:
        """Return the values of the time when the question was sent; they are taken when its first listener runs."""
        if not self._event.values:
            sent = {component.id for one in self._current.started for component in one.sent}
            self._event.values.update({id_: self._argument(id_) for id_ in sent})
            self._event.with_files.update(sent & self._with_files)
        return self._event

    def succeed(self, step: Step, output: object) -> None:
        """Record the last output of a step, and start what follows it.

        Raises:
            ProtocolError: the output has an unknown form.
        """
        self._receive(step.listener, output)
        self._schedule.proceed(step.run, is_success=True, changed=self._write(step.listener))

    def fail(self, step: Step) -> None:
        """Record that the app raised an exception in a step, and start what follows all the same."""
        self._schedule.proceed(step.run, is_success=False, changed=self._write(step.listener))

    def _receive(self, listener: Listener, output: object) -> Mapping[ComponentId, Any]:
        """Return the values in an output; those of earlier outputs stay where it has none."""
        values = _read(listener, output)
        self._has_output = True
        for id_, value in values.items():
            if not _is_update(value):
                self._written[id_] = value
            elif "value" in value:
                self._written[id_] = value["value"]
        return values

    def _write(self, listener: Listener) -> set[ComponentId]:
        """Set the values of a step's outputs; return the components that it may have changed, States among them."""
        changed = {component.id for component in listener.outputs if component.is_state and self._has_output}
        for id_, value in self._written.items():
            if value != self._values.get(id_, self._published(id_)):
                changed.add(id_)
            self._values[id_] = value
        self._own -= self._written.keys()
        self._with_files -= self._written.keys()
        return changed

    # --- the reply

    def read(self, step: Step, output: object) -> Snapshot | None:
        """Read the reply so far.

        Args:
            step: the step.
            output: an output of its call.

        Returns:
            The reply; None if the output has none, or has only earlier turns.

        Raises:
            ProtocolError: the output has an unknown form.
        """
        values = self._receive(step.listener, output)
        if not step.answers:
            return None
        return self._snapshot(values.get(self._current.answer.id), whole=False)

    @property
    def is_answered(self) -> bool:
        """True if the page shows an answer to the question."""
        try:
            snapshot = self.final_snapshot()
        except ProtocolError:
            return False
        return snapshot is not None and bool(snapshot.answer)

    def final_snapshot(self) -> Snapshot | None:
        """Read the complete reply, once there is no next step.

        Raises:
            ProtocolError: it has an unknown form.
        """
        return self._snapshot(self._values.get(self._current.answer.id), whole=True)

    def _snapshot(self, output: object, *, whole: bool) -> Snapshot | None:
        value = chatbot.unwrap_update(output)
        if value is None:
            return None
        answer = self._current.answer
        try:
            snapshot = self._parse(answer, value, whole=whole)
        except RecursionError:
            snapshot = None
        if snapshot is None:
            raise _unreadable(value)
        return snapshot

    def _parse(self, answer: Component, value: object, *, whole: bool) -> Snapshot | None:
        if not answer.is_chatbot:
            return parse_output(answer.type, value, whole=whole, tags=self._current.thinking_tags)
        return chatbot.latest_reply(
            value, whole=whole, sent=self._history, query=self._question, tags=self._current.thinking_tags
        )


def _read(listener: Listener, output: object) -> dict[ComponentId, Any]:
    try:
        return listener.values(output)
    except ValueError:
        raise _unreadable(output) from None


def _is_update(value: object) -> bool:
    """Return True for `gr.update(…)`, which changes a component's value only if it has one."""
    return isinstance(value, dict) and value.get("__type__") == "update"


def _unreadable(output: object) -> ProtocolError:
    return ProtocolError(f"its reply can't be read: {short_repr(output)}")

"""Inspection, the description of a Space: how its page is asked, in words and as JSON."""

from __future__ import annotations

import dataclasses
import json
import keyword
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InvalidOption, short_repr
from .space.file_inputs import OWN_TYPES
from .space.outline import Input, Source, StepOutline, outline
from .space.page import Condition
from .space.parameters import EMPTY_MULTIMODAL, Parameter
from .space.recipe import Recipe
from .space.schedule import Moment
from .space.verbatim import verbatim
from .text.columns import format_columns
from .text.components import fenced

PROMPT = "Hello?"  # of the calls that are shown
OWN_ARGUMENTS = ("self", "messages", "system", "files", "include_thinking", "ignore_unknown_options")  # of `stream`
FORMS = {"pairs": "pairs", "messages": "role dicts", "parts": "role dicts with parts"}
AS_PROMPT = "in the question, as one prompt"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The description of a Space and of how its page is asked; `str()` has it in words.

    Attributes:
        space: its id, or its URL.
        url: the URL of its Gradio app.
        gradio: its Gradio version.
        recipe: how its page is asked: the steps, the parameters, and the component for each part of a question.
        endpoints: the names of all documented endpoints.
        hooks: the hooks that speed up the installed gradio_client, in words; replies are the same without them.
        api_name: the name of the endpoint to use, as the caller gave it; None for the chat endpoint.
    """

    space: str
    url: str
    gradio: str
    recipe: Recipe
    endpoints: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    api_name: str | None = None

    def __str__(self) -> str:
        return self.describe()

    def _repr_markdown_(self) -> str:
        """Return the description for a notebook."""
        return fenced(self.describe())

    def describe(self) -> str:
        """Return the description in words: the steps, where each input comes from, and the calls that ask it."""
        return _Words(self).text()

    def as_dict(self) -> dict[str, Any]:
        """Return the description as a dict that can be written as JSON."""
        recipe, steps = self.recipe, outline(self.recipe)
        decision = recipe.decision
        description = {
            **{name: getattr(self, name) for name in ("space", "url", "gradio", "endpoints", "hooks")},
            "api_name": recipe.api_name,
            "chosen": {**dataclasses.asdict(decision), "reason": _reason(self)},
            "event": None if recipe.event is None else dict(zip(("component", "event"), _event(recipe), strict=True)),
            "steps": [dataclasses.asdict(step) for step in steps],
            "reply": {
                "step": recipe.api_name,
                "component": recipe.answer.type,
                "label": recipe.answer.label,
                "form": recipe.dialect,
                "streams": recipe.streams,
            },
            "question": recipe.query,
            "history": recipe.history,
            "system": recipe.system,
            "remembered_in": _memories(recipe),
            "given_turns_in": _given_turns(recipe),
            "options": [_option(option) for option in recipe.options],
            "chatbots": [*recipe.alternatives],
            "files": [_files(parameter) for parameter in recipe.parameters if parameter.takes_files],
            "command": self.command,
            "python": self.python,
        }
        plain: dict[str, Any] = json.loads(json.dumps(description))
        return plain

    @property
    def command(self) -> str:
        """The command line that asks it, with its options as the page publishes them; quoted for a shell."""
        api_name = [] if self.api_name is None else ["--api-name", self.api_name]
        options = [
            part for name, value in _defaults(self.recipe).items() for part in ("-o", f"{name}={_command_value(value)}")
        ]
        return shlex.join(["qwen-gradio", "--space", self.space, *api_name, *options, PROMPT])

    @property
    def python(self) -> str:
        """The Python program that asks it, with its options as the page publishes them."""
        api_name = "" if self.api_name is None else f", api_name={self.api_name!r}"
        options = _defaults(self.recipe)
        named = [f"{name}={value!r}" for name, value in options.items() if _is_argument(name)]
        others = {name: value for name, value in options.items() if not _is_argument(name)}
        arguments = ", ".join([f'"{PROMPT}"', *named, *([f"**{others!r}"] if others else [])])
        return (
            "from qwen_gradio import QwenClient\n\n"
            f"with QwenClient({self.space!r}{api_name}) as client:\n"
            f"    print(client.ask({arguments}))"
        )


def _is_argument(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _command_value(value: Any) -> str:
    """Return a value as `--option` reads it: as JSON, but for a text that isn't valid JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _defaults(recipe: Recipe) -> dict[str, Any]:
    """Return the options with a published value that a caller may send; what starts a step when it is set, is not."""
    starting = {recipe.parameters_by_id[id_].name for id_ in recipe.preparation.on_set}
    overwritten = {one.name for one in _inputs(outline(recipe)) if Source.OPTION not in one.sources}
    left_out = {*starting, *overwritten, *OWN_ARGUMENTS}
    options = [option for option in recipe.options if option.name not in left_out]
    return {option.name: verbatim(option.default) for option in options if _can_send_default(option)}


def _can_send_default(option: Parameter) -> bool:
    default = option.default
    if default in (None, "", EMPTY_MULTIMODAL) or option.is_secret or verbatim(default) != default:  # it names a file
        return False
    try:
        option.validate(default)
    except InvalidOption:  # such as a published value that is none of the choices
        return False
    return True


def _inputs(steps: Sequence[StepOutline]) -> list[Input]:
    """List the inputs of the steps until the reply, each once, with all that its value comes from."""
    merged: dict[Any, Input] = {}
    until_reply = [step for step in steps if step.when not in (Moment.REPLIED, Moment.NEVER)]
    for one in (one for step in until_reply for one in step.inputs):
        known = merged.get(one.id, one)
        sources = dict.fromkeys((*known.sources, *one.sources))
        written_by = dict.fromkeys((*known.written_by, *one.written_by))
        merged[one.id] = dataclasses.replace(one, sources=tuple(sources), written_by=tuple(written_by))
    return [*merged.values()]


def _reason(inspection: Inspection) -> str:
    named = "" if inspection.api_name is None else "by its name; "
    return f"{named}{inspection.recipe.decision}"


def _event(recipe: Recipe) -> tuple[str, str]:
    """Return the component whose event starts the first step, by name or description, and the event."""
    id_, event = recipe.event or (None, "")
    parameter = None if id_ is None else recipe.parameters_by_id.get(id_)
    component = None if id_ is None else recipe.page.components.get(id_)
    if parameter is not None:
        return parameter.name, event
    return ("the page" if component is None else component.description), event


def _memories(recipe: Recipe) -> list[str]:
    """List where the turns before are when the next question of a Conversation is asked."""
    chatbots = ["the Chatbot, sent with each question"] if recipe.history_ids else []
    return [*chatbots, *(["the session on the Space (a State)"] if recipe.has_memory else [])]


def _given_turns(recipe: Recipe) -> str:
    """Return where the turns of `messages` before the question go, when there is no session that has them."""
    if not recipe.history_ids:
        return AS_PROMPT
    return f"{AS_PROMPT}, and in the Chatbot" if recipe.has_memory else "in the Chatbot"


def _option(option: Parameter) -> dict[str, Any]:
    names = ("name", "label", "component", "default", "choices", "expected")
    return {name: getattr(option, name) for name in names}


def _files(parameter: Parameter) -> dict[str, Any]:
    files = parameter.file_input
    types = () if files is None else files.types or OWN_TYPES.get(files.component, ())
    return {"input": parameter.name, "types": [*types], "takes_many": files is not None and files.takes_many}


class _Words:
    """The description in words, in lines of columns."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._recipe = inspection.recipe
        self._steps = outline(inspection.recipe)

    def text(self) -> str:
        return "\n\n".join(
            [
                format_columns([*self._facts()]),
                f"Steps\n{format_columns([*self._step_rows()], indent=2)}",
                f"Inputs\n{format_columns([*self._input_rows()], indent=2)}",
                f"Command\n  {self._inspection.command}",
                "Python\n  " + self._inspection.python.replace("\n", "\n  ").replace("\n  \n", "\n\n"),
            ]
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        inspection, recipe = self._inspection, self._recipe
        yield "Space", inspection.space
        yield "URL", inspection.url
        yield "Gradio", inspection.gradio
        yield "question", f"taken by {recipe.root.name}" + self._started_by()
        yield "chosen", _reason(inspection)
        yield "reply", self._reply()
        yield "turns", " and ".join(f"in {one}" for one in _memories(recipe)) or "remembered nowhere"
        yield "given turns", _given_turns(recipe)
        yield "system", self._system()
        if recipe.alternatives:
            first, *others = recipe.alternatives
            yield "Chatbots", f"{first} is read, unless the option chatbot selects {' or '.join(others)}"
        if files := [_files(parameter) for parameter in recipe.parameters if parameter.takes_files]:
            yield "files", "; ".join(map(_files_in_words, files))
        if others := [name for name in inspection.endpoints if name != recipe.api_name]:
            yield "endpoints", f"there are also {', '.join(others)}"

    def _started_by(self) -> str:
        if self._recipe.event is None:
            return ", which the API calls"
        component, event = _event(self._recipe)
        return f" on the {event} of {component}"

    def _reply(self) -> str:
        recipe = self._recipe
        form = f" ({FORMS[recipe.dialect]})" if recipe.dialect and recipe.is_chatbot else ""
        growth = "as it grows" if recipe.streams else "once it is complete"
        shown = "a ChatInterface" if recipe.reply_step.is_chat_interface else f"{recipe.answer.description}{form}"
        return f"from {recipe.api_name}, in {shown}, {growth}"

    def _system(self) -> str:
        recipe = self._recipe
        if recipe.system is None:
            return AS_PROMPT
        return f"in {recipe.system}" + (f", as its {recipe.system_key}" if recipe.system_key else "")

    def _step_rows(self) -> Iterator[tuple[str, str]]:
        number = 0
        for step in self._steps:
            number += step.when is Moment.SENT
            yield self._when(step, number), self._call(step)

    def _when(self, step: StepOutline, number: int) -> str:
        if step.condition is Condition.FAILURE:
            return f"if {step.follows} fails"
        return {
            Moment.OPENED: "on opening the page",
            Moment.SET: f"when {' or '.join(step.set)} is set" if step.set else f"after {step.follows}",
            Moment.TYPED: "as the question is typed",
            Moment.SENT: f"{number}.",
            Moment.REPLIED: "after the reply",
            Moment.NEVER: "left out",
        }[step.when]

    def _call(self, step: StepOutline) -> str:
        call = f"{step.name}({', '.join(one.name for one in step.inputs)})"
        if step.when is Moment.REPLIED:
            return f"{call}, whose errors are only logged"
        if step.when is Moment.NEVER:
            return f"{call}, as its author hid it"
        return f"{call} -> the reply" if step.name == self._recipe.api_name else call

    def _input_rows(self) -> Iterator[tuple[str, str, str]]:
        for one in _inputs(self._steps):
            yield one.name, one.component, "; ".join(self._source(source, one) for source in one.sources)

    def _source(self, source: Source, one: Input) -> str:
        parameter = self._recipe.parameters_by_id.get(one.id)
        writers = " and ".join(one.written_by)
        if source is Source.STEP:
            return f"what {writers} wrote"
        if source is Source.SESSION and writers:
            return f"{source.value}, written by {writers}"
        if source is Source.TURNS and self._recipe.query_id is None:
            return f"{source.value}, and the question"
        if source is Source.SYSTEM and parameter is not None:
            return f"{source.value}; else {short_repr(parameter.default)}"
        if source is Source.OPTION and parameter is not None:
            return f"option: {parameter.expected}; {short_repr(parameter.default)} by default"
        return str(source.value)


def _files_in_words(files: Mapping[str, Any]) -> str:
    count = "many" if files["takes_many"] else "one"
    return f"{files['input']} takes {count} of {', '.join(files['types']) or 'any type'}"

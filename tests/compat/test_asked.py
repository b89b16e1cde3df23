"""Each app is asked through the package as its page asks it: the same steps hear the same, and the text is the same."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from qwen_gradio import AppRaised, AsyncQwenClient, EndpointNotFound, Finished, Fragment, Recipe, Reply

from ..conftest import eventually
from ..environments import on_each_gradio
from ..servers.forked import ForkServers
from .apps.table import APPS, BY_NAME, EACH_GRADIO, QUICK, App, Memory, heard_in
from .pages import person
from .pages.page import Page, open_page
from .pages.questions import FIRST, PICTURE, SECOND
from .pages.recorded import APPS_FOLDER, SERVE, without_random

# A ChatInterface's API keeps its history in a State of its own, whose turns have another form than the Chatbot's.
OTHER_FORM = {app.name for app in APPS if app.kind.startswith(("a ChatInterface", "two ChatInterfaces"))} | {
    "multimodal_interface",
    "reasoning_tags",
}
FAILS_ON_PAGE = {  # so that there is no text to compare with
    ("interface_mistaken", "4.44.1"),
    ("interface_mistaken", "5.50.0"),
    ("interface_mistaken", "6"),
    ("bare_output", "4.44.1"),  # its second question
    ("js_middle", "4.44.1"),  # pages before 6 start nothing after JavaScript
    ("js_middle", "5.50.0"),
    ("oauth_template", "4.44.1"),
}


def on_gradio(apps: Sequence[App], *, each: bool = False) -> list[Any]:
    """Give the parameters of a test that asks apps on Gradio 6, and on older ones those of `QUICK`, or each."""
    return [
        pytest.param(version, app, marks=marks_of(app, version, marked.marks), id=f"{version}-{app.name}")
        for marked in on_each_gradio(*EACH_GRADIO)
        for version in marked.values
        for app in apps
        if version in app.gradios and (each or version == "6" or app.name in QUICK)
    ]


def marks_of(app: App, version: str, of_gradio: Sequence[Any]) -> list[Any]:
    if version != "6":
        return [*of_gradio]
    return [pytest.mark.xdist_group("asked 6"), *([] if app.name in QUICK else [pytest.mark.full])]


ANSWERING = [app for app in APPS if not app.is_refused]
REFUSED = [app for app in APPS if app.is_refused]


@dataclass(frozen=True)
class OnPage:
    """What a page's steps heard of two questions, and what it showed in the end."""

    heard: list[tuple[str, Any]]
    text: str


@dataclass(frozen=True)
class Heard:
    """A call of a step, as the app logged it."""

    step: str
    said: Any
    session: str | None


class Log:
    """The calls of one app's steps, from now on."""

    def __init__(self, path: Path, app: App) -> None:
        self._path, self._app = path, app
        self._since = len(self._lines())

    def _lines(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []

    def calls(self, event: str = "start") -> list[Heard]:
        lines = map(json.loads, self._lines()[self._since :])
        own = [line for line in lines if line["app"] == self._app.name and line["event"] == event]
        return [Heard(line["step"], without_random(line["heard"]), line["session"]) for line in own]

    def heard(self) -> list[tuple[str, Any]]:
        """What the steps that a reply needs were told, but not what siblings and steps after it were."""
        needed = {*self._app.loads, *self._app.steps}
        return [(call.step, call.said) for call in self.calls() if call.step in needed]

    def steps(self, event: str = "start") -> list[str]:
        return [call.step for call in self.calls(event)]


@pytest.fixture(scope="module")
def serve(
    request: pytest.FixtureRequest, fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[dict[str, str], Path]]]:
    """Serve all apps of a Gradio in one process, from the first time that they are needed."""
    is_full = request.config.getoption("full")
    with ExitStack() as stack:

        @functools.cache
        def start(gradio: str) -> tuple[dict[str, str], Path]:
            log = tmp_path_factory.mktemp("asked") / "log.jsonl"
            names = [app.name for app in APPS if gradio in app.gradios and (is_full or app.name in QUICK)]
            arguments = ("--apps", str(APPS_FOLDER), "--log", str(log), *names)
            process = stack.enter_context(fork_servers.running(SERVE, *arguments, gradio=gradio))
            return json.loads(process.printed), log

        yield start


@pytest.fixture
def served(
    request: pytest.FixtureRequest, serve: Callable[[str], tuple[dict[str, str], Path]]
) -> tuple[dict[str, str], Path]:
    """The apps' URLs by name, and their log."""
    return serve(request.param)


pages: dict[tuple[str, str], OnPage] = {}  # asked once, and not on each backend


def asked_on_page(url: str, log: Path, app: App, files: Sequence[Path], system: str | None) -> OnPage:
    """Ask an app's page two questions, the second with other options."""

    async def ask() -> str:
        async with open_page(url) as page:
            await person.ask(page, FIRST, files=files, system=system)
            await person.ask(page, SECOND, options=options_of(app, by_label=True))
            return shown(page)

    on_page = Log(log, app)
    text = anyio.run(ask)
    return OnPage(on_page.heard(), text)


def shown(page: Page) -> str:
    """The text of the latest message in the page's first Chatbot, or else in the component that answers."""
    chatbots = [id_ for id_, component in page.components.items() if component["type"] == "chatbot"]
    if not chatbots:
        texts = [value for value in page.values.values() if isinstance(value, str) and '{"question": ' in value]
        return texts[-1]
    latest = page.values[chatbots[0]][-1]
    content = latest[1] if isinstance(latest, list) else latest["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def file_for(app: App, folder: Path) -> list[Path]:
    """The file that goes with a question, if the app takes one."""
    if app.files is None:
        return []
    file = folder / ("picture.png" if "image" in app.files.lower() else "note.txt")
    file.write_bytes(base64.b64decode(PICTURE) if file.suffix == ".png" else b"Some words.\n")
    return [file]


def options_of(app: App, *, by_label: bool) -> dict[str, Any]:
    return {(one.label if by_label else one.parameter): one.other for one in app.options if one.label}


@pytest.mark.parametrize(("served", "app"), on_gradio(ANSWERING, each=True), indirect=["served"])
async def test_conversation_is_asked_as_on_the_page(
    served: tuple[dict[str, str], Path], app: App, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls, log = served
    version = request.node.callspec.params["served"]
    files, system = file_for(app, tmp_path), None if app.system is None else app.system.other
    if (app.name, version) not in pages:
        ask = functools.partial(asked_on_page, urls[app.name], log, app, files, system)
        pages[app.name, version] = await anyio.to_thread.run_sync(ask)
    on_page = pages[app.name, version]
    ours = Log(log, app)
    async with AsyncQwenClient(urls[app.name]) as client:
        talk = client.conversation(system=system)
        fragments = [fragment async for fragment in talk.stream(FIRST, files=files)]
        text = await talk.ask(SECOND, **options_of(app, by_label=False))
    if app.says:
        assert (len(fragments) > 1) == app.streams
        assert SECOND in text
    if (app.name, version) in FAILS_ON_PAGE:
        return
    if app.memory is Memory.NONE:  # a Conversation writes the turns before into the question, which the page doesn't
        assert [step for step, _ in ours.heard()] == [step for step, _ in on_page.heard]
        return
    if app.name not in OTHER_FORM:
        assert without_repeats(ours.heard()) == without_repeats(on_page.heard)
    assert [step for step, _ in without_repeats(ours.heard())] == [step for step, _ in without_repeats(on_page.heard)]
    if app.says and "tags" not in app.name:
        said, on_the_page = (heard_in(str(without_random(one))) for one in (text, on_page.text))
        asked, asked_there = ([turn[0] for turn in one["earlier"] if turn[0]] for one in (said, on_the_page))
        assert asked == asked_there
        assert {**said, "earlier": None} == {**on_the_page, "earlier": None}
    assert len({call.session for call in ours.calls() if call.step in app.steps}) == 1


def without_repeats(calls: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Leave out what a step hears of an emptied box, whose `change` starts it again on the page."""
    return [(step, said) for step, said in calls if "text" not in said or said["text"] != ""]


@pytest.mark.parametrize(("served", "app"), on_gradio(REFUSED), indirect=["served"])
async def test_hidden_step_that_the_reply_needs_is_refused_by_name(
    served: tuple[dict[str, str], Path], app: App
) -> None:
    with pytest.raises(EndpointNotFound, match="its author allows no calls of"):
        await AsyncQwenClient(served[0][app.name]).ask(FIRST)


GIVEN = [
    {"role": "user", "content": "What is blue?"},
    {"role": "assistant", "content": "The sea."},
    {"role": "user", "content": SECOND},
]


@pytest.mark.parametrize(("served", "app"), on_gradio(ANSWERING, each=True), indirect=["served"])
async def test_given_turns_are_all_heard(served: tuple[dict[str, str], Path], app: App, tmp_path: Path) -> None:
    urls, log = served
    ours = Log(log, app)
    async with AsyncQwenClient(urls[app.name]) as client:
        await client.ask(GIVEN, files=file_for(app, tmp_path))
    said = json.dumps([call.said for call in ours.calls()], ensure_ascii=False)
    assert all(message["content"] in said for message in GIVEN)
    restored = Log(log, app)
    async with AsyncQwenClient(urls[app.name]) as client:
        talk = client.conversation(messages=GIVEN[:2])
        await talk.ask(SECOND, files=file_for(app, tmp_path))
        await talk.ask("And more?")
    sessions = {call.session for call in restored.calls() if call.step in app.steps}
    assert len(sessions) == 1 or not (await recipe_of(urls[app.name])).remembers


async def recipe_of(url: str) -> Recipe:
    async with AsyncQwenClient(url) as client:
        return (await client.inspect()).recipe


GOING_ON = {"llama_chat", "then_with_box", "vicuna_state", "agent_status"}  # after a failure by `.then`, to an answer
FAILING = [app for app in ANSWERING if app.name not in {"arena_two_listeners", "hidden_change"}]


@pytest.mark.parametrize(("served", "app"), on_gradio(FAILING, each=True), indirect=["served"])
async def test_failure_in_a_step_is_raised_with_its_name_and_the_text_so_far(
    served: tuple[dict[str, str], Path], app: App, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls, _ = served
    files = file_for(app, tmp_path)
    goes_on = request.node.callspec.params["served"] != "6" and app.name in GOING_ON
    async with AsyncQwenClient(urls[app.name], retries=0) as client:
        for step in app.steps[-1:] if goes_on else app.steps:
            reply = client.stream(f"Please fail in {step}", files=files)
            fragments: list[str] = []
            with pytest.raises(AppRaised) as caught:
                fragments.extend([fragment async for fragment in reply])
            assert caught.value.partial == reply.text
            if len(app.steps) > 1:
                assert caught.value.step.startswith(f"/{step}")
            is_last = step == app.steps[-1]
            has_text = is_last and app.streams and app.says and not app.answers_with
            assert bool(reply.text or reply.thinking) == has_text


STOPPED = [app for app in ANSWERING if app.streams and app.says and len(app.steps) < 4]


@pytest.mark.parametrize(("served", "app"), on_gradio(STOPPED, each=True), indirect=["served"])
async def test_reply_closed_early_stops_its_step_and_the_next_question_has_another_session(
    served: tuple[dict[str, str], Path], app: App, tmp_path: Path
) -> None:
    urls, log = served
    files = file_for(app, tmp_path)
    ours = Log(log, app)
    async with AsyncQwenClient(urls[app.name]) as client:
        talk = client.conversation()
        async with talk.stream("Why so slowly?", files=files) as reply:
            await anext(aiter(reply))
        last = app.steps[-1]
        assert await anyio.to_thread.run_sync(eventually, lambda: last in ours.steps("stopped"))
        assert last not in ours.steps("end")
        await talk.ask(SECOND, files=files)
    sessions = {call.step: {one.session for one in ours.calls() if one.step == call.step} for call in ours.calls()}
    assert all(len(sessions[step]) == 2 for step in app.steps)


CHAINS = [app for app in ANSWERING if len(app.steps) > 1]


@pytest.mark.parametrize(("served", "app"), on_gradio(CHAINS, each=True), indirect=["served"])
async def test_reply_closed_in_a_step_runs_no_later_step(
    served: tuple[dict[str, str], Path], app: App, tmp_path: Path
) -> None:
    urls, log = served
    files = file_for(app, tmp_path)
    async with AsyncQwenClient(urls[app.name]) as client:
        for number, step in enumerate(app.steps[:-1]):
            ours = Log(log, app)
            reply = client.stream(f"Please wait in {step}", files=files)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(close_once, reply, functools.partial(has_begun, ours, step))
                fragments = [fragment async for fragment in reply]
            assert await anyio.to_thread.run_sync(eventually, functools.partial(has_ended, ours, step))
            assert fragments == []
            assert not {*app.steps[number + 1 :]} & {*ours.steps()}


def has_begun(log: Log, step: str) -> bool:
    return step in log.steps()


def has_ended(log: Log, step: str) -> bool:
    return step in [*log.steps("end"), *log.steps("stopped")]


async def close_once(reply: Reply, condition: Callable[[], bool]) -> None:
    assert await anyio.to_thread.run_sync(eventually, condition)
    await reply.aclose()


@pytest.mark.parametrize(("served", "app"), on_gradio([BY_NAME["arena_chain"]]), indirect=["served"])
async def test_option_selects_another_chatbot(served: tuple[dict[str, str], Path], app: App) -> None:
    async with AsyncQwenClient(served[0][app.name]) as client:
        recipe = await recipe_of(served[0][app.name])
        (choices,) = (option.choices for option in recipe.options if option.name == "chatbot")
        assert choices is not None
        texts = [await client.ask(FIRST, chatbot=choice) for choice in choices]
    assert len({*texts}) == 2


@pytest.mark.parametrize(("served", "app"), on_gradio([BY_NAME["after_raises"]]), indirect=["served"])
async def test_step_after_the_reply_that_raises_is_logged_and_nothing_waits_for_it(
    served: tuple[dict[str, str], Path], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncQwenClient(served[0][app.name]) as client:
        events = [event async for event in client.stream(FIRST).events()]
        assert isinstance(events[-1], Finished)
        assert isinstance(events[-2], Fragment)
        assert await anyio.to_thread.run_sync(eventually, lambda: "a step after the reply failed" in caplog.text)

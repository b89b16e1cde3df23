"""A driver that asks an app over HTTP as the app's page does: a value for each component, events, and their listeners.

Its truth is what the pages' own JavaScript does, in Gradio's `js/core/src`: `Blocks.svelte` of 4.44 and 5.50, and
`dependency.ts` of 6. `recorded.py` has what that does in Chromium, to compare with. What differs:

- Of several listeners to one event 4 and 5 start all at once; 6 starts one when the one before has ended.
- After a listener that is JavaScript alone 4 and 5 start nothing; 6 goes on with those that follow it.
- After an error 4 and 5 go on with `.then` and `.failure`; 6 with `.failure` alone.
- A State that changed starts in 4 and 5 all its listeners, whatever the event; in 6 those to `change`.
- What is in a tab counts in 5 as not to be seen, and is told of a change once more; a State there, of its first output.
- A BrowserState is told of a change in 6 when the page is opened.

JavaScript isn't run: a listener that is JavaScript alone leaves its outputs as they are, and one whose JavaScript feeds
its function raises, unless it gives its arguments back. Text is pasted rather than typed: one `change` for all of it.
Nothing is cancelled, as each action waits until all that it started has ended; and there is no heartbeat, by which a
server learns that a page was closed.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx

from .server import Server, Update, read_json

LONGEST_SECONDS = 60
EMPTY: dict[str, Any] = {"textbox": "", "multimodaltextbox": {"text": "", "files": []}}  # what they make of no value
IDENTITY = re.compile(r"\s*\(?\s*(?P<names>[\w\s,.]*?)\s*\)?\s*=>\s*\[?\s*(?P=names)\s*\]?\s*;?\s*")

Listener = dict[str, Any]


@dataclass
class Step:
    """A call that the page made.

    Attributes:
        fn_index: the listener's id.
        data: its inputs, as they were sent; the server looks at none of a State.
        trigger_id: the component whose event it goes back to.
        error: what went wrong.
    """

    fn_index: int
    data: list[Any]
    trigger_id: int | None
    error: str | None = None
    in_turn: Sequence[Listener] = field(default=(), repr=False)  # to the same event, and start when this has ended


class Page:
    """An app's page.

    Attributes:
        components: those of `/config`, by their ids.
        values: what each component holds.
        history: the calls, in their order.
        snapshots: each value that a Chatbot has shown, by its id.
    """

    def __init__(self, server: Server, config: dict[str, Any]) -> None:
        self.server = server
        self.config = config
        self.gradio = int(config["version"].partition(".")[0])
        self.components: dict[int, dict[str, Any]] = {}
        self.values: dict[int, Any] = {}
        self.listeners: dict[int, Listener] = {}
        self.history: list[Step] = []
        self.snapshots: dict[int, list[Any]] = defaultdict(list)
        self._tasks: anyio.abc.TaskGroup
        self._running: dict[int, int] = defaultdict(int)
        self._deferred: dict[int, tuple[int | None, list[Any]]] = {}
        self._in_tabs = set(_in_tabs(config["layout"], {each["id"]: each["type"] for each in config["components"]}))
        self._written: set[int] = set()
        self._add(config["components"], config["dependencies"])

    @property
    def errors(self) -> list[Step]:
        """The calls that failed."""
        return [step for step in self.history if step.error is not None]

    def chatbot(self, number: int = 0) -> Any:
        """Give what a Chatbot holds."""
        chatbots = [id_ for id_, component in self.components.items() if component["type"] == "chatbot"]
        return self.values[chatbots[number]]

    async def load(self) -> None:
        """Run what runs when the page is opened."""
        async with self._until_all_have_ended():
            for component in [each for each in self.components.values() if each["type"] == "browserstate"]:
                if self.gradio >= 6 and self.values[component["id"]] is not None:
                    await self._fire("change", component["id"])
        async with self._until_all_have_ended():
            for listener in list(self.listeners.values()):
                if ids := [id_ for id_, event in listener["targets"] if event == "load"]:
                    await self._start_all([listener], ids[0] if self.gradio >= 6 else None)

    async def set(self, component: int, value: Any) -> None:
        """Give a component a value, as a person does."""
        async with self._until_all_have_ended():
            if self._assign(component, value):
                await self._fire("change", component)
            if self.gradio < 6 or self.components[component]["type"] not in EMPTY:
                await self._fire("input", component)

    async def upload(self, component: int, paths: Sequence[Path]) -> None:
        """Upload files, and put them in a component."""
        files = await self.server.upload(paths)
        value = self.values[component]
        if self.components[component]["type"] == "multimodaltextbox":
            await self.set(component, {**value, "files": [*value["files"], *files]})
        else:
            is_one = self.components[component]["props"].get("file_count", "single") == "single"
            await self.set(component, files[0] if is_one else files)
        async with self._until_all_have_ended():
            await self._fire("upload", component)

    async def submit(self, box: int) -> None:
        """Press Enter in a box."""
        async with self._until_all_have_ended():
            await self._fire("submit", box)
            if self.gradio >= 6 and self.components[box]["type"] == "textbox":
                await self._fire("input", box)  # any key is input, and a paste is none

    async def click(self, button: int) -> None:
        """Click a button."""
        async with self._until_all_have_ended():
            await self._fire("click", button)

    @contextlib.asynccontextmanager
    async def _until_all_have_ended(self) -> AsyncIterator[None]:
        with anyio.fail_after(LONGEST_SECONDS):
            async with anyio.create_task_group() as self._tasks:
                yield

    async def _fire(self, event: str, component: int) -> None:
        listeners = [listener for listener in self.listeners.values() if [component, event] in listener["targets"]]
        await self._start_all(listeners, component)

    async def _start_all(self, listeners: Sequence[Listener], trigger: int | None) -> None:
        """Start the listeners of one event."""
        started = [(listener, self._inputs(listener)) for listener in listeners]
        for number, (listener, inputs) in enumerate(started):
            step = await self._start(listener, trigger, inputs)
            if step and self.gradio >= 6:
                step.in_turn = listeners[number + 1 :]
                return

    async def _start(self, listener: Listener, trigger: int | None, inputs: list[Any]) -> Step | None:
        """Start a listener, if it is one that is called now."""
        if not listener["backend_fn"] or (self.gradio >= 6 and listener.get("js_implementation")):
            if self.gradio >= 6:
                await self._start_followers(listener, Update(is_last=True), trigger)
            return None
        if isinstance(listener.get("js"), str) and not IDENTITY.fullmatch(listener["js"]):
            raise NotImplementedError(f"the inputs of listener {listener['id']} come from JavaScript: {listener['js']}")
        if self._running[listener["id"]] and listener.get("trigger_mode") != "multiple":
            if listener.get("trigger_mode") == "always_last":
                self._deferred[listener["id"]] = (trigger, inputs)
            return None
        return await self._call(listener, trigger, inputs)

    async def _call(self, listener: Listener, trigger: int | None, inputs: list[Any]) -> Step:
        step = Step(listener["id"], inputs, trigger)
        self.history.append(step)
        self._running[step.fn_index] += 1
        body = {"data": inputs, "event_data": None, "fn_index": step.fn_index, "trigger_id": trigger}
        is_queued = self.config.get("enable_queue") if listener["queue"] is None else listener["queue"]
        updates = await self.server.join(body, self._tasks) if is_queued else self.server.call(body)
        self._tasks.start_soon(self._receive, listener, step, updates)
        return step

    async def _receive(self, listener: Listener, step: Step, updates: AsyncIterator[Update]) -> None:
        async for update in updates:
            changed = self._apply(listener, update)
            if update.is_last or update.error is not None:
                step.error = update.error
                self._running[step.fn_index] -= 1
                await self._start_followers(listener, update, step.trigger_id)
                await self._start_deferred(listener)
                await self._start_all(step.in_turn, step.trigger_id)
            else:
                await self._start_listeners_to_states(update.state_ids, step.trigger_id)
                if self.gradio < 6:
                    await self._start_deferred(listener)
            for component in changed:
                await self._fire("change", component)

    async def _start_deferred(self, listener: Listener) -> None:
        if waiting := self._deferred.pop(listener["id"], None):
            trigger, inputs = waiting
            await self._call(listener, trigger, self._inputs(listener) if self.gradio >= 6 else inputs)

    async def _start_followers(self, listener: Listener, update: Update, trigger: int | None) -> None:
        """Start what follows a listener that has ended, and what listens to the States that it changed."""
        followers = [other for other in self.listeners.values() if other.get("trigger_after") == listener["id"]]
        if update.error is None:
            followers = [other for other in followers if not other.get("trigger_only_on_failure")]
        elif self.gradio >= 6:
            followers = [other for other in followers if other["trigger_only_on_failure"]]
        else:
            followers = [other for other in followers if not other["trigger_only_on_success"]]
        on_success = [other for other in followers if self.gradio >= 6 and other["trigger_only_on_success"]]
        for follower in on_success:
            await self._start_all([follower], trigger)
        await self._start_listeners_to_states(update.state_ids, trigger)
        for follower in followers:
            if follower not in on_success:
                await self._start_all([follower], trigger)

    async def _start_listeners_to_states(self, states: Iterable[int], trigger: int | None) -> None:
        for state in states:
            for listener in list(self.listeners.values()):
                if any(id_ == state and (event == "change" or self.gradio < 6) for id_, event in listener["targets"]):
                    await self._start_all([listener], state if self.gradio >= 6 else trigger)

    def _inputs(self, listener: Listener) -> list[Any]:
        return [copy.deepcopy(self.values.get(component)) for component in listener["inputs"]]

    def _apply(self, listener: Listener, update: Update) -> list[int]:
        """Show what a call gave, and give the components whose values it changed."""
        if update.render:
            self._render(update.render)
        changed = []
        for component, value in zip(listener["outputs"], update.data or [], strict=False):
            if isinstance(value, dict) and value.get("__type__") == "update":
                self.components[component]["props"].update(value)
                if "value" not in value:
                    continue
                value = value["value"]
            is_other = self._assign(component, value)
            if self.gradio == 5 and component in self._in_tabs:
                is_first = self.components[component]["type"] == "state" and component not in self._written
                changed += [component] * (is_other or is_first)
                self._written.add(component)
            changed += [component] * is_other
        return changed

    def _assign(self, component: int, value: Any) -> bool:
        """Put a value in a component, and tell whether it is another than before."""
        kind = self.components[component]["type"]
        value = copy.deepcopy(EMPTY.get(kind) if value is None else value)
        before, self.values[component] = self.values[component], value
        if kind == "state" or value == before:
            return False  # whether a State has changed the server tells
        if kind == "chatbot":
            self.snapshots[component].append(copy.deepcopy(value))
        return True

    def _render(self, render: dict[str, Any]) -> None:
        """Put what a `gr.render` gave in the place of what it gave before."""
        rendered = render["render_id"]
        self.listeners = {id_: it for id_, it in self.listeners.items() if it.get("rendered_in") != rendered}
        self._add(render["components"], render["dependencies"])

    def _add(self, components: list[dict[str, Any]], listeners: list[Listener]) -> None:
        for component in components:
            self.components[component["id"]] = component
            self.values[component["id"]] = _first_value(component)
        for index, listener in enumerate(listeners):
            listener = {"id": index, **listener, "targets": [list(target) for target in listener["targets"]]}
            self.listeners[listener["id"]] = listener


def _in_tabs(node: dict[str, Any], kinds: dict[int, str], is_in_one: bool = False) -> Iterator[int]:
    """Give the components that are in a tab."""
    is_in_one = is_in_one or kinds.get(node["id"]) == "tabitem"
    if is_in_one:
        yield node["id"]
    for child in node.get("children") or ():
        yield from _in_tabs(child, kinds, is_in_one)


def _first_value(component: dict[str, Any]) -> Any:
    props, kind = component["props"], component["type"]
    value = props.get("default_value") if kind == "browserstate" else props.get("value")
    return copy.deepcopy(EMPTY.get(kind) if value is None else value)


@contextlib.asynccontextmanager
async def open_page(url: str) -> AsyncIterator[Page]:
    """Open an app's page, and run what runs then."""
    async with httpx.AsyncClient(trust_env=False, timeout=LONGEST_SECONDS) as http:
        config = read_json((await http.get(f"{url.rstrip('/')}/config")).raise_for_status().text)
        page = Page(Server(http, url, config.get("api_prefix") or ""), config)
        await page.load()
        yield page

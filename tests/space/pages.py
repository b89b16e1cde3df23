"""Descriptions of Spaces, built up as Gradio writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qwen_gradio.space.choice import find_recipe
from qwen_gradio.space.page import Page, parse_page
from qwen_gradio.space.recipe import Recipe
from qwen_gradio.space.session import PageSession, Step
from qwen_gradio.text.messages import Chat


class PageBuilder:
    """The `/config` and `/info` of a Space, to which components and listeners are added; each has its id."""

    def __init__(self, version: str = "6.0.0") -> None:
        self.config: dict[str, Any] = {"version": version, "components": [], "dependencies": []}
        self.info: dict[str, Any] = {"named_endpoints": {}}

    def component(self, type_: str, *, skipped: bool | None = None, **props: Any) -> int:
        id_ = len(self.config["components"])
        is_skipped = type_ in ("state", "button") if skipped is None else skipped
        self.config["components"].append({"id": id_, "type": type_, "skip_api": is_skipped, "props": props})
        return id_

    def listener(
        self,
        name: str | bool,
        inputs: Sequence[int] = (),
        outputs: Sequence[int] = (),
        *events: tuple[int | None, str],
        after: int | None = None,
        is_documented: bool = True,
        streams: bool = False,
        **more: Any,
    ) -> int:
        id_ = len(self.config["dependencies"])
        then = [] if after is None else [[None, "then"]]
        self.config["dependencies"].append(
            {
                "id": id_,
                "api_name": name,
                "inputs": [*inputs],
                "outputs": [*outputs],
                "targets": [*map(list, events), *then],
                "trigger_after": after,
                "types": {"generator": streams},
                **more,
            }
        )
        if is_documented and isinstance(name, str) and more.get("backend_fn") is not False:
            shown = [[self._documented(one) for one in side if not self._is_skipped(one)] for side in (inputs, outputs)]
            self.info["named_endpoints"][f"/{name}"] = {"parameters": shown[0], "returns": shown[1]}
        return id_

    def _is_skipped(self, id_: int) -> bool:
        return bool(self.config["components"][id_]["skip_api"])

    def _documented(self, id_: int) -> dict[str, Any]:
        component = self.config["components"][id_]
        return {"parameter_name": f"{component['type']}_{id_}", "label": "", "component": component["type"].title()}

    def page(self) -> Page:
        return parse_page(self.config, self.info)

    def recipe(self, **options: Any) -> Recipe:
        return find_recipe(self.config, self.info, **options)

    def session(self, question: str = "hi", **options: Any) -> PageSession:
        """A session that was asked a question."""
        session = PageSession(self.recipe(**options))
        session.ask(Chat(None, (), question), {})
        return session


def expect_step(session: PageSession) -> Step:
    step = session.next_step()
    assert step is not None
    return step


def run(session: PageSession, **outputs: Any) -> list[str]:
    """Run the steps of a reply, each with the output of its name, or an exception of the app; return their names."""
    names = []
    while (step := session.next_step()) is not None:
        names.append(step.listener.name)
        finish(session, step, outputs)
    return names


def run_after(session: PageSession, **outputs: Any) -> list[str]:
    """Run the steps after a reply in the same way."""
    names = []
    while (step := session.next_step_after()) is not None:
        names.append(step.listener.name)
        finish(session, step, outputs)
    return names


def finish(session: PageSession, step: Step, outputs: dict[str, Any]) -> None:
    values = [None] * len(step.listener.returned)
    output = outputs.get(step.listener.name.strip("/"), values[0] if len(values) == 1 else values)
    if isinstance(output, Exception):
        session.fail(step)
    else:
        session.read(step, output)
        session.succeed(step, output)

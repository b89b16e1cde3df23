"""Asks apps in Chromium as plans say, and prints what its page posted and showed. It runs where Playwright is.

Each line of standard input is a plan as JSON: {"url": …, "actions": [[action, …], …], "chatbots": [id, …], "kinds":
{id: type}}, with a list of actions for each question, which `person.py` describes. For each a line of JSON is printed:
{"opening": [post, …], "questions": [{"posts": [post, …], "shown": [text, …]}, …]}.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

# Playwright is in an environment of its own.
from playwright.sync_api import (  # type: ignore[import-not-found]
    Browser,
    Locator,
    Page,
    Request,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Gradio 6 gives only those elements an id whose components have one.
GIVE_IDS = """
let config;
Object.defineProperty(window, "gradio_config", {
    get: () => config,
    set: (given) => {
        for (const component of given.components) component.props.elem_id = `component-${component.id}`;
        config = given;
    },
});
"""
BOX = "textarea, input[type=text], input[type=password], input[type=email]"
POSTS = ("/queue/join", "/run/predict", "/api/predict")
QUIET_SECONDS, LONGEST_SECONDS = 0.7, 120.0


class Requests:
    """What the page has posted, and what it still waits for."""

    def __init__(self, page: Page) -> None:
        self.posts: list[dict[str, Any]] = []
        self._page = page
        self._open: list[Request] = []
        self._changed = time.monotonic()
        page.on("request", self._began)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def wait(self) -> list[dict[str, Any]]:
        """Wait until the page asks for nothing any more, and give what it posted since the last time."""
        deadline = time.monotonic() + LONGEST_SECONDS
        self._changed = time.monotonic()
        while self._open or time.monotonic() - self._changed < QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still open: {[request.url for request in self._open]}")
            self._page.wait_for_timeout(50)
        posts, self.posts = self.posts, []
        return posts

    def _began(self, request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1") or "/heartbeat/" in request.url:
            return  # the heartbeat lasts as long as the page
        self._changed = time.monotonic()
        self._open.append(request)
        if request.method == "POST" and any(path in request.url for path in POSTS):
            self.posts.append(json.loads(request.post_data))

    def _ended(self, request: Request) -> None:
        if request in self._open:
            self._changed = time.monotonic()
            self._open.remove(request)


def act(page: Page, kind: str, action: dict[str, Any]) -> None:
    """Do one thing to a component."""
    where = page.locator(f"#component-{action['component']}")
    if not where.is_visible():
        for accordion in page.locator("button.label-wrap:not(.open)").all():
            accordion.click()
        page.wait_for_timeout(500)  # what was in them comes with the values that it had at first
    if "text" in action:
        where.locator(BOX).last.fill(action["text"])
    elif "files" in action:
        where.locator("input[type=file]").first.set_input_files(action["files"])
    elif "value" in action:
        set_value(page, where, kind, action["value"])
    elif "press" in action:
        where.locator(BOX).last.press(action["press"])
    else:
        where.click()


def set_value(page: Page, where: Locator, kind: str, value: Any) -> None:
    """Set an option."""
    if kind == "checkbox":
        where.locator("input").set_checked(value)
    elif kind == "radio":
        where.get_by_label(value, exact=True).check()
    elif kind == "dropdown":
        where.locator("input").click()
        page.get_by_role("option", name=value, exact=True).click()
    else:
        where.locator("textarea, input[type=number], input").first.fill(str(value))


def shown(page: Page, chatbots: list[int]) -> list[str]:
    """Read what the model said in the Chatbots, as it stands on the page."""
    texts: list[str] = []
    for chatbot in chatbots:
        texts += page.locator(f"#component-{chatbot} [data-testid=bot]").all_inner_texts()
    return texts


def ask(browser: Browser, plan: dict[str, Any]) -> dict[str, Any]:
    """Do what a plan says to a page of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 1200})
    page = context.new_page()
    page.add_init_script(GIVE_IDS)
    requests = Requests(page)
    page.goto(plan["url"])
    recorded: dict[str, Any] = {"opening": requests.wait(), "questions": []}
    for actions in plan["actions"]:
        posts = []
        for action in actions:
            act(page, plan["kinds"][str(action["component"])], action)
            posts += requests.wait()
        recorded["questions"].append({"posts": posts, "shown": shown(page, plan["chatbots"])})
    context.close()
    return recorded


def main() -> None:
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        for line in sys.stdin:
            print(json.dumps(ask(browser, json.loads(line))), flush=True)  # noqa: T201 - what it is run for


if __name__ == "__main__":
    main()

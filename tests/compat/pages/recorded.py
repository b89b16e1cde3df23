"""What Chromium's page did for each app, kept in `fixtures`, and what the driver does, to compare with it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...environments import python_with
from . import person
from .page import Page, open_page

FIXTURES = Path(__file__).parents[1] / "fixtures"
SERVE = Path(__file__).parents[2] / "servers" / "serve.py"
APPS_FOLDER = Path(__file__).parents[1] / "apps"
BROWSER = Path(__file__).with_name("browser.py")
CHROMIUM = Path("/usr/bin/chromium")
# What differs each time: the server's address, its folders, and names made at random.
AT_RANDOM = (
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "SERVER"),
    (re.compile(r"/[^\s\"'=]*/gradio/[0-9a-f]{20,}/"), "FOLDER/"),
    (re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b"), "RANDOM"),
)

Post = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """What a page did.

    Attributes:
        posts: the calls that it made when it was opened and after each question, in their order.
        shown: what its Chatbots showed of the model after each question, white space aside.
    """

    posts: list[list[Post]]
    shown: list[list[str]]

    def save(self, path: Path) -> None:
        """Write it as JSON, with a line for each call and text."""
        lists = {name: ",\n".join(map(_lines, kept)) for name, kept in vars(self).items()}
        parts = ",\n".join(f'"{name}": [\n{lines}\n]' for name, lines in lists.items())
        path.write_text(f"{{\n{parts}\n}}\n")

    @classmethod
    def load(cls, path: Path) -> Recording:
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Driven:
    """What the driver did, and what Chromium needs to do the same."""

    recording: Recording
    plan: dict[str, Any]
    follows: Mapping[int, int | None]

    def in_order(self, recording: Recording) -> list[list[Post]]:
        """Give the calls with those that run at once in one order: that of what they follow, then of their numbers."""
        return [self._ordered(posts) for posts in recording.posts]

    def _ordered(self, posts: list[Post]) -> list[Post]:
        began = [self._path(post)[0] for post in posts]
        return sorted(posts, key=lambda post: (began.index(self._path(post)[0]), self._path(post)))

    def _path(self, post: Post) -> list[int]:
        steps = [post["fn_index"]]
        while (before := self.follows.get(steps[0])) is not None:
            steps.insert(0, before)
        return steps

    def unseen(self, recording: Recording) -> list[list[str]]:
        """Give the texts that it should have shown and that the other didn't."""
        pairs = zip(self.recording.shown, recording.shown, strict=True)
        return [[text for text in ours if not _is_among(text, theirs)] for ours, theirs in pairs]


async def drive(url: str, questions: Sequence[Mapping[str, Any]]) -> Driven:
    """Ask an app's page questions with the driver, each as `person.actions` takes it."""
    async with open_page(url) as page:
        chatbots = [id_ for id_ in person.visible(page) if page.components[id_]["type"] == "chatbot"]
        kinds = {id_: component["type"] for id_, component in page.components.items()}
        recording, asked = Recording([_calls(page, kinds, 0)], []), []
        for question in questions:
            before = len(page.history)
            try:
                asked.append(person.actions(page, **question))
            except LookupError:
                if not asked:
                    raise
                break  # a page may be left without a box to type in, after an error
            for action in asked[-1]:
                await person.act(page, action)
            recording.posts.append(_calls(page, kinds, before))
            recording.shown.append([text for id_ in chatbots for text in _answers(page.values[id_])])
        follows = {id_: listener["trigger_after"] for id_, listener in page.listeners.items()}
        return Driven(recording, {"url": url, "actions": asked, "chatbots": chatbots, "kinds": kinds}, follows)


class Browser:
    """Chromium, which asks pages the same."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, driven: Driven) -> Recording:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(driven.plan), file=self._process.stdin, flush=True)
        recorded = json.loads(self._process.stdout.readline() or "null")
        if recorded is None:
            raise RuntimeError("the browser has ended, and its standard error says why")
        kinds: dict[int, str] = driven.plan["kinds"]
        posts = [recorded["opening"], *(question["posts"] for question in recorded["questions"])]
        shown = [_words(question["shown"]) for question in recorded["questions"]]
        return Recording([[_post(kinds, **post) for post in some] for some in posts], shown)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium, in an environment that has Playwright."""
    with subprocess.Popen(
        [python_with("chromium"), str(BROWSER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Browser(process)


def _calls(page: Page, kinds: Mapping[int, str], since: int) -> list[Post]:
    return [_post(kinds, step.fn_index, step.data, step.trigger_id) for step in page.history[since:]]


def _post(kinds: Mapping[int, str], fn_index: int, data: list[Any], trigger_id: int | None, **_: object) -> Post:
    trigger = None if trigger_id is None else kinds.get(trigger_id, "page")
    return {"fn_index": fn_index, "trigger": trigger, "data": without_random(data)}


def without_random(value: Any) -> Any:
    """Put a word in the place of what differs each time."""
    if isinstance(value, dict):
        return {key: without_random(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_random(item) for item in value]
    if isinstance(value, str):
        for pattern, word in AT_RANDOM:
            value = pattern.sub(word, value)
    return value


def _answers(chatbot: list[Any] | None) -> list[str]:
    """Give the texts of the model in a Chatbot, but for those under a title, which the page folds."""
    texts: list[Any] = []
    for item in chatbot or []:
        if isinstance(item, list):
            texts.append(item[1])
        elif item["role"] == "assistant" and not (item.get("metadata") or {}).get("title"):
            content = item["content"]
            texts += [part.get("text") for part in content] if isinstance(content, list) else [content]
    return _words(text for text in texts if isinstance(text, str))


def _lines(items: Sequence[Any]) -> str:
    lines = ",".join(f"\n {json.dumps(item, ensure_ascii=False)}" for item in items)
    return f"[{lines}\n]" if items else "[]"


def _words(texts: Iterable[str]) -> list[str]:
    return [str(without_random(" ".join(text.split()))) for text in texts]


def _is_among(text: str, shown: list[str]) -> bool:
    """Whether a text is shown, if need be without elements like <think>, which pages before 6 leave out."""
    without = re.sub(r"<(\w+)>.*?(</\1>|$)", "", text)
    return not {_squeezed(text), _squeezed(without)}.isdisjoint(map(_squeezed, shown))


def _squeezed(text: str) -> str:
    """Leave out white space, and backslashes, which Markdown takes away."""
    return re.sub(r"[\s\\]", "", text)

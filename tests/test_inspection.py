"""What `inspect` tells of a page: the words, the JSON, and the calls that ask it, which a real app answers."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qwen_gradio import CannotConnect, EndpointNotFound, Inspection, QwenClient
from qwen_gradio.cli.options import parse_option
from qwen_gradio.space import choice
from qwen_gradio.space.outline import Source, outline
from qwen_gradio.space.ranking import RULES
from qwen_gradio.space.recipe import Recipe
from qwen_gradio.space.schedule import Moment

from .cli.command import run
from .conftest import eventually
from .servers.forked import ForkServers
from .space.test_recipe import Page, qwen_page, text_page

FOLDER = Path(__file__).parent / "compat" / "apps"
SERVE = Path(__file__).parent / "servers" / "serve.py"


def inspection(page: Page, *, api_name: str | None = None, space: str = "a/b") -> Inspection:
    names = tuple(page.info["named_endpoints"])
    return Inspection(space, "https://a-b.hf.space", "6.0.0", page.recipe(api_name=api_name), names, (), api_name)


def starts(page: Page, listener: int, component: int | None, event: str) -> None:
    page.config["dependencies"][listener].setdefault("targets", []).append([component, event])


def document_page() -> Page:
    """A page with a step at each moment: on opening, on a file, three for the question, one after, and a hidden one."""
    page = Page()
    session, chatbot = page.component("state"), page.component("chatbot", label="Chat")
    message, document = page.component("textbox"), page.component("file", file_types=[".pdf"])
    heat, note = page.component("slider", value=0.5, minimum=0, maximum=1), page.component("markdown")
    index = page.component("state")
    opened = page.endpoint("start_session", {}, [session], streams=False)
    starts(page, opened, None, "load")
    indexed = page.endpoint("index_document", {"document": document}, [index], streams=False)
    starts(page, indexed, document, "upload")
    user = page.endpoint("user", {"message": message, "history": chatbot}, [message, chatbot], streams=False)
    starts(page, user, message, "submit")
    asked = {"history": chatbot, "session": session, "index": index, "temperature": heat}
    bot = page.endpoint("bot", asked, [chatbot], after=user)
    page.endpoint("log", {"history": chatbot}, [note], streams=False, after=bot)
    hidden = page.endpoint("save", {"history": chatbot}, [note], streams=False, after=bot, hidden=True)
    page.config["dependencies"][hidden]["api_name"] = False
    failed = page.endpoint("refuse", {}, [note], streams=False, after=bot)
    page.config["dependencies"][failed]["trigger_only_on_failure"] = True
    page.endpoint("retry", {"history": chatbot}, [chatbot])
    return page


WORDS = """\
Space        a/b
URL          https://a-b.hf.space
Gradio       6.0.0
question     taken by /user on the submit of message
chosen       before /retry by rule 3: neither the step nor its button is named for maintenance (clear, retry, …)
reply        from /bot, in the Chatbot "Chat" (role dicts with parts), as it grows
turns        in the Chatbot, sent with each question
given turns  in the Chatbot
system       in the question, as one prompt
files        document takes one of .pdf
endpoints    there are also /start_session, /index_document, /user, /log, /refuse, /retry

Steps
  on opening the page   /start_session()
  when document is set  /index_document(document)
  1.                    /user(message, history)
  2.                    /bot(history, State, State 6, temperature) -> the reply
  after the reply       /log(history), whose errors are only logged
  if /bot fails         /refuse(), whose errors are only logged
  left out              function 5(history), as its author hid it

Inputs
  document     file     the question's files; option: gradio_client.handle_file(path or URL); None by default
  message      textbox  the question
  history      chatbot  the turns before; what /user wrote
  State        state    a State in the session on the Space, written by /start_session
  State 6      state    a State in the session on the Space, written by /index_document
  temperature  slider   option: any JSON value from 0 to 1; 0.5 by default

Command
  qwen-gradio --space a/b -o temperature=0.5 'Hello?'

Python
  from qwen_gradio import QwenClient

  with QwenClient('a/b') as client:
      print(client.ask("Hello?", temperature=0.5))"""


def test_describe_page_with_a_step_at_each_moment_tells_all_of_them() -> None:
    described = inspection(document_page())
    assert described.describe().splitlines() == WORDS.splitlines()
    assert str(described) == described.describe()


def chain_page() -> Page:
    page = Page()
    chatbot, message = page.component("chatbot"), page.component("textbox")
    user = page.endpoint("user", {"message": message, "history": chatbot}, [message, chatbot], streams=False)
    page.endpoint("bot", {"history": chatbot}, [chatbot], after=user)
    return page


def test_as_dict_is_json_of_the_same_steps() -> None:
    described = inspection(document_page())
    plain = described.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert [(step["when"], step["name"]) for step in plain["steps"]] == [
        (Moment.OPENED, "/start_session"),
        (Moment.SET, "/index_document"),
        (Moment.SENT, "/user"),
        (Moment.SENT, "/bot"),
        (Moment.REPLIED, "/log"),
        (Moment.REPLIED, "/refuse"),
        (Moment.NEVER, "function 5"),
    ]
    bot = plain["steps"][3]
    assert {one["name"]: one["sources"] for one in bot["inputs"]} == {
        "history": [Source.STEP],
        "State": [Source.SESSION],
        "State 6": [Source.SESSION],
        "temperature": [Source.OPTION],
    }
    assert plain["chosen"]["rule"] == 3
    assert plain["event"] == {"component": "message", "event": "submit"}
    assert plain["files"] == [{"input": "document", "types": [".pdf"], "takes_many": False}]
    assert (plain["command"], plain["python"]) == (described.command, described.python)


@pytest.mark.parametrize(
    ("page", "api_name", "chosen"),
    [
        pytest.param(text_page(), None, "the only way to ask it", id="one way"),
        pytest.param(qwen_page(), None, f"before /model_chat_1 by rule 12: {RULES[11]}", id="two alike"),
        pytest.param(qwen_page(), "/model_chat_1", "by its name; the only way to ask it", id="by name"),
        pytest.param(chain_page(), None, f"before /bot alone by rule 6: {RULES[5]}", id="a chain"),
    ],
)
def test_chosen_names_the_first_rule_that_decides(page: Page, api_name: str | None, chosen: str) -> None:
    assert inspection(page, api_name=api_name).as_dict()["chosen"]["reason"] == chosen


@pytest.mark.parametrize(
    ("rule", "worse"),
    [(1, "private"), (2, "undocumented"), (3, "retry"), (5, "at once"), (8, "without box"), (9, "without history")],
)
def test_chosen_before_a_worse_way_tells_its_rule(rule: int, worse: str) -> None:
    page = Page()
    chatbot, box = page.component("chatbot"), page.component("textbox")
    inputs = {"message": box, "history": chatbot}
    inputs.pop({"without box": "message", "without history": "history"}.get(worse, ""), None)
    is_hidden = worse in ("private", "undocumented")
    name = "retry" if worse == "retry" else "other"
    other = page.endpoint(name, inputs, [chatbot], hidden=is_hidden, streams=worse != "at once")
    if worse == "private":
        page.config["dependencies"][other]["api_visibility"] = "private"
    page.endpoint("respond", {"message": box, "history": chatbot}, [chatbot])
    assert (page.recipe().api_name, page.recipe().decision.rule) == ("/respond", rule)


def test_rules_are_those_that_find_recipe_documents() -> None:
    numbered = re.findall(r"^ +(\d+)\. (.*)$", choice.find_recipe.__doc__ or "", re.MULTILINE)
    assert numbered == [(str(number), rule) for number, rule in enumerate(RULES, 1)]


def page_with(*, history: bool, memory: bool) -> Page:
    page = Page()
    chatbot, state = page.component("chatbot"), page.component("state")
    inputs = {"message": page.component("textbox")}
    inputs |= {"history": chatbot} if history else {}
    inputs |= {"state": state} if memory else {}
    page.endpoint("chat", inputs, [chatbot, state])
    return page


@pytest.mark.parametrize(
    ("history", "memory", "turns", "given"),
    [
        (True, False, "in the Chatbot, sent with each question", "in the Chatbot"),
        (False, True, "in the session on the Space (a State)", "in the question, as one prompt"),
        (
            True,
            True,
            "in the Chatbot, sent with each question and in the session on the Space (a State)",
            "in the question, as one prompt, and in the Chatbot",
        ),
        (False, False, "remembered nowhere", "in the question, as one prompt"),
    ],
)
def test_turns_are_told_where_they_are_remembered(history: bool, memory: bool, turns: str, given: str) -> None:
    lines = inspection(page_with(history=history, memory=memory)).describe().splitlines()
    assert f"turns        {turns}" in lines
    assert f"given turns  {given}" in lines


def test_describe_two_chatbots_tells_the_option_that_selects() -> None:
    page = Page()
    left, right = page.component("chatbot", label="Left one"), page.component("chatbot", label="Right")
    page.endpoint("battle", {"message": page.component("textbox"), "history": left}, [left, right])
    described = inspection(page)
    assert "Left one is read, unless the option chatbot selects Right" in described.describe()
    assert described.command == "qwen-gradio --space a/b -o 'chatbot=Left one' 'Hello?'"
    assert described.as_dict()["chatbots"] == ["Left one", "Right"]


VALUES = [
    1,
    0.5,
    512.0,
    True,
    "plain",
    "two words",
    "7",
    "null",
    'a\'b "c"\n',
    [1, "2"],
    {"seed": 1},
    "$HOME",
    "-x",
]


@pytest.mark.parametrize("value", VALUES)
def test_shown_calls_option_of_any_value_is_read_as_published(value: Any) -> None:
    page = Page()
    chatbot = page.component("chatbot")
    inputs = {"message": page.component("textbox"), "from": page.component("json", value=value)}
    page.endpoint("chat", inputs, [chatbot])
    described = inspection(page, space="http://127.0.0.1:1")
    words = shlex.split(described.command)
    assert parse_option(words[words.index("-o") + 1]) == ("from", value)
    called: dict[str, Any] = {}

    class Recorder:
        def ask(self, _: str, **options: Any) -> None:
            called.update(options)

    line = described.python.splitlines()[-1].strip()
    exec(line, {"client": Recorder()})  # noqa: S102 - its own
    assert called == {"from": value}


def test_shown_calls_leave_out_what_cannot_be_sent_or_starts_a_step() -> None:
    page = document_page()
    bot = page.config["dependencies"][3]
    props: list[dict[str, Any]] = [
        {"value": None},
        {"value": "of no choice", "choices": ["a", "b"]},
        {"value": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}},
        {"value": "hf_secret", "type": "password"},
    ]
    bot["inputs"] += [page.component("textbox", label=f"key {number}", **some) for number, some in enumerate(props)]
    described_inputs = page.info["named_endpoints"]["/bot"]["parameters"]
    described_inputs += [{"parameter_name": f"key_{number}"} for number in range(len(props))]
    described = inspection(page)
    assert {option.name for option in described.recipe.options} >= {"key_0", "key_1", "key_2", "key_3", "document"}
    assert described.command == "qwen-gradio --space a/b -o temperature=0.5 'Hello?'"


def test_option_with_the_name_of_an_internal_argument_is_an_option() -> None:
    client = QwenClient("http://127.0.0.1:9", retries=0)
    for name in ("memory", "new"):
        options: dict[str, Any] = {name: 1}
        with client.stream("hi", **options) as reply, pytest.raises(CannotConnect):
            next(reply)
    client.close()


@dataclass(frozen=True)
class Apps:
    """Running apps, and what their steps log."""

    urls: dict[str, str]
    log: Path

    def started(self) -> list[str]:
        """The steps that ran so far."""
        lines = map(json.loads, self.log.read_text().splitlines()) if self.log.exists() else ()
        return [line["step"] for line in lines if line["event"] == "start"]


STEPS_OF = ("llama_chat", "session_token", "agent_status", "steps_after", "hidden_after", "document_chat")
CALLS_OF = ("then_with_box", "arena_one_step", "llama_chat", "text_interface", "interface_template")


@pytest.fixture(scope="module")
def apps(fork_servers: ForkServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apps]:
    log = tmp_path_factory.mktemp("apps") / "log.jsonl"
    names = sorted({*STEPS_OF, *CALLS_OF})
    with fork_servers.running(SERVE, "--apps", str(FOLDER), "--log", str(log), *names) as process:
        yield Apps({name: url.rstrip("/") for name, url in json.loads(process.printed).items()}, log)


def function_names(recipe: Recipe) -> list[str]:
    """The functions of the steps that run, as their apps call them: Gradio numbers those of one name."""
    steps = [step for step in outline(recipe) if step.when is not Moment.NEVER]
    return [re.sub(r"_\d+$", "", step.name.strip("/")) for step in steps]


@pytest.mark.parametrize("name", STEPS_OF)
def test_described_steps_are_those_that_run_in_that_order(name: str, apps: Apps, tmp_path: Path) -> None:
    document = tmp_path / "a.txt"
    document.write_text("a")
    before = len(apps.started())
    with QwenClient(apps.urls[name]) as client:
        expected = function_names(client.inspect().recipe)
        client.ask("Hello?", files=[document] if name == "document_chat" else [])
        assert eventually(lambda: len(apps.started()) - before >= len(expected))
    assert apps.started()[before:] == expected


@pytest.mark.parametrize("name", CALLS_OF)
def test_shown_command_and_program_get_the_same_reply(name: str, apps: Apps) -> None:
    described = json.loads(run("inspect", apps.urls[name], "--json").stdout)
    command = run(*shlex.split(described["command"])[1:])
    program = subprocess.run([sys.executable, "-c", described["python"]], capture_output=True, text=True, check=True)
    assert command.exit_code == 0
    assert command.stdout == program.stdout
    assert '"question": "Hello?"' in command.stdout
    defaults = {option["name"]: option["default"] for option in described["options"] if option["name"] != "chatbot"}
    heard = json.JSONDecoder().raw_decode(command.stdout, command.stdout.index('{"question": '))[0]
    assert heard["options"] == defaults


def test_inspect_of_a_refused_page_is_the_error(fork_servers: ForkServers) -> None:
    with fork_servers.running(SERVE, "--apps", str(FOLDER), "hidden_reply") as process:
        url = json.loads(process.printed)["hidden_reply"].rstrip("/")
        result = run("inspect", url, "--json")
        with pytest.raises(EndpointNotFound, match="allows no calls of function 1"), QwenClient(url):
            pass
    assert (result.exit_code, result.stdout) == (1, "")
    assert "its author allows no calls of function 1 but the page's" in result.stderr

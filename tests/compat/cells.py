"""What is expected of every app on every Gradio. `python -m tests.compat.cells` prints the README's table of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A Gradio, and the type of its Chatbots where it has several.
COLUMNS = ("4.32.1", "4.44.1", "5.50.0 tuples", "5.50.0 messages", "6")
FROM_4_44 = COLUMNS[1:]

BY = {"by": "a stand-in without a model"}
STREAMS, WHOLE = "streams", "whole"

SYSTEM, EARLIER, QUERY = "Be brief.", ["one", "uno"], "Say it in Spanish: two"
AS_PROMPT = f"User: {EARLIER[0]}\nAssistant: {EARLIER[1]}\nUser: {QUERY}\nAssistant:"


@dataclass(frozen=True)
class App:
    """An app, the question to it, and the reply that is expected.

    Attributes:
        name: its file in `apps`.
        description: for the table.
        columns: the Gradios that it belongs to.
        outcome: how it answers, or the name of the error.
        client: what the client is made with.
        system: whether it takes a system message.
        native: whether it takes the turns before.
        options: of the question.
        received: other inputs that its reply quotes; None for one that it leaves out.
        thinking: what it shows of its thoughts.
        serves: the file that serves it, if another's.
        rest: a pattern of the paragraphs after its answer.
    """

    name: str
    description: str
    columns: tuple[str, ...] = FROM_4_44
    outcome: str = STREAMS
    client: Mapping[str, Any] = field(default_factory=dict)
    system: bool = False
    native: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    received: Mapping[str, Any] = field(default_factory=dict)
    thinking: str = ""
    serves: str | None = None
    rest: str = ""

    @property
    def file(self) -> str:
        return self.serves or self.name

    @property
    def expected_reply(self) -> dict[str, Any]:
        """The inputs that its reply quotes, as JSON."""
        turns = {"query": QUERY, "earlier": [EARLIER]} if self.native else {"query": AS_PROMPT, "earlier": []}
        system = {"system": SYSTEM} if self.system else {}
        received = {**turns, **system, **self.options, **self.received, **BY}
        return {name: what for name, what in received.items() if what is not None}


INPUTS = {"temperature": 0.2, "max_new_tokens": 64, "model": "large"}
LOGIN = {"auth": ("ada", "lovelace")}
THOUGHT = "They ask something. I look at it from two sides, and answer."

SHOWN = "<b>bold</b>\n\n| n | letter |\n| --- | --- |\n| 1 | a |\n\n```\nx = 1\n```\n\n5\n\n[video]"

APPS = (
    App("qwen2_72b", "Qwen2-72B-Instruct's layout", columns=COLUMNS, system=True),
    App("qwen2_5_plain", "Qwen2.5's, with its radios", system=True, options={"radio": "7B"}),
    App(
        "qwen2_5",
        "Qwen2.5's, in modelscope_studio",
        columns=COLUMNS[1:2],
        system=True,
        options={"radio": "7B"},
    ),
    App(
        "qwen3",
        "Qwen3-Demo's, in modelscope_studio",
        columns=COLUMNS[2:],
        native=False,
        system=True,
        options={"settings_form_value": {"model": "qwen3-8b"}},
        received={
            "settings_form_value": None,
            "settings": {"model": "qwen3-8b", "sys_prompt": SYSTEM, "thinking_budget": 38},
            "enable_thinking": True,
        },
        thinking=json.dumps({"thinking_of": AS_PROMPT, "thinking_budget": 38 * 1024, **BY}),
    ),
    App(
        "coder",
        "a coder's, with sliders",
        system=True,
        options={"radio": "14B", "temperature": 0.2},
        received={"top_p": 0.8, "max_length": 2048},
    ),
    App("interface", "`gr.ChatInterface`", native=False),
    App(
        "interface_inputs",
        "`gr.ChatInterface(additional_inputs=…)`",
        native=False,
        system=True,
        options={**INPUTS, "use_web_search": True},
    ),
    App("interface_messages", '`gr.ChatInterface(type="messages")`', native=False),
    App("interface_multimodal", "`gr.ChatInterface(multimodal=True)`", native=False, received={"files": 0}),
    App("multimodal", "`gr.MultimodalTextbox`", received={"files": 0}),
    App("thinking_messages", "thoughts in messages of their own", columns=COLUMNS[3:], thinking=THOUGHT),
    App("thinking_tags", "thoughts in `<think>`", thinking="They ask something; I answer."),
    App("chatbot_first", "the Chatbot not the second output"),
    App("two_chats", "two chats: the first", received={"model": "small"}),
    App(
        "two_chats_named",
        "two chats: `api_name=`",
        serves="two_chats",
        client={"api_name": "/chat_large"},
        received={"model": "large"},
    ),
    App("placeholder", "“Thinking…” first"),
    App("returning", "returns, and doesn't yield", outcome=WHOLE),
    App("state_history", "history in `gr.State`", native=False),
    App("guide", "the guide's: `.submit(user).then(bot)`"),
    App("updates", "yields `gr.update(…)`"),
    App(
        "files",
        "sends a file, which is not downloaded",
        rest=r"!\[picture\.svg\]\(http://127\.0\.0\.1:\S+picture\.svg\)",
    ),
    App("components", "shows HTML, a table, code and a slider", columns=COLUMNS[3:], rest=re.escape(SHOWN)),
    App("undocumented", "hidden from the API docs"),
    App("text_to_text", "text to text, no Chatbot", native=False, received={"earlier": None}),
    App("authenticated", "behind a login: with `auth=`", native=False, client=LOGIN),
    App("authenticated_not", "behind a login: without", serves="authenticated", outcome="NeedsAuthentication"),
    App(
        "authenticated_wrong",
        "behind a login: with a wrong password",
        serves="authenticated",
        outcome="NeedsAuthentication",
        client={"auth": ("ada", "byron")},
    ),
    App("mounted", "mounted under a path", native=False),
    App("tls", "behind TLS, with a private CA", system=True, serves="qwen2_72b"),
    App("no_chat", "no chat at all", outcome="EndpointNotFound"),
)
BY_NAME = {app.name: app for app in APPS}
CELLS = [(column, app.name) for column in COLUMNS for app in APPS if column in app.columns]


def table() -> str:
    """Give the table as Markdown; "–" where an app doesn't belong."""
    heads = ["", *(f"Gradio {column}" for column in COLUMNS)]
    rows = [[app.description, *(_cell(app) if column in app.columns else "–" for column in COLUMNS)] for app in APPS]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(app: App) -> str:
    return app.outcome if app.outcome in (STREAMS, WHOLE) else f"`{app.outcome}`"


if __name__ == "__main__":
    print(table())  # noqa: T201 - what it is run for

"""The model behind every app here, which says as JSON what it heard, and the two ways of Chatbots to hold turns."""

from __future__ import annotations

import inspect
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

WORD_SECONDS = 0.006

# What a Chatbot or a ChatInterface is made with: Gradio 6 has one type, role dicts, early Gradio 4 the other, pairs.
_TYPED = "type" in inspect.signature(gr.Chatbot).parameters
CHATBOT: dict[str, Any] = {"type": os.environ.get("CHATBOT_TYPE", "tuples")} if _TYPED else {}
MESSAGES: dict[str, Any] = {"type": "messages"} if _TYPED else {}
_IN_PAIRS = CHATBOT.get("type") == "tuples" or gr.__version__ < "4.44"


def is_in_pairs() -> bool:
    """Whether this server's Chatbots hold pairs."""
    return _IN_PAIRS


def growing(**heard: Any) -> Iterator[str]:
    """Write what was heard, a word at a time. Each item is the whole text so far."""
    text = json.dumps({**heard, "by": "a stand-in without a model"}, ensure_ascii=False)
    for word in re.finditer(r"\S+", text):
        time.sleep(WORD_SECONDS)
        yield text[: word.end()]


def turns(history: Sequence[Any] | None) -> list[list[str]]:
    """Any history as [user, assistant] pairs, without the thoughts."""
    pairs: list[list[str]] = []
    for item in history or []:
        if not isinstance(item, dict):
            pairs.append([text_of(item[0]), text_of(item[1])])
        elif item["role"] == "user":
            pairs.append([text_of(item["content"]), ""])
        elif pairs and not (item.get("metadata") or {}).get("title"):
            pairs[-1][1] += text_of(item["content"])
    return pairs


def with_question(history: list[Any] | None, query: str | None) -> list[Any]:
    """The history and a question that has no answer yet, as this server's Chatbot holds it."""
    return [*(history or []), [query, None] if _IN_PAIRS else {"role": "user", "content": query}]


def with_answer(history: list[Any] | None, query: str | None, answer: str) -> list[Any]:
    """The history and a new turn, as this server's Chatbot holds them."""
    if _IN_PAIRS:
        return [*(history or []), [query, answer]]
    return [*with_question(history, query), {"role": "assistant", "content": answer}]


def without_last(history: list[Any] | None) -> list[Any]:
    """The history before its last turn."""
    history = list(history or [])
    while history and isinstance(history[-1], dict) and history[-1]["role"] != "user":
        history.pop()
    return history[:-1]


def text_of(content: Any) -> str:
    """Give the text of a message's content, which Gradio 6 holds in parts."""
    if isinstance(content, list):
        return "".join(map(text_of, content))
    if isinstance(content, dict):
        content = content.get("text")
    return content if isinstance(content, str) else ""

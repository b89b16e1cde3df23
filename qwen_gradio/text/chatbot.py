"""A Chatbot component's value <-> turns; the latest reply in it, split into answer and thinking. Pure.

Gradio has three history formats, and each server accepts only its own: pairs (4.x; the default of 5.x), role dicts
with string content (5.x, `type="messages"`), role dicts with a list of parts (6.x). The components of
modelscope_studio return two more: pairs of dicts with "text", and parts with "content".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .components import as_markdown, file_markdown
from .history import (
    Message,
    answer_index,
    attached_files,
    count_questions,
    inner_content,
    is_component,
    is_pair,
    last_question_index,
    latest_turn,
    split_messages,
    squeeze,
    squeezed_question,
    unchanged_items,
    unchanged_messages,
)
from .messages import Turn
from .thinking import DEFAULT_TAGS, ThinkingTags

HistoryFormat: TypeAlias = Literal["pairs", "messages", "parts"]

# A word of a title that says only that a thought is one ("Thinking…", "Reasoning", "Thought for 3 seconds").
_THINKING_WORD = re.compile(r"think|thought|reason|思考", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A reply at one moment: the answer and the thinking so far."""

    answer: str = ""
    thinking: str = ""


def history_format(version: str, chatbot_type: object, schema: object = None) -> HistoryFormat:
    """Return the history format of a server.

    Args:
        version: its Gradio version; `""` if unknown.
        chatbot_type: its Chatbot's `type`, which only some versions have.
        schema: the JSON schema of its Chatbot's value, for where the others don't tell.
    """
    number = re.match(r"\d+", version)
    major = int(number[0]) if number is not None else None
    if major is not None and major >= 6:
        return "parts"
    if chatbot_type in ("messages", "tuples"):
        return "messages" if chatbot_type == "messages" else "pairs"
    return _format_of_schema(schema) or ("parts" if major is None else "pairs")


def _format_of_schema(schema: object) -> HistoryFormat | None:
    """Return the format that a schema describes (Pydantic's, of gradio/components/chatbot.py); None if none."""
    items = _at(schema, "items")
    if _at(items, "prefixItems") is not None:
        return "pairs"
    reference = _at(items, "$ref")
    message = _at(schema, "$defs", reference.rpartition("/")[2]) if isinstance(reference, str) else items
    content = _at(message, "properties", "content")
    if content is None:
        return None
    return "parts" if _at(content, "type") == "array" else "messages"


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def encode(turns: Sequence[Turn], form: HistoryFormat, question: str | None = None) -> list[Any]:
    """Encode turns as a Chatbot's value.

    An empty text is None in a pair, and is omitted from the other formats. Only the answer to the last question is
    `""` in its pair, as in Gradio's guides: an app may append to it.

    Args:
        turns: the turns.
        form: the history format.
        question: a last question, without an answer; None for none.
    """
    turns = turns if question is None else [*turns, (question, "")]
    if form == "pairs":
        pairs: list[Any] = [[user or None, answer or None] for user, answer in turns]
        if pairs and pairs[-1][0] is not None:
            pairs[-1][1] = turns[-1][1]
        return pairs
    messages = [message for user, answer in turns for message in (("user", user), ("assistant", answer))]
    return [{"role": role, "content": _content(text, form)} for role, text in messages if text]


def _content(text: str, form: HistoryFormat) -> object:
    return [{"type": "text", "text": text}] if form == "parts" else text


def unwrap_update(output: object) -> object:
    """Return the value in a component's update; any other output unchanged; None for an update without a value."""
    if isinstance(output, dict):
        for name in ("value", "items"):
            if name in output:
                return output[name]
        return None if output.get("__type__") == "update" else output
    return output


def latest_reply(
    value: object,
    *,
    whole: bool = False,
    sent: Sequence[object] = (),
    query: str = "",
    tags: ThinkingTags = DEFAULT_TAGS,
) -> Snapshot | None:
    """Read the latest reply in a Chatbot's value: the assistant's messages after the last question.

    Its thinking is text between tags, messages with a `metadata.title` (by which Gradio's guide marks thoughts and
    tool use) or within such a message, and parts of type "tool". A title is the first paragraph of its thought, unless
    it says only that this is thinking.

    Messages at the start that were sent are not the reply, even if no question follows them.

    Args:
        value: the Chatbot's value.
        whole: True for the last value, where a `<` at the end is text, not the start of a tag.
        sent: the Chatbot's value that was sent, in any history format.
        query: the question; a last value that equals the sent one may answer the same question again.
        tags: the tags around thinking.

    Returns:
        The reply; an empty Snapshot if the latest turn has none yet; None if the value has an unknown form.
    """
    if not isinstance(value, list | tuple) or (value and not (isinstance(value[-1], dict) or is_pair(value[-1]))):
        return None
    if not _is_past(value, sent):
        question = squeezed_question(value)
        is_asked = bool(question) and question == squeeze(query)
        reply = _parse_unsent(value, sent, whole=whole, tags=tags)
        if not is_asked or (reply != Snapshot() if whole else question == squeezed_question(sent)):
            return reply
    return _parse_messages(latest_turn(value), whole=whole, tags=tags)


def _is_past(value: Sequence[object], sent: Sequence[object]) -> bool:
    """Return True if the last question is the last message that was sent, or comes after all of them.

    This is so in most updates. It saves comparing the messages.
    """
    if not sent:
        return True
    last = sent[-1]
    if not value or isinstance(value[-1], dict) != isinstance(last, dict):
        return False
    is_open = isinstance(last, dict) or (is_pair(last) and not last[1])
    return last_question_index(value) >= len(sent) - is_open


def _parse_unsent(
    value: Sequence[object], sent: Sequence[object], *, whole: bool, tags: ThinkingTags
) -> Snapshot | None:
    """Read the reply after the messages at the start that were sent, and after the last question."""
    start = unchanged_items(value, sent)
    messages, old_messages = list(split_messages(value[start:])), list(split_messages(sent[start:]))
    unchanged = unchanged_messages(messages, old_messages)
    answer = answer_index(messages)
    reply = _parse_messages(messages[max(answer, unchanged) :], whole=whole, tags=tags)
    if reply is None or unchanged == len(old_messages) or unchanged > answer:
        return reply
    # The app has edited the earlier turns; it may not have answered yet.
    if count_questions(messages) > count_questions(old_messages):
        return reply
    previous = _parse_messages(latest_turn(sent), whole=True, tags=tags)
    is_old = previous is not None and previous.answer and squeeze(reply.answer) == squeeze(previous.answer)
    return Snapshot() if is_old else reply


def _parse_messages(messages: Sequence[Message], *, whole: bool, tags: ThinkingTags) -> Snapshot | None:
    contents = [content for role, content in messages if role == "assistant"]
    return _join(_parse_each(contents, whole=whole, tags=tags), "\n\n")


def _parse_each(contents: Sequence[object], *, whole: bool, tags: ThinkingTags) -> list[Snapshot | None]:
    """Parse contents in order; only the last may still grow."""
    last = len(contents) - 1
    return [parse_content(content, whole=whole or index < last, tags=tags) for index, content in enumerate(contents)]


def latest_question(value: Sequence[object]) -> str | None:
    """Read the latest question in a Chatbot's value; None if there is none, or if it has an unknown form."""
    questions = (content for role, content in latest_turn(value) if role == "user")
    return _question(inner_content(next(questions, None)))


def _question(content: object) -> str | None:
    """Read the text of a question, without its files."""
    if isinstance(content, list | tuple):
        content = [part for part in content if not is_component(part)]
    snapshot = None if content is None or is_component(content) else parse_content(content, whole=True)
    return snapshot.answer if snapshot else None


def parse_content(content: object, *, whole: bool = False, tags: ThinkingTags = DEFAULT_TAGS) -> Snapshot | None:
    """Parse the content of one message; see `latest_reply`.

    Args:
        content: a text, None, a part, a list of parts, or a role dict.
        whole: True for the last value.
        tags: the tags around thinking.

    Returns:
        Its text; None if it has an unknown form.
    """
    if content is None:
        return Snapshot()
    if isinstance(content, str):
        return Snapshot(*tags.split(content, whole=whole))
    if isinstance(content, dict):
        return _parse_mapping(content, whole=whole, tags=tags)
    if isinstance(content, list | tuple):
        parsed = _parse_each(content, whole=whole, tags=tags)
        has_component = any(is_component(part) and one for part, one in zip(content, parsed, strict=True))
        return _join(parsed, "\n\n" if has_component else "")
    return None


def _parse_mapping(message: Mapping[str, Any], *, whole: bool, tags: ThinkingTags) -> Snapshot | None:
    if message.get("type") == "suggestion":  # of a next question, in modelscope_studio's ProChatbot
        return Snapshot()
    if is_component(message):
        markdown = as_markdown(message)
        return None if markdown is None else Snapshot(markdown)
    text = parse_content(inner_content(message), whole=whole, tags=tags)
    files = [Snapshot(markdown) for file in attached_files(message) if (markdown := file_markdown(file))]
    snapshot = _join([text, *files], "\n\n")
    if snapshot is None or not _is_thought(message):
        return snapshot
    thought = "\n\n".join(filter(None, (_title(message), snapshot.thinking, snapshot.answer)))
    return Snapshot("", thought if whole else tags.without_closing(thought))


def _is_thought(message: Mapping[str, Any]) -> bool:
    metadata = _mapping(message.get("metadata"))
    return message.get("type") == "tool" or bool(metadata.get("title")) or metadata.get("parent_id") is not None


def _title(message: Mapping[str, Any]) -> str:
    """Return the title of a thought; `""` if it says only that this is thinking: it changes once the thought ends."""
    titles = (_mapping(message.get(name)).get("title") for name in ("metadata", "options"))
    title = " ".join(next((title for title in titles if isinstance(title, str)), "").split())
    words = _WORD.findall(title)
    return "" if len(words) <= 4 and any(map(_THINKING_WORD.search, words)) else title


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _join(snapshots: Sequence[Snapshot | None], separator: str) -> Snapshot | None:
    """Join the readable snapshots, thoughts as paragraphs; None if all are unreadable."""
    if len(snapshots) == 1:
        return snapshots[0]
    known = [snapshot for snapshot in snapshots if snapshot is not None]
    if snapshots and not known:
        return None
    answers = filter(None, (snapshot.answer for snapshot in known))
    thoughts = filter(None, (snapshot.thinking for snapshot in known))
    return Snapshot(separator.join(answers), "\n\n".join(thoughts))

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import events
from qwen_gradio.events import Events, Unreadable, changed

STARTS = {"msg": "process_starts", "event_id": "e"}
GENERATING = {"msg": "process_generating", "event_id": "e", "output": {"data": ["é"]}, "success": True}


def read(*chunks: bytes) -> list[dict[str, Any]]:
    taker = Events("e")
    return [message for chunk in chunks for message in taker.feed(chunk)]


def sse(*messages: object, end: bytes = b"\n\n") -> bytes:
    return b"".join(b"data: " + json.dumps(message, ensure_ascii=False).encode() + end for message in messages)


def test_sse_messages_are_parsed() -> None:
    assert read(sse(STARTS, GENERATING)) == [STARTS, GENERATING]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@given(cuts=st.lists(st.integers(0, 200), max_size=5).map(sorted))
def test_sse_any_chunking_gives_same_messages(end: bytes, cuts: list[int]) -> None:
    stream = sse(STARTS, GENERATING, GENERATING, end=end)
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*chunks) == [STARTS, GENERATING, GENERATING]


@pytest.mark.parametrize(
    "nothing",
    [
        b"",
        b"\n\n\n\n",
        b": a comment\n\n",
        b"event: ping\nid: 3\n\n",
        b"data:\n\n",
        sse({"msg": "heartbeat"}),
        sse({"msg": "from_the_future", "event_id": "e"}),
        sse({"msg": None}),
        sse({}),
        sse({**STARTS, "event_id": ["e"]}),
        sse({"msg": "progress", "event_id": "e", "progress_data": "nonsense"}),
        sse({"msg": "log", "event_id": "e", "log": 3}),
        b'data: {"msg": "not whole"',
    ],
)
def test_sse_irrelevant_or_partial_events_are_ignored(nothing: bytes) -> None:
    assert read(nothing) == []


def test_sse_multiline_data_is_joined() -> None:
    assert read(b'event: message\ndata: {"msg":\ndata: "process_starts"}\n\n') == [{**STARTS}]


@pytest.mark.parametrize(
    "unreadable",
    [
        b"data: <html>\n\n",
        b"data: {\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        sse([STARTS]),
        sse(3),
        sse(None),
        sse({**GENERATING, "output": None}),
        sse({**GENERATING, "output": {"data": "text"}}),
        sse({**GENERATING, "msg": "process_completed", "output": []}),
    ],
)
def test_sse_malformed_data_raises_unreadable(unreadable: bytes) -> None:
    with pytest.raises(Unreadable):
        read(unreadable)


def test_sse_oversized_event_raises_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LARGEST", 100)
    with pytest.raises(Unreadable, match="more than 100 bytes"):
        read(b"data: ", b"x" * 95)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"msg": "unexpected_error", "message": "no session"}, "no session"),
        ({"msg": "unexpected_error", "event_id": "e", "message": 3}, None),
        ({"msg": "process_completed", "success": False, "output": {"error": "'why'", "new_key": 1}}, "'why'"),
        ({"msg": "process_completed", "success": False, "output": {"error": None}}, None),
        ({"msg": "process_completed", "success": False, "output": None}, None),
        ({"msg": "process_completed", "success": False, "output": "why"}, "why"),
    ],
)
def test_sse_failure_is_normalised_to_process_completed(message: dict[str, Any], told: str | None) -> None:
    failed = {"msg": "process_completed", "event_id": "e", "success": False, "output": {"error": told}}
    assert read(sse(message)) == [failed]


def test_sse_invalid_queue_estimation_numbers_are_dropped() -> None:
    waiting = {"msg": "estimation", "event_id": "e", "rank": "first", "queue_size": 3, "rank_eta": None}
    assert read(sse(waiting)) == [{"msg": "estimation", "event_id": "e", "queue_size": 3}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["msg", "event_id", "output", "success", "message", "rank", "queue_size", "rank_eta"])


@given(st.dictionaries(NAMES, JSON | st.sampled_from([*events.KNOWN, "unexpected_error", "e"])))
def test_sse_any_message_is_parsed_ignored_or_unreadable(message: dict[str, Any]) -> None:
    try:
        taken = read(sse(message))
    except Unreadable:
        return
    assert all(one["msg"] in events.KNOWN for one in taken)


def test_sse_messages_before_malformed_data_are_yielded() -> None:
    messages = Events("e").feed(sse(STARTS) + b"data: {\n\n")
    assert next(messages) == STARTS
    with pytest.raises(Unreadable):
        next(messages)


VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@st.composite
def edits(draw: st.DrawFn, value: Any) -> list[Any]:
    """An edit that can be made of a value, somewhere in it."""
    path: list[Any] = []
    while isinstance(value, list | dict) and value and draw(st.booleans()):
        path.append(draw(st.integers(0, len(value) - 1) if isinstance(value, list) else st.sampled_from([*value])))
        inside, value = value, value[path[-1]]
    actions = ["replace", *["append"] * isinstance(value, str | list), *["add", "delete"] * bool(path)]
    action = draw(st.sampled_from(actions))
    if action == "add" and isinstance(inside, dict):
        path[-1] = draw(st.sampled_from("abcd"))
    new = draw(st.text(max_size=3) if isinstance(value, str) else st.lists(st.integers(), max_size=2))
    return [action, path, new]


@given(data=st.data(), value=VALUES)
def test_diff_equals_gradio_client_and_keeps_input_unchanged(data: st.DataObject, value: Any) -> None:
    from gradio_client.utils import apply_diff  # type: ignore[import-untyped] # it ships no py.typed

    diff, expected = [], value
    for _ in range(data.draw(st.integers(0, 3))):
        diff.append(data.draw(edits(expected)))
        expected = apply_diff(expected, diff[-1:])
    before = json.dumps(value)
    assert changed(value, diff) == expected
    assert json.dumps(value) == before, "who holds the value before sees no change"


def test_diff_unchanged_parts_are_not_copied() -> None:
    turns = [{"content": [{"text": "long ago"}]}, {"content": [{"text": "a"}]}]
    after = changed(turns, [["append", [1, "content", 0, "text"], "b"]])
    assert after[1]["content"][0]["text"] == "ab"
    assert after[0] is turns[0]


@pytest.mark.parametrize(
    ("diff", "error"),
    [
        ([["rename", [], 1]], ValueError),
        ([["rename", [0], 1]], ValueError),
        ([["replace", [9], 1]], LookupError),
        ([["append", [0, 0], 1]], (TypeError, AttributeError)),
        ([["replace"]], ValueError),
        ("x", ValueError),
    ],
)
def test_diff_invalid_raises_error(diff: Any, error: Any) -> None:
    with pytest.raises(error):
        changed(["a"], diff)

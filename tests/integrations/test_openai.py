"""OpenAI's requests, chunks and errors, as tables."""

from __future__ import annotations

import enum
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import (
    AllFailed,
    AppRaised,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    EmptyReply,
    EndpointNotFound,
    Finished,
    Fragment,
    InvalidMessages,
    InvalidOption,
    NeedsAuthentication,
    NotAGradioApp,
    ProtocolError,
    QueueFull,
    QwenGradioError,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
    Started,
    UsageError,
)
from qwen_gradio.inspection import OWN_ARGUMENTS
from qwen_gradio.integrations import openai_replies, openai_requests
from qwen_gradio.integrations.openai_replies import Delta, Deltas, StopSequences
from qwen_gradio.integrations.openai_requests import parse_messages, parse_options
from qwen_gradio.space.parameters import Preferred

HI = [{"role": "user", "content": "hi"}]


class Role(str, enum.Enum):
    USER = "user"
    TOOL = "tool-response"


class PlainRole(enum.Enum):
    USER = "user"


def request(**body: Any) -> openai_requests.ChatRequest:
    return openai_requests.parse_request({"model": "a/b", "messages": HI, **body})


def test_request_is_parsed() -> None:
    parsed = request(stream=True, stream_options={"include_usage": True}, stop=["a", ""], temperature=0.5, radio="7B")
    assert parsed == openai_requests.ChatRequest(
        "a/b",
        HI,
        {"temperature": Preferred(0.5, ("temperature", "temp")), "radio": "7B"},
        ("a",),
        stream=True,
        include_usage=True,
    )
    assert request(stop="x", stream=None, stream_options=None).stop == ("x",)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "hi",
        {},
        {"messages": HI},
        {"model": "", "messages": HI},
        {"model": 3, "messages": HI},
        {"model": "a/b"},
        {"model": "a/b", "messages": "hi"},
        {"model": "a/b", "messages": ["hi"]},
        {"model": "a/b", "messages": HI, "stream": "yes"},
        {"model": "a/b", "messages": HI, "stream_options": []},
        {"model": "a/b", "messages": HI, "stream_options": {"include_usage": 1}},
        {"model": "a/b", "messages": HI, "stop": 3},
        {"model": "a/b", "messages": HI, "stop": ["a", 3]},
        {"model": "a/b", "messages": HI, "stop": ["a"] * 17},
    ],
)
def test_request_malformed_raises_usage_error(body: Any) -> None:
    with pytest.raises(UsageError):
        openai_requests.parse_request(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function"}]),
        ("functions", [{"name": "f"}]),
        ("response_format", {"type": "json_object"}),
        ("n", 2),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("logit_bias", {"50256": -100}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy"}),
        ("web_search_options", {}),
        ("temperature", "hot"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("max_tokens", 0),
        ("max_completion_tokens", [3]),
    ],
)
def test_options_that_no_space_has_raise_usage_error_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name.replace("completion_", "")):
        parse_options({name: value})


@pytest.mark.parametrize("name", OWN_ARGUMENTS)
def test_options_named_as_arguments_of_stream_raise_invalid_option(name: str) -> None:
    for arguments in ({name: ["/etc/passwd"]}, {"options": {name: ["/etc/passwd"]}}):
        with pytest.raises(InvalidOption, match=name):
            parse_options(arguments)


@pytest.mark.parametrize(
    "value",
    [
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        [{"path": "/etc/passwd"}],
        {"deep": [{"down": {"path": "/etc/passwd", "meta": {}}}]},
    ],
)
def test_options_that_name_file_of_this_machine_raise_invalid_option(value: Any) -> None:
    with pytest.raises(InvalidOption, match="file"):
        parse_options({"image": value})


def test_options_without_effect_are_left_out() -> None:
    harmless = {"user": "u", "metadata": {}, "store": True, "n": 1, "tools": [], "logprobs": False, "logit_bias": {}}
    more = {
        "response_format": {"type": "text"},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
    }
    assert parse_options({**harmless, **more}) == {}
    assert parse_options({"tools": [{"type": "function"}], "tool_choice": "none"}) == {}


def test_options_of_openai_are_preferred_others_go_as_they_are() -> None:
    names = openai_requests.SAMPLING["max_tokens"]
    options = parse_options({"max_tokens": 3, "max_completion_tokens": 7, "seed": 1, "radio": "7B", "verbosity": "low"})
    assert options == {
        "max_tokens": Preferred(7, names),
        "seed": Preferred(1, ("seed", "random_seed")),
        "verbosity": Preferred("low", ("verbosity",)),
        "radio": "7B",
    }


def test_options_of_space_may_have_names_of_openai() -> None:
    options = {"model": "small", "temperature": 3, "options": "x"}
    assert parse_options({"temperature": 1, "top_p": 1, "options": options}) == {
        "temperature": 3,
        "top_p": Preferred(1, ("top_p", "topp", "top_p_nucleus_sampling")),
        "model": "small",
        "options": "x",
    }
    assert parse_options({"options": ["a"]}) == {"options": ["a"]}, "an option of that name"
    with pytest.raises(InvalidOption, match="file"):
        parse_options({"options": {"image": {"path": "/etc/passwd"}}})


def said(*messages: Any) -> list[tuple[Any, Any]]:
    return [(message["role"], message["content"]) for message in parse_messages(messages)]


def test_messages_of_agents_become_text() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    assert said(
        {"role": Role.USER, "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]},
    ) == [
        ("user", "Weather?"),
        ("assistant", '[Called weather({"city": "Paris"})]'),
        ("user", "[Result of c1: sunny]"),
    ]


def test_messages_in_other_forms_are_understood() -> None:
    assert said({"role": PlainRole.USER, "content": [{"type": "input_text", "text": "hi"}]}) == [
        ("user", [{"type": "text", "text": "hi"}])
    ]
    assert said({"role": "assistant", "content": None, "refusal": "No."}, *HI)[0] == ("assistant", "No.")
    assert said({"role": "assistant", "function_call": {"name": "f"}}, *HI)[0] == ("assistant", "[Called f()]")
    assert said({"role": "developer", "content": "Be brief."}, *HI)[0] == ("developer", "Be brief.")


def test_messages_keep_files_of_question_and_name_earlier_ones() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    asked = {"role": "user", "content": [{"type": "text", "text": "What?"}, image]}
    assert said(asked, {"role": "assistant", "content": "A cat."}, asked) == [
        ("user", "[cat.png]\nWhat?"),
        ("assistant", "A cat."),
        ("user", asked["content"]),
    ]


@pytest.mark.parametrize("messages", [None, 3, ["hi"], [3]])
def test_messages_that_are_none_raise_invalid_messages(messages: Any) -> None:
    with pytest.raises(InvalidMessages):
        parse_messages(messages)


@pytest.mark.parametrize(
    ("fragments", "stops", "given"),
    [
        (["one two"], [], ["one two"]),
        (["one STOP two"], ["STOP"], ["one "]),
        (["one ST", "OP two", "three"], ["STOP"], ["one ", "", ""]),
        (["one ST", "ILL"], ["STOP"], ["one ", "STILL"]),
        (["a", "b", "c"], ["abd"], ["", "", "abc"]),
        (["aab"], ["ab"], ["a"]),
        (["x", "\n", "\nUser:"], ["\nUser:"], ["x", "", "\n"]),
        (["both ends"], ["ends", "both"], [""]),
    ],
)
def test_stop_sequences_cut_before_first_and_hold_back_little(
    fragments: list[str], stops: list[str], given: list[str]
) -> None:
    cutter = StopSequences(stops)
    assert [cutter.feed(fragment) for fragment in fragments] == given


@given(st.lists(st.text("ab", max_size=4), max_size=8), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_stop_sequences_give_text_before_first_however_it_is_split(fragments: list[str], stops: list[str]) -> None:
    cutter = StopSequences(stops)
    given_ = "".join(cutter.feed(fragment) for fragment in fragments) + cutter.finish()
    whole = "".join(fragments)
    match = re.search("|".join(map(re.escape, stops)), whole) if stops else None
    assert cutter.found == (match is not None)
    # Of two sequences that overlap, the one that ends first is seen first.
    ends = [whole[:end] for end in range(len(whole) + 1) if any(whole[:end].endswith(stop) for stop in stops)]
    assert given_ == whole if match is None else ends[0].startswith(given_)
    assert not any(stop in given_ for stop in stops)


def test_deltas_append_and_give_rewritten_text_whole() -> None:
    deltas = Deltas()
    fed = [
        deltas.feed(event)
        for event in (
            Started(),
            Fragment("Hm.", 0, "thinking"),
            Fragment("one", 0),
            Fragment(" two", 3),
            Fragment("1 two", 0),
            Finished("1 two", "Hm."),
        )
    ]
    assert fed == [None, Delta("Hm.", "thinking"), Delta("one"), Delta(" two"), Delta("1 two"), None]
    assert deltas.sent == {"answer": "one two1 two", "thinking": "Hm."}


def test_deltas_end_at_stop_sequence_or_give_what_was_held() -> None:
    deltas = Deltas(["STOP"])
    assert [deltas.feed(Fragment("one ST", 0)), deltas.feed(Fragment("OP", 6))] == [Delta("one "), None]
    assert deltas.stopped
    deltas = Deltas(["STOP"])
    assert [deltas.feed(Fragment("one ST", 0)), deltas.feed(Finished("one ST"))] == [Delta("one "), Delta("ST")]
    assert not deltas.stopped


def test_chunks_and_completion_have_openai_form() -> None:
    made = openai_replies.chunk("c1", "m", 5, Delta("hi"), is_first=True, space="a/b")
    assert made == {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "system_fingerprint": "a/b",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": None}],
    }
    thought = openai_replies.chunk("c1", "m", 5, Delta("hm", "thinking"))
    assert thought["choices"][0]["delta"] == {"reasoning_content": "hm"}
    ended = openai_replies.chunk("c1", "m", 5, finish_reason="stop")
    assert ended["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    usage = openai_replies.usage(HI, "12345678", "1234")
    assert usage == {
        "prompt_tokens": 1,
        "completion_tokens": 3,
        "total_tokens": 4,
        "completion_tokens_details": {"reasoning_tokens": 1},
        "estimated": True,
    }
    assert openai_replies.chunk("c1", "m", 5, usage=usage)["choices"] == []
    whole = openai_replies.completion("c1", "m", 5, "hi", thinking="hm", usage=usage)
    assert whole["choices"][0]["message"] == {
        "role": "assistant",
        "content": "hi",
        "refusal": None,
        "reasoning_content": "hm",
    }


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("the quick brown fox", 5), ("你好世界", 3)])
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert openai_replies.count_tokens(text) == tokens


LIMITED = RateLimited("slow down", retry_after=7.2)


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (InvalidMessages("x"), 400, "invalid_messages", {"x-should-retry": "false"}),
        (InvalidOption("x"), 400, "invalid_option", {"x-should-retry": "false"}),
        (NeedsAuthentication("x"), 401, "needs_authentication", {"x-should-retry": "false"}),
        (SpaceNotFound("x"), 404, "space_not_found", {"x-should-retry": "false"}),
        (EndpointNotFound("x"), 404, "endpoint_not_found", {"x-should-retry": "false"}),
        (LIMITED, 429, "rate_limited", {"retry-after": "8"}),
        (RateLimited("x"), 429, "rate_limited", {"retry-after": "5"}),
        (QueueFull("x"), 503, "queue_full", {"retry-after": "5"}),
        (SpaceUnavailable("x"), 503, "space_unavailable", {}),
        (CannotConnect("x"), 502, "cannot_connect", {}),
        (ConnectionLost("x"), 502, "connection_lost", {}),
        (EmptyReply("x"), 502, "empty_reply", {}),
        (AppRaised("x"), 502, "app_raised", {"x-should-retry": "false"}),
        (NotAGradioApp("x"), 502, "not_a_gradio_app", {"x-should-retry": "false"}),
        (ProtocolError("x"), 502, "protocol_error", {"x-should-retry": "false"}),
        (DeadlineExceeded("x"), 504, "deadline_exceeded", {}),
        (AllFailed("none", [SpaceNotFound("x"), LIMITED]), 429, "rate_limited", {"retry-after": "8"}),
        (AllFailed("none", [SpaceNotFound("x")]), 404, "space_not_found", {"x-should-retry": "false"}),
    ],
)
def test_error_has_status_body_and_headers(
    error: QwenGradioError, status: int, code: str, headers: dict[str, str]
) -> None:
    assert openai_replies.error_status(error) == status
    body = openai_replies.error_body(error)["error"]
    assert (body["code"], body["message"], body["param"]) == (code, str(error), None)
    assert openai_replies.error_headers(error) == headers

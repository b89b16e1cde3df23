"""The cases that the wrong server plays: what it does, and what must come of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from qwen_gradio import (
    AppRaised,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    EmptyReply,
    EndpointNotFound,
    NeedsAuthentication,
    NotAGradioApp,
    ProtocolError,
    QueueFull,
    QwenGradioError,
    RateLimited,
    ReplyTooLong,
    SpaceNotFound,
    SpaceUnavailable,
)

from ..servers.wrong_server import (
    CLOSE_STREAM,
    EVENT,
    GONE,
    HEARTBEAT,
    Fault,
    Move,
    Step,
    appended,
    changed,
    changed_raw,
    chatbot,
    closed,
    completed,
    cut,
    dripping,
    ended,
    estimation,
    event,
    first,
    for_ever,
    generating,
    half_closed,
    in_pieces,
    not_chunked,
    not_http,
    pause,
    redirected,
    refused_from_here_on,
    reset,
    saying,
    silent,
    starts,
    streaming,
    without_end,
)

WHOLE = "Hello wörld"
HEL: list[Move] = [estimation(), starts(), first("Hel")]
LO: list[Move] = [appended("lo wörld"), completed(WHOLE), CLOSE_STREAM]
RIGHT = [*HEL, *LO]

SHORT = 0.3  # seconds

HTML = b"<!DOCTYPE html><html><body><h1>Something</h1></body></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000
NOT_UTF8 = b'{"event_id": "\xff\xfe"}'
LONG = "a" * 20_000_000
TEN_MB = "a" * 10_000_000
IN_AN_HOUR = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)


@dataclass(frozen=True)
class Case:
    """What is done, and what must come of it.

    Attributes:
        raises: the classes any of which is right.
        reply: the whole reply, where that is right (too).
        partial: what there was of it when it failed.
        deadline: which, of a DeadlineExceeded.
        says: what stands in the error's text.
        retry_after: between which seconds.
        timeouts: those that count here.
        options: for the client.
    """

    name: str
    raises: tuple[type[QwenGradioError], ...] = ()
    reply: str | None = None
    partial: str = ""
    deadline: str = ""
    says: str = ""
    retry_after: tuple[float, float] | None = None
    timeouts: Mapping[str, float | None] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    wrong: Mapping[Step, Fault] = field(default_factory=dict)
    stream: Sequence[Move] = tuple(RIGHT)


def _broken_off() -> Iterator[Case]:
    steps: tuple[Step, ...] = ("connect", "config", "info", "join", "stream")
    for step in steps:
        for fault in (reset, closed, half_closed):
            yield Case(f"{step}: {fault.__name__}", (ConnectionLost,), wrong={step: fault})
        deadline = "queue" if step == "stream" else "connect"
        yield Case(
            f"{step}: black hole",
            (DeadlineExceeded,),
            deadline=deadline,
            timeouts={deadline: SHORT},
            wrong={step: silent},
        )
    before: dict[Step, Step] = {"info": "config", "join": "info", "stream": "join"}
    for step, at in before.items():
        # Once the question was taken, the connection is lost, too.
        refused = (CannotConnect, ConnectionLost) if step == "stream" else (CannotConnect,)
        yield Case(f"{step}: refused", refused, wrong={at: refused_from_here_on})
    bodies: tuple[Step, ...] = ("config", "info", "join")
    for step in bodies:
        for fault in (reset, closed, half_closed):
            yield Case(f"{step}: half, then {fault.__name__}", (ConnectionLost,), wrong={step: cut(fault)})
        for name, faulty in (("half, then silence", cut(silent)), ("a byte at a time, for ever", dripping)):
            wrong = {step: faulty}
            yield Case(
                f"{step}: {name}", (DeadlineExceeded,), deadline="connect", timeouts={"connect": SHORT}, wrong=wrong
            )
    half = event(appended("lo wörld"))[:60]
    for fault in (reset, closed, half_closed):
        name = fault.__name__
        yield Case(f"queued, then {name}", (ConnectionLost,), stream=[estimation(), fault])
        yield Case(f"started, then {name}", (ConnectionLost,), stream=[estimation(), starts(), fault])
        yield Case(f"mid-reply: {name}", (ConnectionLost,), partial="Hel", stream=[*HEL, fault])
        yield Case(f"mid-message: {name}", (ConnectionLost,), partial="Hel", stream=[*HEL, half, fault])
    yield Case("mid-reply: the stream ends", (ConnectionLost,), partial="Hel", stream=HEL)
    yield Case("mid-message: the stream ends", (ConnectionLost,), partial="Hel", stream=[*HEL, half])
    yield Case("mid-reply: close_stream", (ConnectionLost,), partial="Hel", stream=[*HEL, CLOSE_STREAM])
    yield Case("an empty stream", (ConnectionLost,), stream=[])


def _late() -> Iterator[Case]:
    def late(name: str, deadline: str, stream: list[Move], partial: str = "", seconds: float = SHORT) -> Case:
        return Case(
            name, (DeadlineExceeded,), partial=partial, deadline=deadline, timeouts={deadline: seconds}, stream=stream
        )

    half = event(appended("lo wörld"))[:60]
    yield late("joined, then silence", "queue", [silent])
    yield late("queued, then silence", "queue", [estimation(rank=3), silent])
    yield late("queued, then heartbeats only", "queue", [estimation(rank=3), for_ever(HEARTBEAT)])
    yield late("a queue that never moves", "queue", [for_ever(estimation(rank=3, queue_size=4))])
    yield late("started, then silence", "first", [estimation(), starts(), silent])
    yield late("started, then heartbeats only", "first", [estimation(), starts(), for_ever(HEARTBEAT)])
    empty: list[Move] = [estimation(), starts(), first(""), for_ever(generating([[], [], []]))]
    yield late("started, then updates without a word", "first", empty)
    yield late("mid-reply: silence", "silence", [*HEL, silent], "Hel")
    yield late("mid-reply: heartbeats only", "silence", [*HEL, for_ever(HEARTBEAT)], "Hel")
    yield late("mid-reply: updates with nothing new", "silence", [*HEL, for_ever(generating([[], [], []]))], "Hel")
    yield late("mid-message: silence", "silence", [*HEL, half, silent], "Hel")
    drip = in_pieces(event(appended("lo wörld" * 1000)), every=0.02)
    yield late("mid-message: a byte at a time", "silence", [*HEL, *drip], "Hel")
    yield late("in all: heartbeats", "total", [*HEL, for_ever(HEARTBEAT)], "Hel", 5 * SHORT)
    yield late("in all: queued", "total", [for_ever(*(estimation(rank=n) for n in (3, 2)))])


def _statuses() -> Iterator[Case]:
    steps: tuple[Step, ...] = ("config", "info", "join", "stream")
    statuses: dict[str, type[QwenGradioError]] = {
        "401 Unauthorized": NeedsAuthentication,
        "403 Forbidden": NeedsAuthentication,
        "404 Not Found": SpaceNotFound,
        "500 Internal Server Error": SpaceUnavailable,
        "502 Bad Gateway": SpaceUnavailable,
        "503 Service Unavailable": SpaceUnavailable,
    }
    for step in steps:
        for status, raised in statuses.items():
            is_unknown = step == "info" and raised is SpaceNotFound  # it is there, and says which Gradio it runs
            yield Case(
                f"{step}: {status[:3]}",
                (ProtocolError if is_unknown else raised,),
                says=status[:3] * (status[0] == "5"),
                wrong={step: saying(HTML, status, "text/html")},
            )
        for name, retry_after, seconds in (
            ("7", "7", (7.0, 7.0)),
            ("a date", IN_AN_HOUR, (1.0, 3600.0)),
            ("nonsense", "soon", None),
        ):
            limited = saying(b"{}", "429 Too Many Requests", "application/json", f"Retry-After: {retry_after}")
            yield Case(f"{step}: 429, after {name}", (RateLimited,), retry_after=seconds, wrong={step: limited})
        sent_away = (NotAGradioApp,) if step in ("config", "info") else (NotAGradioApp, ProtocolError)
        yield Case(f"{step}: 307 to elsewhere", sent_away, wrong={step: redirected})
    full = {"detail": "Queue is full. Max size is 1 and size is 1."}
    yield Case("join: 503, queue full", (QueueFull,), wrong={"join": saying(full, "503 Service Unavailable")})
    told = {"detail": "no such thing"}
    yield Case("join: 422", (ProtocolError, AppRaised), wrong={"join": saying(told, "422 Unprocessable Entity")})


def _nonsense_described() -> Iterator[Case]:
    nonsense: dict[str, bytes | object] = {
        "nothing": b"",
        "HTML": HTML,
        "truncated": b'{"version": "6.31.0", "components": [{"id": 1',
        "not UTF-8": NOT_UTF8,
        "20 MB": {"junk": LONG},
        "100,000 levels": DEEP,
        "a list": [1],
        "a number": 7,
        "null": None,
        "a string": "config",
        "{}": {},
    }
    steps: tuple[Step, ...] = ("config", "info")
    for step in steps:
        for name, body in nonsense.items():
            kind = "text/html" if body == HTML else "application/json"
            yield Case(f"{step}: {name}", (NotAGradioApp,), wrong={step: saying(body, "200 OK", kind)})
    fields: dict[str, dict[str, Any]] = {
        "components a number": {"components": 7},
        "components of numbers": {"components": [7]},
        "components without ids": {"components": [{"type": "textbox"}]},
        "dependencies null": {"dependencies": None},
        "dependencies a string": {"dependencies": "none"},
        "dependencies of numbers": {"dependencies": [7, 8]},
        "no dependencies field": {"dependencies": GONE},
        "inputs a number": {"dependencies": [{"id": 0, "api_name": "model_chat", "inputs": 7, "outputs": [8]}]},
        "api_prefix a number": {"api_prefix": 7},
    }
    for name, change in fields.items():
        yield Case(f"config: {name}", (NotAGradioApp,), wrong={"config": changed(**change)})
    yield Case("config: no dependencies", (EndpointNotFound,), wrong={"config": changed(dependencies=[])})
    for protocol in ("sse_v99", 7):
        unknown = changed(protocol=protocol)
        yield Case(f"config: protocol {protocol}", (NotAGradioApp, ProtocolError), wrong={"config": unknown})
    yield Case("config: version null", (NotAGradioApp,), wrong={"config": changed(version=None)})
    yield Case("config: 100,000 levels within", (NotAGradioApp,), wrong={"config": changed_raw(b"x", DEEP)})
    steps = ("config", "info", "join")
    for step in steps:
        what = (ProtocolError,) if step == "join" else (NotAGradioApp, ProtocolError)
        yield Case(f"{step}: not HTTP", what, wrong={step: not_http})
        unzipped = saying(b"{}", "200 OK", "application/json", "Content-Encoding: gzip")
        yield Case(f"{step}: says gzip, and isn't", what, wrong={step: unzipped})
    described: dict[str, object] = {
        "named_endpoints a number": 7,
        "named_endpoints a list": ["/model_chat"],
        "an endpoint a number": {"/model_chat": 7},
        "parameters a string": {"/model_chat": {"parameters": "query", "returns": []}},
        "parameters of numbers": {"/model_chat": {"parameters": [1, 2, 3], "returns": []}},
    }
    for name, named in described.items():
        yield Case(f"info: {name}", (NotAGradioApp,), wrong={"info": changed(named_endpoints=named)})


def _nonsense_joined() -> Iterator[Case]:
    nonsense: dict[str, bytes | object] = {
        "nothing": b"",
        "HTML": HTML,
        "truncated": b'{"event_id": "e',
        "not UTF-8": NOT_UTF8,
        "20 MB": {"junk": LONG},
        "100,000 levels": DEEP,
        "a list": [EVENT],
        "a number": 7,
        "null": None,
        "{}": {},
        "event_id a number": {"event_id": 7},
        "event_id null": {"event_id": None},
        "event_id a list": {"event_id": [EVENT]},
    }
    for name, body in nonsense.items():
        yield Case(f"join: {name}", (ProtocolError,), wrong={"join": saying(body)})


def _nonsense_streamed() -> Iterator[Case]:
    def wrong(name: str, *moves: Move) -> Case:
        return Case(f"stream: {name}", (ProtocolError,), partial="Hel", stream=[*HEL, *moves, *LO])

    yield Case("stream: an HTML page", (ProtocolError,), wrong={"stream": streaming("text/html", HTML)})
    told = json.dumps({"detail": "no"}).encode()
    yield Case("stream: a JSON body", (ProtocolError,), wrong={"stream": streaming("application/json", told)})
    yield wrong("HTML for a message", b"data: " + HTML + b"\n\n")
    yield wrong("truncated JSON", event(appended("lo"))[:40] + b"\n\n")
    yield wrong("not UTF-8", b'data: {"msg": "process_generating", "event_id": "e1", "x": "\xff\xfe"}\n\n')
    yield wrong("100,000 levels", b"data: " + DEEP + b"\n\n")
    for name, value in (("a list", b"[1]"), ("a number", b"7"), ("null", b"null"), ("a string", b'"x"')):
        yield wrong(f"{name} for a message", b"data: " + value + b"\n\n")
    outputs: dict[str, object] = {"a list": [1], "a number": 7, "null": None, "{}": {}, "data 7": {"data": 7}}
    for name, output in outputs.items():
        if name != "{}":  # which brings nothing
            yield wrong(f"generating, output {name}", {**generating([]), "output": output})
        yield wrong(f"completed, output {name}", ended(output))
    diffs: dict[str, object] = {
        "a number": 7,
        "of numbers": [7],
        "out of range": [["append", [9, "content", 0, "text"], "x"]],
        "to a missing key": [["append", [1, "contents"], "x"]],
        "of an unknown kind": [["explode", [1, "content", 0, "text"], "x"]],
        "a number to a text": [["append", [1, "content", 0, "text"], 7]],
        "path a number": [["append", 7, "x"]],
    }
    for name, diff in diffs.items():
        yield wrong(f"diff {name}", generating([[], diff, []]))
    yield wrong("the first update again", first("Hel"))
    yield wrong("completed, the Chatbot a number", ended({"data": ["", 7, "system"]}))
    yield wrong("completed, data empty", ended({"data": []}))
    yield Case("stream: not HTTP", (ProtocolError, ConnectionLost), wrong={"stream": not_http})
    yield Case("stream: not chunked", (ProtocolError, ConnectionLost), partial="Hel", stream=[*HEL, pause, not_chunked])
    # The limit of bytes ends it, and no deadline: gradio_client searches all that it has read at each piece.
    unbounded: dict[str, float | None] = {"silence": None, "total": None}
    yield replace(wrong("an event without an end", without_end), timeouts=unbounded)
    yield wrong("20 MB of an unknown message", {"msg": "news", "event_id": EVENT, "junk": LONG})


def _harmless() -> Iterator[Case]:
    def harmless(name: str, *moves: Move) -> Case:
        return Case(f"harmless: {name}", reply=WHOLE, stream=moves)

    def within(name: str, *moves: Move) -> Case:
        return harmless(name, *HEL, *moves, *LO)

    yield harmless("nothing wrong", *RIGHT)
    yield within("an unknown msg of nobody's", {"msg": "news", "event_id": None})
    log = {"msg": "log", "event_id": EVENT, "log": "note", "level": "info", "title": "Info", "duration": 10}
    yield within("log", log)
    yield within("log with wrong fields", {"msg": "log", "event_id": EVENT, "log": 7, "level": [1]})
    progress = {"index": 1, "length": 2, "unit": "steps", "progress": None, "desc": None}
    yield within("progress", {"msg": "progress", "event_id": EVENT, "progress_data": [progress]})
    yield within("progress_data on an update", {**generating([[], [], []]), "progress_data": [{"index": "x"}]})
    yield within("heartbeats", HEARTBEAT, HEARTBEAT)
    yield within("a heartbeat without event_id", {"msg": "heartbeat"})
    yield harmless("rank and size of wrong types", estimation(rank="x", queue_size=None, rank_eta=[1]), *RIGHT[1:])
    yield harmless("estimation without fields", {"msg": "estimation", "event_id": EVENT}, *RIGHT[1:])
    yield within("estimation after the start", estimation(rank=5), starts())
    yield harmless("started twice", estimation(), starts(), *RIGHT[1:])
    yield within("an update twice", appended("lo"), appended("lo"))
    yield harmless("updates before the start", first("Hel"), starts(), estimation(), *LO)
    yield harmless("no start", estimation(), first("Hel"), *LO)
    yield harmless("no updates", estimation(), starts(), *LO[1:])
    yield harmless("the end alone", LO[1])
    yield harmless("updates after the end", *HEL, LO[0], LO[1], appended("!"), first("no"), CLOSE_STREAM)
    yield harmless("completed twice", *HEL, LO[0], LO[1], LO[1], CLOSE_STREAM)
    yield harmless("closed twice", *RIGHT, CLOSE_STREAM)
    yield harmless("nonsense after the end", *RIGHT, b"data: {\n\n", b"\xff\n\n")
    failed = ended({"error": "late"}, success=False)
    yield harmless("failed after the end", *HEL, LO[0], LO[1], failed, CLOSE_STREAM)
    other = (starts(event_id="e2"), first("Other", event_id="e2"), completed("Other", event_id="e2"))
    yield within("another's reply", *other)
    yield within("another's failure", ended({"error": "not ours"}, event_id="e2", success=False))
    yield within("another's nonsense", generating(7, event_id="e2"), ended(7, event_id="e2"))
    yield within("event_id a number", first("Other", event_id=7))
    yield within("success missing", {name: value for name, value in appended("").items() if name != "success"})
    yield harmless("never closed", *RIGHT[:-1], silent)
    yield harmless("never closed, with heartbeats", *RIGHT[:-1], for_ever(HEARTBEAT))
    yield harmless("reset after the end", *RIGHT[:-1], reset)
    yield harmless("closed after the end", *RIGHT, closed)
    bare = [event(move) for move in RIGHT if isinstance(move, dict)]
    yield harmless("no blank after data:", *(data.replace(b"data: ", b"data:", 1) for data in bare))
    yield harmless("all at once", b"".join(bare))
    yield harmless("a byte a segment", *in_pieces(b"".join(bare)))
    update = event(appended("lo wörld"))
    middle = update.index("ö".encode()) + 1
    yield harmless("split within a character", *HEL, update[:middle], pause, update[middle:], *LO[1:])
    kind = "text/plain"
    yield Case("harmless: as text/plain", reply=WHOLE, wrong={"stream": streaming(kind, b"".join(bare))})
    yield Case(
        "harmless: a lone surrogate",
        reply="a\ud800b",
        stream=[b"data: " + json.dumps(completed("a\ud800b")).encode() + b"\n\n"],
    )


def _unknown_to_gradio_client() -> Iterator[Case]:
    """What a page in a browser could read, or leave out, and gradio_client can't."""

    def unknown(name: str, *moves: Move, partial: str = "Hel") -> Case:
        stream = [*HEL, *moves, *LO] if partial else moves
        return Case(f"unknown: {name}", (ProtocolError,), partial=partial, stream=stream)

    yield unknown("msg", {"msg": "news", "event_id": EVENT, "output": {"data": [1]}})
    yield unknown("no msg", {"event_id": EVENT})
    yield unknown("{}", {})
    yield unknown("msg a list", {"msg": ["process_completed"], "event_id": EVENT})
    yield unknown("msg a number", {"msg": 7, "event_id": EVENT})
    yield unknown("msg null", {"msg": None, "event_id": EVENT})
    yield unknown("progress with wrong fields", {"msg": "progress", "event_id": EVENT, "progress_data": 7})
    yield unknown("event_id a list", first("Other", event_id=[1]))
    yield unknown("comments", b": ping\n\n", b":\n\n")
    yield unknown("other fields", b"event: message\nid: 7\nretry: 10\n\n")
    yield unknown("lines that are no field", b"hello\n\n", b"\n\n", b"\n")
    yield unknown("data without a value", b"data:\n\n", b"data\n\n")
    bare = [event(move) for move in RIGHT if isinstance(move, dict)]
    ways: dict[str, Sequence[Move]] = {
        "fields beside data": [b"event: message\n" + data[:-1] + b"id: 1\n\n" for data in bare],
        "data of two lines": [data.replace(b',"', b',\ndata: "', 1) for data in bare],
        "CRLF": [data.replace(b"\n", b"\r\n") for data in bare],
        "CR": [data.replace(b"\n", b"\r") for data in bare],
        "a BOM": [b"\xef\xbb\xbf" + b"".join(bare)],
        "CRLF, a byte a segment": in_pieces(b"".join(bare).replace(b"\n", b"\r\n")),
    }
    for name, moves in ways.items():
        yield unknown(name, *moves, partial="")


def _app() -> Iterator[Case]:
    def failed(name: str, output: object, says: str = "") -> Case:
        return Case(
            f"failed: {name}",
            (AppRaised,),
            partial="Hel",
            says=says,
            stream=[*HEL, ended(output, success=False), CLOSE_STREAM],
        )

    yield failed("error a text", {"error": "out of memory"}, "out of memory")
    yield failed("error null", {"error": None})
    yield failed("error a number", {"error": 7})
    yield failed("error a dict", {"error": {"why": "x"}})
    yield failed("error with fields that gradio_client knows", {"error": "x9", "title": "T", "visible": True}, "x9")
    yield failed(
        "error with others beside it", {"error": "x9", "title": "T", "visible": 1, "new": []}, "its code raised"
    )
    yield failed("output with data too", {"error": "x9", "data": chatbot("no")}, "its code raised")
    for name, output in (("{}", {}), ("null", None), ("a list", ["x"]), ("a number", 7)):
        stream = [*HEL, ended(output, success=False), CLOSE_STREAM]
        yield Case(f"failed: output {name}", (ProtocolError,), partial="Hel", stream=stream)
    told = "x" * 2_000_000
    yield Case(
        "failed: before a word",
        (AppRaised,),
        says="boom",
        stream=[estimation(), ended({"error": "boom"}, success=False)],
    )
    yield failed("error of 2 MB", {"error": told}, "xxx")
    unexpected = {"msg": "unexpected_error", "success": False, "message": "it broke"}
    # gradio_client leaves out what is nobody's, and knows no status for it otherwise.
    for name, event_id, error in (("nobody's", None, ConnectionLost), ("ours", EVENT, ProtocolError)):
        stream = [*HEL, {**unexpected, "event_id": event_id}, CLOSE_STREAM]
        yield Case(f"unexpected_error, {name}", (error,), partial="Hel", stream=stream)
    gone = (ConnectionLost, ProtocolError)
    stopped = {**unexpected, "event_id": EVENT, "message": "Server stopped unexpectedly."}
    yield Case("unexpected_error, the server stops", gone, partial="Hel", stream=[*HEL, stopped])
    lost = {**unexpected, "event_id": None, "message": "404: Not Found", "session_not_found": True}
    yield Case("unexpected_error, no such session", gone, stream=[lost])
    untold = {"msg": "unexpected_error", "event_id": None}
    yield Case("unexpected_error, no message", (ConnectionLost,), partial="Hel", stream=[*HEL, untold])
    yield Case("nothing said", (EmptyReply,), stream=[estimation(), starts(), completed(""), CLOSE_STREAM])
    again = ended({"data": ["", [], "system"]})
    yield Case("an empty Chatbot", (EmptyReply,), stream=[estimation(), starts(), again, CLOSE_STREAM])
    longer = [*HEL, appended("lo wörld, and more"), completed("Hello wörld, and more"), CLOSE_STREAM]
    yield Case("too long", (ReplyTooLong,), partial="Hel", options={"max_reply_chars": 10}, stream=longer, says="10")
    yield Case("too long at once", (ReplyTooLong,), options={"max_reply_chars": 10}, stream=[completed(WHOLE)])
    yield Case("as long as may be", reply=WHOLE, options={"max_reply_chars": len(WHOLE)})
    many = {"max_reply_chars": len(TEN_MB)}
    yield Case("10 MB in one update", reply=TEN_MB, options=many, stream=[*HEL[:2], first(TEN_MB), completed(TEN_MB)])
    yield Case(
        "without an end",
        (ReplyTooLong,),
        partial="Hel",
        options={"max_reply_chars": 3},
        stream=[*HEL, for_ever(appended("x"))],
    )


CASES = [
    *_broken_off(),
    *_late(),
    *_statuses(),
    *_nonsense_described(),
    *_nonsense_joined(),
    *_nonsense_streamed(),
    *_harmless(),
    *_unknown_to_gradio_client(),
    *_app(),
]

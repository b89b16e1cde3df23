"""Events of a reply -> OpenAI's chunks; errors -> HTTP statuses; an estimate of tokens. Pure: no I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..errors import (
    AllFailed,
    DeadlineExceeded,
    EndpointNotFound,
    NeedsAuthentication,
    QueueFull,
    QwenGradioError,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
    UsageError,
)
from ..reply.events import Event, Finished, Fragment, Kind
from ..text.messages import Message
from ..text.snapshots import appended_text
from .openai_requests import content_as_text

MAX_CLIENTS = 64  # that an adapter keeps, of each kind; the oldest are dropped
PROVIDER = "qwen_gradio"  # the name of this package among other tools' providers


class StopSequences:
    """Cuts a stream of text before the first of several sequences, which may be split between fragments.

    Args:
        sequences: the sequences; none for a stream that is left as it is.

    Attributes:
        found: True once one of the sequences was found: nothing follows.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self.found = False
        self._sequences = tuple(sequences)
        self._pattern = re.compile("|".join(map(re.escape, sequences)))
        self._held = ""  # the start of a sequence, perhaps

    def feed(self, text: str) -> str:
        """Return the text that is certain to be before a sequence."""
        if self.found or not self._sequences:
            return "" if self.found else text
        text, self._held = self._held + text, ""
        match = self._pattern.search(text)
        if match is not None:
            self.found = True
            return text[: match.start()]
        keep = len(text) - self._longest_start(text)
        self._held = text[keep:]
        return text[:keep]

    def _longest_start(self, text: str) -> int:
        """Return the length of the longest end of a text that begins a sequence."""
        longest = max(map(len, self._sequences)) - 1
        ends = (text[-length:] for length in range(min(longest, len(text)), 0, -1))
        return next((len(end) for end in ends if any(one.startswith(end) for one in self._sequences)), 0)

    def finish(self) -> str:
        """Return what was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return held


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed reply.

    Attributes:
        text: the text to append.
        kind: "answer" or "thinking".
    """

    text: str
    kind: Kind = "answer"


class Deltas:
    """Converts the events of a reply to deltas, which can only append.

    Where a Space rewrites words, the new text is given whole, as `Reply` does.

    Args:
        stop: the sequences that end the answer.

    Attributes:
        sent: what was given so far, by kind.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.sent: dict[Kind, str] = {"answer": "", "thinking": ""}
        self._shown: dict[Kind, str] = {"answer": "", "thinking": ""}
        self._stop = StopSequences(stop)

    @property
    def stopped(self) -> bool:
        """True once a stop sequence has ended the answer: nothing follows."""
        return self._stop.found

    def feed(self, event: Event) -> Delta | None:
        """Return the next delta; None if the event brings none."""
        if isinstance(event, Fragment):
            text = self._appended(event)
            return self._delta(self._stop.feed(text) if event.kind == "answer" else text, event.kind)
        return self._delta(self._stop.finish(), "answer") if isinstance(event, Finished) else None

    def _appended(self, fragment: Fragment) -> str:
        before = self._shown[fragment.kind]
        after = self._shown[fragment.kind] = before[: fragment.start] + fragment.text
        if fragment.start == len(before):
            return fragment.text
        added = appended_text(before, after)
        return after if added is None else added

    def _delta(self, text: str, kind: Kind) -> Delta | None:
        self.sent[kind] += text
        return Delta(text, kind) if text else None


def cut(text: str, stop: Sequence[str]) -> str:
    """Return a text up to the first of the stop sequences."""
    stops = StopSequences(stop)
    return stops.feed(text) + stops.finish()


# --- answers

FinishReason: TypeAlias = Literal["stop"]


def count_tokens(text: str) -> int:
    """Estimate the number of tokens of a text: four bytes of UTF-8 each, as is usual for English and Chinese."""
    return -(-len(text.encode(errors="replace")) // 4)


def usage(messages: Sequence[Message], answer: str, thinking: str = "") -> dict[str, Any]:
    """Return the usage of a reply, by `count_tokens`; it is marked as estimated."""
    prompt = sum(count_tokens(content_as_text(message.get("content"))) for message in messages)
    reasoning = count_tokens(thinking)
    completion = count_tokens(answer) + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        "estimated": True,
    }


def chunk(
    id_: str,
    model: str,
    created: int,
    delta: Delta | None = None,
    *,
    is_first: bool = False,
    finish_reason: FinishReason | None = None,
    usage: Mapping[str, Any] | None = None,
    space: str | None = None,
) -> dict[str, Any]:
    """Return one chunk of a streamed completion.

    Args:
        id_: the id of the completion.
        model: the name of the model.
        created: when it was begun, in seconds since 1970.
        delta: the text; None for none.
        is_first: True for the first chunk, which has the role, too.
        finish_reason: why it ends; None if it doesn't.
        usage: the usage, in a last chunk without choices; None for any other.
        space: the Space that answers.
    """
    content = {} if delta is None else {"content" if delta.kind == "answer" else "reasoning_content": delta.text}
    role = {"role": "assistant"} if is_first else {}
    choice = {"index": 0, "delta": {**role, **content}, "finish_reason": finish_reason}
    head = _head(id_, "chat.completion.chunk", model, created, space)
    return {**head, "choices": [choice]} if usage is None else {**head, "choices": [], "usage": usage}


def completion(
    id_: str,
    model: str,
    created: int,
    answer: str,
    *,
    thinking: str = "",
    usage: Mapping[str, Any],
    space: str | None = None,
) -> dict[str, Any]:
    """Return a whole completion. Arguments are those of `chunk`, and the texts."""
    reasoning = {"reasoning_content": thinking} if thinking else {}
    message = {"role": "assistant", "content": answer, "refusal": None, **reasoning}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_head(id_, "chat.completion", model, created, space), "choices": [choice], "usage": usage}


def _head(id_: str, object_: str, model: str, created: int, space: str | None) -> dict[str, Any]:
    return {"id": id_, "object": object_, "created": created, "model": model, "system_fingerprint": space}


# --- errors

# The HTTP status of each error, the most specific first; for others that of a gateway.
STATUSES: Sequence[tuple[type[QwenGradioError], int]] = (
    (UsageError, 400),
    (NeedsAuthentication, 401),
    (SpaceNotFound, 404),
    (EndpointNotFound, 404),
    (RateLimited, 429),
    (QueueFull, 503),
    (SpaceUnavailable, 503),
    (DeadlineExceeded, 504),
)
BAD_GATEWAY = 502
TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
RETRY_AFTER = 5.0  # seconds, where the Space names none


def error_status(exc: QwenGradioError) -> int:
    """Return the HTTP status of an error; of several, that of the one that `_most_hopeful` picks."""
    exc = _most_hopeful(exc)
    return next((status for error, status in STATUSES if isinstance(exc, error)), BAD_GATEWAY)


def _most_hopeful(exc: QwenGradioError) -> QwenGradioError:
    """Return the error that says best what the caller can do: of several, the first after which to try again."""
    if not isinstance(exc, AllFailed):
        return exc
    errors = [_most_hopeful(one) for one in exc.exceptions if isinstance(one, QwenGradioError)]
    return next((one for one in errors if one.retryable), errors[0] if errors else exc)


def error_body(exc: QwenGradioError) -> dict[str, Any]:
    """Return the body of an error, in OpenAI's form; its code is the name of our exception."""
    code = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(_most_hopeful(exc)).__name__).lower()
    return error_object(str(exc), error_status(exc), code)


def error_object(message: str, status: int, code: str) -> dict[str, Any]:
    """Return an error in OpenAI's form."""
    type_ = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def error_headers(exc: QwenGradioError) -> dict[str, str]:
    """Return the headers of an error: when to try again, or, in that of OpenAI's clients, not to."""
    exc = _most_hopeful(exc)
    if not exc.retryable:
        return {"x-should-retry": "false"}
    if isinstance(exc, RateLimited | QueueFull):
        seconds = getattr(exc, "retry_after", None) or RETRY_AFTER
        return {"retry-after": str(math.ceil(seconds))}
    return {}

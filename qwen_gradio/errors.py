"""Every exception of this package, as one tree.

QwenGradioError
├── UsageError (ValueError)         an invalid argument: raised before the question is sent
│   ├── InvalidMessages             no question, an unknown role, content that can't be sent, an answer last
│   ├── InvalidSpace                not an id, an alias or a URL
│   └── InvalidOption               an unknown option, or a value out of its range
├── SpaceError                      the Space was reached, but its reply is not complete
│   ├── SpaceNotFound               no such Space, or a private one
│   ├── SpaceUnavailable *          an HTTP error; the Space is asleep, paused, building or broken (`state`)
│   ├── NotAGradioApp               no Gradio app at the URL
│   ├── NeedsAuthentication         no token or password, or a wrong one
│   ├── RateLimited *               too many requests, or a GPU quota used up (`retry_after`)
│   ├── QueueFull *                 its queue is full
│   ├── EndpointNotFound            no chat endpoint, or none of that name
│   ├── AppRaised                   an exception in the Space's own code
│   ├── ProtocolError               data that gradio_client can't read
│   ├── EmptyReply *                finished without text
│   └── ReplyTooLong                more text than `max_reply_chars`
├── TransportError                  the connection failed
│   ├── CannotConnect *             refused, no such host, TLS or proxy failure
│   ├── ConnectionLost *            closed before the reply was complete
│   └── DeadlineExceeded * (TimeoutError)   one of the `Timeouts` passed (`deadline`)
├── ProviderFailed                  a fallback provider raised an exception that is not a QwenGradioError
└── AllFailed (ExceptionGroup)      the Space and every fallback failed (`exceptions`)

* `retryable`: another attempt may succeed.
"""

from __future__ import annotations

import builtins
import reprlib
import sys
from collections.abc import Sequence
from typing import Any

if sys.version_info >= (3, 11):
    _Group = builtins.ExceptionGroup
else:
    from exceptiongroup import ExceptionGroup as _Group  # anyio brings it

__all__ = (
    "AllFailed",
    "AppRaised",
    "CannotConnect",
    "ConnectionLost",
    "DeadlineExceeded",
    "EmptyReply",
    "EndpointNotFound",
    "InvalidMessages",
    "InvalidOption",
    "InvalidSpace",
    "NeedsAuthentication",
    "NotAGradioApp",
    "ProtocolError",
    "ProviderFailed",
    "QueueFull",
    "QwenGradioError",
    "RateLimited",
    "ReplyTooLong",
    "SpaceError",
    "SpaceNotFound",
    "SpaceUnavailable",
    "TransportError",
    "UsageError",
)


# Advice by the state that the Hub reports, more specific than the error's own.
TRANSIENT_STATES = {
    "sleeping": "The request has woken it up: ask again in a minute",
    "building": "Ask again in some minutes",
    "app starting": "Ask again in a minute",
}
TERMINAL_STATES = {
    **dict.fromkeys(("paused", "stopped"), "Only its owner can start it again: use another Space"),
    **dict.fromkeys(("build error", "config error", "runtime error"), "Only its owner can mend it: use another Space"),
    "not found": "Check the Space's id",
}
STATE_ADVICE = {**TRANSIENT_STATES, **TERMINAL_STATES}

MAX_REPR_CHARS = 80
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = MAX_REPR_CHARS


def short_repr(value: object) -> str:
    """Return the repr of an invalid value for a message, at most `MAX_REPR_CHARS` long."""
    try:
        return _REPR.repr(value)[:MAX_REPR_CHARS]
    except Exception:  # noqa: BLE001 - repr fails for ints beyond `sys.get_int_max_str_digits()`, and may in any class
        return f"<{type(value).__name__}>"


class QwenGradioError(Exception):
    """Base class of every exception of this package.

    Attributes:
        space: the Space's id or URL; `""` if the error concerns none.
        partial: the text of the reply before the error; `""` if there was none.
        retryable: True if another attempt may succeed.
        state: the Space's state as the Hub reports it ("sleeping", "paused", …); `""` if it was not fetched.
        __cause__: the exception of another library that caused it; None if none did.
    """

    retryable: bool = False
    advice: str = ""

    def __init__(self, message: str, *, space: str = "", partial: str = "") -> None:
        super().__init__(message)
        self.space = space
        self.partial = partial
        self.state = ""

    def set_state(self, state: str) -> None:
        """Set the state that the Hub reports; a terminal one makes the error not retryable."""
        self.state = state
        if state in TERMINAL_STATES:
            self.retryable = False

    def __str__(self) -> str:
        """Format the Space, the failure, the state and the advice as one line."""
        failure = f"{self.space}: {self.args[0]}" if self.space else str(self.args[0])
        if self.state:
            failure = f"{failure}; the Hub says: {self.state}"
        advice = STATE_ADVICE.get(self.state, self.advice)
        return f"{failure}. {advice}" if advice else failure


class UsageError(QwenGradioError, ValueError):
    """Raised when an argument is invalid, before the question is sent."""


class InvalidMessages(UsageError):
    """Raised when the messages do not end with a question, or are not OpenAI-style messages."""


class InvalidSpace(UsageError):
    """Raised when a Space's name is not an id, an alias or an http(s) URL."""


class InvalidOption(UsageError):
    """Raised when an option is unknown, or a value is out of its range."""


class SpaceError(QwenGradioError):
    """Raised when the Space was reached, but its reply is not complete."""


class SpaceNotFound(SpaceError):
    """Raised when the Space does not exist, or is private."""

    advice = "Check its name or URL; a private Space needs token="


class NotAGradioApp(SpaceError):
    """Raised when no Gradio app answers at the URL."""

    advice = "Check the URL: for a Space it is https://<owner>-<name>.hf.space"


class NeedsAuthentication(SpaceError):
    """Raised when the Space accepts no request without a valid token, or user name and password."""

    advice = "Pass token=, oauth_token= or auth=(user, password), whichever this Space accepts"


class RateLimited(SpaceError):
    """Raised when the Space or the Hub refuses more requests, or the GPU quota is used up.

    Attributes:
        retry_after: seconds to wait before the next attempt; None if unknown.
    """

    retryable = True
    advice = "Wait before asking again, or pass a token"

    def __init__(self, message: str, *, retry_after: float | None = None, space: str = "", partial: str = "") -> None:
        super().__init__(message, space=space, partial=partial)
        self.retry_after = retry_after


class SpaceUnavailable(SpaceError):
    """Raised when the Space answers with an HTTP error: it is asleep, paused, building or broken."""

    retryable = True
    advice = "Open the Space in a browser to see its state and to wake it"


class QueueFull(SpaceError):
    """Raised when the queue of the Space is full."""

    retryable = True
    advice = "Wait a little, or use another Space"


class EndpointNotFound(SpaceError):
    """Raised when the Space has no chat endpoint, or none named `api_name`."""

    advice = "Pass the name of an endpoint as api_name="


class AppRaised(SpaceError):
    """Raised when the Space's own code raises an exception; the message includes the app's, if published.

    Attributes:
        step: the name of the step that raised; `""` if the Space answers in one step.
    """

    step: str = ""
    advice = "The usual causes are a prompt that is too long, a rate limit and moderation"

    def set_step(self, step: str) -> None:
        """Set the step that raised, and name it in the message."""
        self.step = step
        self.args = (f"in its step {step}, {self.args[0]}", *self.args[1:])

    def add_reasons(self, reasons: Sequence[str]) -> None:
        """Name in the message what may have been the reason."""
        if reasons:
            self.args = (f"{self.args[0]} ({'; '.join(reasons)})", *self.args[1:])


class ProtocolError(SpaceError):
    """Raised when the Space sends data that the installed gradio_client can't read."""

    advice = "A newer gradio_client may know this protocol"


class EmptyReply(SpaceError):
    """Raised when the Space finishes without text."""

    retryable = True
    advice = "Ask again, or use another Space"


class ReplyTooLong(SpaceError):
    """Raised when a reply is longer than `max_reply_chars`; `partial` is the text before the limit."""

    advice = "Ask for a shorter reply, or raise max_reply_chars="


class TransportError(QwenGradioError):
    """Raised when the connection to the Space fails."""


class CannotConnect(TransportError):
    """Raised when no connection can be made: refused, no such host, TLS or proxy failure."""

    retryable = True
    advice = "Check the Space's name, the network and the proxy"


class ConnectionLost(TransportError):
    """Raised when the connection is closed before the reply is complete."""

    retryable = True
    advice = "Ask again"


class DeadlineExceeded(TransportError, TimeoutError):
    """Raised when one of the `Timeouts` passes.

    Attributes:
        deadline: the name of the field of `Timeouts`.
    """

    retryable = True
    advice = "Ask again, or allow more seconds in Timeouts"

    def __init__(self, message: str, *, deadline: str = "", space: str = "", partial: str = "") -> None:
        super().__init__(message, space=space, partial=partial)
        self.deadline = deadline


class ProviderFailed(QwenGradioError):
    """Raised when a fallback provider raises an exception that is not a QwenGradioError, its `__cause__`."""


class AllFailed(QwenGradioError, _Group):
    """Raised when the Space and every fallback fail before their first fragment. An ExceptionGroup.

    Attributes:
        exceptions: their errors, in order.
    """

    advice = "See the advice of each error"
    exceptions: tuple[Exception, ...]

    def __new__(cls, message: str, exceptions: Sequence[Exception], **_: Any) -> AllFailed:
        """Create the group."""
        return super().__new__(cls, message, exceptions)

    def __init__(self, message: str, exceptions: Sequence[Exception], *, space: str = "", partial: str = "") -> None:
        _Group.__init__(self, message, exceptions)
        self.space, self.partial, self.state = space, partial, ""

    def __str__(self) -> str:
        """List the errors in one line."""
        errors = "; ".join(f"{type(exc).__name__}: {exc}" for exc in self.exceptions)
        return f"{self.args[0]}: {errors}"

    def __reduce__(self) -> Any:
        return type(self), (self.args[0], self.exceptions), self.__dict__

"""Everything this library raises, as one tree: what you did wrong, what the Space did wrong, what the way there did.

QwenGradioError
├── UsageError (ValueError)         you: raised before the question is sent
│   ├── InvalidMessages             no prompt, an unknown role, content that isn't text, an answer at the end
│   ├── InvalidSpace                no id, alias or URL
│   └── InvalidOption               a parameter that the Space doesn't take, or a setting out of its range
├── SpaceError                      the Space: it was reached, but gave no whole reply
│   ├── SpaceNotFound               there is none of that name, or it is private
│   ├── SpaceUnavailable *          it answers with an HTTP error: asleep, paused, building, broken (`state`)
│   ├── NotAGradioApp               something else answers there
│   ├── NeedsAuthentication         it wants a token or a password that it accepts
│   ├── RateLimited *               it has had enough of us for now, or of our GPU quota (`retry_after`)
│   ├── QueueFull *                 too many are waiting
│   ├── EndpointNotFound            it has nothing that chats
│   ├── AppRaised                   its own code raised while answering
│   ├── ProtocolError               it sent what gradio_client can't read
│   ├── EmptyReply *                it finished without a word
│   └── ReplyTooLong                it said more than `max_reply_chars`
├── TransportError                  the way: the connection failed
│   ├── CannotConnect *             refused, no such host, TLS or proxy trouble
│   ├── ConnectionLost *            it broke off before the reply was whole
│   └── DeadlineExceeded * (TimeoutError)   one of the `Timeouts` passed (`deadline` tells which)
├── ProviderFailed                  another provider, asked as a fallback, raised what is not of this tree
└── AllFailed (ExceptionGroup)      the Space and every fallback: each of their errors (`exceptions`)

* `retryable`: asking again later can help.
"""

from __future__ import annotations

import builtins
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


# What to do about a Space in a state that the Hub reports, where the state tells more than the error.
TRANSIENT_STATES = {
    "sleeping": "Asking it has woken it up: ask again in a minute",
    "building": "Ask again in some minutes",
    "app starting": "Ask again in a minute",
}
TERMINAL_STATES = {
    **dict.fromkeys(("paused", "stopped"), "Only its owner can start it again: use another Space"),
    **dict.fromkeys(("build error", "config error", "runtime error"), "Only its owner can mend it: use another Space"),
    "not found": "Check the Space's id",
}
STATE_ADVICE = {**TRANSIENT_STATES, **TERMINAL_STATES}


class QwenGradioError(Exception):
    """Root of everything that this library raises.

    Attributes:
        space: the Space's id or URL, `""` where none was involved.
        partial: the reply's text as far as it had arrived, `""` if it had not begun.
        retryable: whether asking again later can help.
        state: what the Hub says of a Space that didn't answer ("sleeping", "paused", …); `""` where it wasn't asked.
        __cause__: the foreign exception behind it, where there is one.
    """

    retryable: bool = False
    advice: str = ""

    def __init__(self, message: str, *, space: str = "", partial: str = "") -> None:
        super().__init__(message)
        self.space = space
        self.partial = partial
        self.state = ""

    def set_state(self, state: str) -> None:
        """Note what the Hub says of the Space; in some states, asking again can't help."""
        self.state = state
        if state in TERMINAL_STATES:
            self.retryable = False

    def __str__(self) -> str:
        """The Space, what happened, and what to do next."""
        what = f"{self.space}: {self.args[0]}" if self.space else str(self.args[0])
        if self.state:
            what = f"{what}; the Hub says: {self.state}"
        advice = STATE_ADVICE.get(self.state, self.advice)
        return f"{what}. {advice}" if advice else what


class UsageError(QwenGradioError, ValueError):
    """Raised when the call itself is wrong; no network was touched."""


class InvalidMessages(UsageError):
    """Raised when the messages hold no question, or something that can't be asked."""


class InvalidSpace(UsageError):
    """Raised when a Space's name is no id, no alias and no http(s) URL."""


class InvalidOption(UsageError):
    """Raised when an option is not one that the Space takes, or a setting is out of its range."""


class SpaceError(QwenGradioError):
    """Raised when the Space was reached but gave no whole reply."""


class SpaceNotFound(SpaceError):
    """Raised when there is no Space of that name, or it is a private one."""

    advice = "Check its name or URL; a private Space needs token="


class NotAGradioApp(SpaceError):
    """Raised when what answers at the URL is no Gradio app that gradio_client can read."""

    advice = "Check the URL: for a Space it is https://<owner>-<name>.hf.space"


class NeedsAuthentication(SpaceError):
    """Raised when the Space turns us away for want of a token, or a user's name and password, that it accepts."""

    advice = "Pass token=, or auth=(user, password), that this Space accepts"


class RateLimited(SpaceError):
    """Raised when the Space, or the Hub before it, has had too many requests from here, or its GPU quota is used up.

    Attributes:
        retry_after: seconds to wait before asking again; None if it doesn't tell.
    """

    retryable = True
    advice = "Wait before asking again, or pass a token"

    def __init__(self, message: str, *, retry_after: float | None = None, space: str = "", partial: str = "") -> None:
        super().__init__(message, space=space, partial=partial)
        self.retry_after = retry_after


class SpaceUnavailable(SpaceError):
    """Raised when the Space answers with an HTTP error: asleep, paused, building or broken."""

    retryable = True
    advice = "Open the Space in a browser to see its state and to wake it"


class QueueFull(SpaceError):
    """Raised when the Space takes no more into its queue."""

    retryable = True
    advice = "Wait a little, or use another Space"


class EndpointNotFound(SpaceError):
    """Raised when the Space has no endpoint that takes a text and answers in a Chatbot or a text, or not that one."""

    advice = "Name another by api_name="


class AppRaised(SpaceError):
    """Raised when the Space's own code raised; the message is the app's, where it tells."""

    advice = "Too long a prompt, a rate limit or moderation are the usual reasons"


class ProtocolError(SpaceError):
    """Raised when the Space sends what the installed gradio_client can't read."""

    advice = "A newer gradio_client may know this protocol"


class EmptyReply(SpaceError):
    """Raised when the Space finishes without having said anything that can be read."""

    retryable = True
    advice = "Ask again, or use another Space"


class ReplyTooLong(SpaceError):
    """Raised when a reply grows beyond `max_reply_chars`; `partial` is what had come before."""

    advice = "Ask for less, or allow more by max_reply_chars="


class TransportError(QwenGradioError):
    """Raised when the connection to the Space fails."""


class CannotConnect(TransportError):
    """Raised when no connection comes about: refused, no such host, TLS or proxy trouble."""

    retryable = True
    advice = "Check the Space's name, the network and the proxy"


class ConnectionLost(TransportError):
    """Raised when the connection ends before the reply is whole."""

    retryable = True
    advice = "Ask again"


class DeadlineExceeded(TransportError, TimeoutError):
    """Raised when one of the `Timeouts` passes.

    Attributes:
        deadline: which of them, by its field's name.
    """

    retryable = True
    advice = "Ask again, or allow more seconds in Timeouts"

    def __init__(self, message: str, *, deadline: str = "", space: str = "", partial: str = "") -> None:
        super().__init__(message, space=space, partial=partial)
        self.deadline = deadline


class ProviderFailed(QwenGradioError):
    """Raised when a provider that was asked as a fallback fails with an exception of its own, its `__cause__`."""


class AllFailed(QwenGradioError, _Group):
    """Raised when the first choice and every fallback failed before they said a word; an ExceptionGroup of why.

    Attributes:
        exceptions: what each raised, in the order in which they were asked.
    """

    advice = "Each of them tells what to do"
    exceptions: tuple[Exception, ...]

    def __new__(cls, message: str, exceptions: Sequence[Exception], **_: Any) -> AllFailed:
        """Make the group."""
        return super().__new__(cls, message, exceptions)

    def __init__(self, message: str, exceptions: Sequence[Exception], *, space: str = "", partial: str = "") -> None:
        _Group.__init__(self, message, exceptions)
        self.space, self.partial, self.state = space, partial, ""

    def __str__(self) -> str:
        """Each of them, in a line."""
        told = "; ".join(f"{type(exc).__name__}: {exc}" for exc in self.exceptions)
        return f"{self.args[0]}: {told}"

    def __reduce__(self) -> Any:
        return type(self), (self.args[0], self.exceptions), self.__dict__

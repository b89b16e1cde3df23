"""Everything this library raises, as one tree: what you did wrong, what the Space did wrong, what the way there did.

QwenGradioError
├── UsageError (ValueError)         you: raised before any network is touched
│   ├── InvalidMessages             no prompt, an unknown role, content that isn't text, an answer at the end
│   ├── InvalidSpace                no id, alias or URL
│   └── InvalidOption               a parameter that the Space doesn't take, or a setting out of its range
├── SpaceError                      the Space: it was reached, but gave no whole reply
│   ├── NotAGradioApp               something else answers there
│   ├── NeedsAuthentication         it wants a token or a password that it accepts
│   ├── RateLimited *               it has had enough of us for now
│   ├── SpaceUnavailable *          it answers with an HTTP error: asleep, paused, building, broken
│   ├── QueueFull *                 too many are waiting
│   ├── EndpointNotFound            it has nothing that chats
│   ├── AppRaised                   its own code raised while answering
│   ├── ProtocolError               it sent what gradio_client can't read
│   └── EmptyReply *                it finished without a word
└── TransportError                  the way: the connection failed
    ├── CannotConnect *             refused, no such host, TLS or proxy trouble
    ├── ConnectionLost *            it broke off before the reply was whole
    └── DeadlineExceeded * (TimeoutError)

* `retryable`: asking again later can help.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = (
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
    "QueueFull",
    "QwenGradioError",
    "RateLimited",
    "SpaceError",
    "SpaceUnavailable",
    "TransportError",
    "UsageError",
)


# What to do about a Space in a state that the Hub reports, where the state tells more than the error.
STATES = {
    "sleeping": "Asking it has woken it up: ask again in a minute",
    "building": "Ask again in some minutes",
    "app starting": "Ask again in a minute",
    "paused": "Only its owner can start it again: use another Space",
    "stopped": "Only its owner can start it again: use another Space",
    "build error": "Only its owner can mend it: use another Space",
    "config error": "Only its owner can mend it: use another Space",
    "runtime error": "Only its owner can mend it: use another Space",
    "not found": "Check the Space's id",
}


class QwenGradioError(Exception):
    """Root of everything that this library raises.

    Attributes:
        space: the Space's id or URL, `""` where none was involved.
        partial: the reply's text as far as it had arrived, `""` if it had not begun.
        retryable: whether asking again later can help.
        state: what the Hub says of a Space that didn't answer ("sleeping", "paused", …); `""` where it wasn't asked.
        __cause__: the foreign exception behind it, where there is one.
    """

    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, message: str, *, space: str = "", partial: str = "") -> None:
        super().__init__(message)
        self.space = space
        self.partial = partial
        self.state = ""

    def __str__(self) -> str:
        """The Space, what happened, and what to do next."""
        what = f"{self.space}: {self.args[0]}" if self.space else str(self.args[0])
        if self.state:
            what = f"{what}; the Hub says: {self.state}"
        advice = STATES.get(self.state, self.advice)
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


class NotAGradioApp(SpaceError):
    """Raised when what answers at the URL is no Gradio app that gradio_client can read."""

    advice = "Check the URL: for a Space it is https://<owner>-<name>.hf.space"


class NeedsAuthentication(SpaceError):
    """Raised when the Space turns us away for want of a token, or a user's name and password, that it accepts."""

    advice = "Pass token=, or auth=(user, password), that this Space accepts"


class RateLimited(SpaceError):
    """Raised when the Space, or the Hub before it, has had too many requests from here."""

    retryable = True
    advice = "Wait before asking again, or pass a token"


class SpaceUnavailable(SpaceError):
    """Raised when the Space answers with an HTTP error: asleep, paused, building or broken."""

    retryable = True
    advice = "Open the Space in a browser to see its state and to wake it"


class QueueFull(SpaceError):
    """Raised when the Space takes no more into its queue."""

    retryable = True
    advice = "Wait a little, or use another Space"


class EndpointNotFound(SpaceError):
    """Raised when the Space has no endpoint that takes a text and answers in a Chatbot."""


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

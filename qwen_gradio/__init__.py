"""Chat with Qwen2-72B-Instruct, and every other chat Space on Hugging Face, through gradio_client."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attempts import Event, Finished, Fragment, Queued, Started, Timeouts
    from .client import AsyncQwenClient, Conversation, Inspection
    from .endpoints import Endpoint
    from .errors import (
        AllFailed,
        AppRaised,
        CannotConnect,
        ConnectionLost,
        DeadlineExceeded,
        EmptyReply,
        EndpointNotFound,
        InvalidMessages,
        InvalidOption,
        InvalidSpace,
        NeedsAuthentication,
        NotAGradioApp,
        ProtocolError,
        ProviderFailed,
        QueueFull,
        QwenGradioError,
        RateLimited,
        ReplyTooLong,
        SpaceError,
        SpaceNotFound,
        SpaceUnavailable,
        TransportError,
        UsageError,
    )
    from .messages import Message, format_prompt
    from .parameters import Parameter
    from .provider import FallbackProvider, Qwen_Qwen_2_72B
    from .reply import Reply
    from .spaces import generate_session_hash
    from .sync import QwenClient, SyncConversation, SyncReply

__version__ = "0.1.0"

__all__ = [
    "AllFailed",
    "AppRaised",
    "AsyncQwenClient",
    "CannotConnect",
    "ConnectionLost",
    "Conversation",
    "DeadlineExceeded",
    "EmptyReply",
    "Endpoint",
    "EndpointNotFound",
    "Event",
    "FallbackProvider",
    "Finished",
    "Fragment",
    "Inspection",
    "InvalidMessages",
    "InvalidOption",
    "InvalidSpace",
    "Message",
    "NeedsAuthentication",
    "NotAGradioApp",
    "Parameter",
    "ProtocolError",
    "ProviderFailed",
    "QueueFull",
    "Queued",
    "QwenClient",
    "QwenGradioError",
    "Qwen_Qwen_2_72B",
    "RateLimited",
    "Reply",
    "ReplyTooLong",
    "SpaceError",
    "SpaceNotFound",
    "SpaceUnavailable",
    "Started",
    "SyncConversation",
    "SyncReply",
    "Timeouts",
    "TransportError",
    "UsageError",
    "__version__",
    "format_prompt",
    "generate_session_hash",
]

_ROOMS = (
    "attempts", "client", "endpoints", "errors", "messages", "parameters", "provider", "reply", "spaces", "sync",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the rooms when the first name is used, so that who only imports the package doesn't wait for anyio."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for room in _ROOMS:
        for public, value in vars(importlib.import_module(f"{__name__}.{room}")).items():
            if public in __all__:
                globals()[public] = value
                # Reprs and tracebacks say where users find a class, not in which room it lives.
                if getattr(value, "__module__", "").startswith(f"{__name__}."):
                    value.__module__ = __name__
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

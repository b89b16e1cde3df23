"""Chat with Qwen2-72B-Instruct, and every other chat Space on Hugging Face, through gradio_client."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncQwenClient
    from .conversation import Conversation
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
    from .inspection import Inspection
    from .provider import FallbackProvider, Qwen_Qwen_2_72B
    from .reply.events import Event, Finished, Fragment, Queued, Started, Timeouts
    from .reply.many import Result
    from .reply.reply import Reply
    from .space.catalogue import generate_session_hash
    from .space.parameters import Parameter
    from .space.recipe import Recipe
    from .sync import QwenClient, SyncConversation, SyncReply
    from .text.messages import Message, format_prompt

__version__ = "0.2.0"

__all__ = [
    "AllFailed",
    "AppRaised",
    "AsyncQwenClient",
    "CannotConnect",
    "ConnectionLost",
    "Conversation",
    "DeadlineExceeded",
    "EmptyReply",
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
    "Recipe",
    "Reply",
    "ReplyTooLong",
    "Result",
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

_MODULES = (
    "errors", "text.messages", "space.catalogue", "space.parameters", "space.recipe", "reply.events", "reply.reply",
    "reply.many", "conversation", "inspection", "client", "sync", "provider",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the modules when a public name is first used: `import qwen_gradio` alone doesn't import anyio."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in _MODULES:
        for public, value in vars(importlib.import_module(f"{__name__}.{module}")).items():
            if public in __all__:
                globals()[public] = value
                # Reprs and tracebacks name a class by its public path, not by the module that defines it.
                if getattr(value, "__module__", "").startswith(f"{__name__}."):
                    value.__module__ = __name__
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Chat with Qwen2-72B-Instruct, and every other chat Space on Hugging Face, through gradio_client."""

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

# Reprs and tracebacks say where users find a class, not in which room it lives.
for _name in __all__:
    if getattr(_public := globals()[_name], "__module__", "").startswith(f"{__name__}."):
        _public.__module__ = __name__
del _name, _public

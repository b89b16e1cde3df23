"""The mapping of gradio_client's and httpx's exceptions to the package's, the most specific ones first."""

from __future__ import annotations

import json
import re
from concurrent.futures import CancelledError
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import gradio_client.exceptions  # type: ignore[import-untyped] # the same
import gradio_client.utils  # type: ignore[import-untyped] # the same

from ..errors import (
    AppRaised,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    InvalidOption,
    NeedsAuthentication,
    NotAGradioApp,
    ProtocolError,
    QueueFull,
    QwenGradioError,
    RateLimited,
    SpaceNotFound,
    SpaceUnavailable,
)
from .rebinding import http_module
from .threads import CannotStartThread, is_thread_error
from .uploads import is_upload

if TYPE_CHECKING:
    import httpx as http

    from .network import Network
else:
    http = http_module()

MAX_ERROR_CHARS = 1000  # of the message of an app's exception
GENERIC_APP_ERROR = "The upstream Gradio app has raised an exception"  # the message of each AppError that has no other
# ZeroGPU's messages: the time until the quota is full again has the format of `str(datetime.timedelta)`.
QUOTA = re.compile(r"\bGPU (quota|limit)\b|quota exceeded", re.IGNORECASE)
# The message of `gr.Error` where a function takes a `gr.OAuthToken` or a `gr.OAuthProfile` (gradio/helpers.py).
LOGIN = re.compile(r"requires a logged in user")
TIME_LEFT = re.compile(r"(?:(-?\d+) days?, )?\b(\d+):(\d\d):(\d\d)\b")
ROUNDED_TIME_LEFT = re.compile(r"\bin (\d+) (second|minute|hour|day)s?\b")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class _Missing(Exception):
    """A placeholder for an exception class that the installed gradio_client lacks; never raised."""


def _class(module: Any, name: str) -> type[Exception]:
    found = getattr(module, name, _Missing)
    return found if isinstance(found, type) and issubclass(found, Exception) else _Missing


AppError = _class(gradio_client.exceptions, "AppError")
AuthenticationError = _class(gradio_client.exceptions, "AuthenticationError")
ValidationError = _class(gradio_client.exceptions, "ValidationError")
QueueError = _class(gradio_client.utils, "QueueError")
TooManyRequestsError = _class(gradio_client.utils, "TooManyRequestsError")


def connect_error(exc: Exception, network: Network | None = None, gradio: str = "") -> QwenGradioError:
    """Map an exception of gradio_client's constructor.

    Args:
        exc: the exception.
        network: the constructor's requests; None if they weren't recorded.
        gradio: the version of the Space's Gradio; `""` if unknown.

    Returns:
        the exception to raise.
    """
    reason = "it answers, but not as a Gradio app"
    if is_thread_error(exc):
        return CannotStartThread.of(exc)
    if isinstance(exc, http.UnsupportedProtocol):  # raised by `Network.admit`
        return NotAGradioApp(f"{reason} that can be read")
    if isinstance(exc, http.RemoteProtocolError) and not _is_lost(exc):
        return NotAGradioApp(f"it answers, but not in HTTP ({exc})")
    if isinstance(exc, http.HTTPError | OSError):
        return _transport_error(exc)
    if isinstance(exc, AuthenticationError):
        return NeedsAuthentication(f"it requires a login ({exc})")
    response = _error_response(network)
    if gradio and response is not None and response.status_code == http.codes.NOT_FOUND:
        installed = f"gradio_client {gradio_client.__version__}"
        return ProtocolError(f"it runs Gradio {gradio}, and {installed} finds no API there")
    if response is not None:
        return status_error(response)
    if isinstance(exc, TooManyRequestsError):
        return RateLimited("it answers with HTTP 429, too many requests")
    return NotAGradioApp(reason if isinstance(exc, json.JSONDecodeError) else f"{reason}: {str(exc) or repr(exc):.200}")


def _error_response(network: Network | None) -> Any:
    """Choose the error response that explains most; None if there was none.

    After an error gradio_client requests another page, whose 404 explains less than the 503 before it.
    """
    if network is None or network.first_error is None:
        return None
    first, last = network.first_error, network.last_response
    chosen = last if first.status_code == http.codes.NOT_FOUND and last is not None else first
    return chosen if not chosen.is_success else None


def refused_error(exc: Exception) -> QwenGradioError:
    """Map an exception of gradio_client's `submit`, which makes no request: it doesn't support the endpoint."""
    if is_thread_error(exc):
        return CannotStartThread.of(exc)
    return ProtocolError(f"gradio_client {gradio_client.__version__} can't ask it ({exc!s:.200})")


def job_error(exc: BaseException, network: Network | None = None, failure: Exception | None = None) -> QwenGradioError:
    """Map an exception of a job.

    Args:
        exc: the exception.
        network: the session's requests; None if they weren't recorded.
        failure: the exception of another thread of the session; it is the cause if the job's is a bare CancelledError.

    Returns:
        the exception to raise.
    """
    if isinstance(exc, CancelledError):
        return _lost_error(network, failure)
    if isinstance(exc, QueueError):  # gradio_client raises it for any 503
        response = network.first_error if network is not None else None
        if response is None or "queue" in _detail(response).lower():
            return QueueFull("its queue is full, or it accepts no requests now")
        return status_error(response)
    if isinstance(exc, TooManyRequestsError):
        return RateLimited("it has had too many requests")
    if isinstance(exc, http.HTTPStatusError):
        return _upload_status_error(exc.response) if is_upload(exc.request) else status_error(exc.response)
    if isinstance(exc, OSError) and exc.filename is not None:
        return InvalidOption(f"a file to upload can't be read ({exc})")
    if isinstance(exc, http.HTTPError | OSError):
        return _transport_error(exc)
    if isinstance(exc, AuthenticationError):
        return NeedsAuthentication(f"it requires a login ({exc})")
    message = str(exc).strip()[:MAX_ERROR_CHARS].rstrip(".")
    if isinstance(exc, AppError | ValidationError) or message.startswith(GENERIC_APP_ERROR):  # up to 1.3 a ValueError
        return _app_error(message)
    if isinstance(exc, TypeError) and message.startswith(f"{AppError.__name__}.__init__"):
        return AppRaised(f"its code raised, with fields that gradio_client doesn't know ({message})")
    return _unreadable(exc)


def _unreadable(exc: BaseException) -> ProtocolError:
    return ProtocolError(f"its answer can't be read ({type(exc).__name__}: {exc!s:.200})")


def _app_error(message: str) -> QwenGradioError:
    """Map an exception of the app's code, ZeroGPU's for a used-up quota among them.

    The error for a quota is `retryable` only if the message has the time until it is full again.
    """
    if LOGIN.search(message):
        return NeedsAuthentication(f"its page requires a login with Hugging Face: {message}")
    if not QUOTA.search(message):
        return AppRaised(f"its code raised: {message}")
    error = RateLimited(f"its GPU quota is used up: {message}", retry_after=_time_left(message))
    error.retryable = error.retry_after is not None
    return error


def _time_left(message: str) -> float | None:
    """Parse the time in a message, such as "1 day, 3:20:10" or "in 2 days", into seconds; None if there is none."""
    found = TIME_LEFT.search(message)
    if found is None:
        rounded = ROUNDED_TIME_LEFT.search(message)
        return None if rounded is None else float(int(rounded[1]) * SECONDS[rounded[2]])
    days, hours, minutes, seconds = (int(group or 0) for group in found.groups())
    return max(0.0, ((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _lost_error(network: Network | None, failure: Exception | None) -> QwenGradioError:
    if network is not None and network.first_error is not None:
        return status_error(network.first_error)
    cause = network.failure if network is not None else None
    if isinstance(cause, http.DecodingError):
        return _unreadable(cause)
    if isinstance(cause, http.ReadTimeout):
        return ConnectionLost("the connection ended before the reply was whole (not even a heartbeat came)")
    if cause is None and failure is not None and not isinstance(failure, http.HTTPError | OSError):
        return _unreadable(failure)
    cause = cause or failure
    if cause is None and network is not None and network.has_unread_stream:
        return ProtocolError("its answer can't be read (it is no stream of events)")
    return ConnectionLost(f"the connection ended before the reply was whole ({cause or 'the Space closed it'})")


def _transport_error(exc: Exception) -> QwenGradioError:
    if isinstance(exc, http.TimeoutException):
        return DeadlineExceeded("it did not answer in time", deadline="connect")
    if isinstance(exc, http.DecodingError) or (isinstance(exc, http.RemoteProtocolError) and not _is_lost(exc)):
        return ProtocolError(f"its answer can't be read ({exc})")
    if isinstance(exc, http.UnsupportedProtocol):  # raised by `Network.admit`
        return ProtocolError(f"a request was refused ({exc})")
    if isinstance(exc, http.ReadError | http.WriteError | http.CloseError | http.RemoteProtocolError):
        return ConnectionLost(f"the connection broke off ({exc})")
    return CannotConnect(f"no connection could be made ({exc})")


def _is_lost(exc: Exception) -> bool:
    """Return True if the peer closed the connection; by the text, as malformed HTTP raises the same class."""
    return bool(re.search("disconnected|closed", str(exc)))


def _upload_status_error(response: Any) -> QwenGradioError:
    """Map the HTTP error response to an upload of a file."""
    error = status_error(response)
    failure = f"a file can't be uploaded: {error.args[0]}"
    if response.status_code == http.codes.REQUEST_ENTITY_TOO_LARGE:
        return InvalidOption(f"{failure}; pass a smaller file")
    if response.status_code == http.codes.NOT_FOUND:
        return ProtocolError(failure)
    error.args = (failure,)
    return error


def status_error(response: Any) -> QwenGradioError:
    """Map an HTTP error response to the exception to raise."""
    status = f"it answers with HTTP {response.status_code} {response.reason_phrase}".rstrip()
    if response.is_redirect:
        return NotAGradioApp(f"{status}, and redirects to {response.headers.get('location', '')!r:.200}")
    if response.status_code == http.codes.TOO_MANY_REQUESTS:
        return RateLimited(status, retry_after=_retry_after(response))
    if response.status_code in (http.codes.UNAUTHORIZED, http.codes.FORBIDDEN):
        return NeedsAuthentication(status)
    if response.status_code == http.codes.NOT_FOUND:
        return SpaceNotFound(status)
    if response.status_code == http.codes.UNPROCESSABLE_ENTITY:
        return ProtocolError(f"{status}: {_detail(response):.200}")
    return SpaceUnavailable(status)


def _retry_after(response: Any) -> float | None:
    """Parse the Retry-After header, a number of seconds or a date (RFC 9110, 10.2.3), into seconds; None if invalid."""
    header = response.headers.get("retry-after", "")
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def _detail(response: Any) -> str:
    """Return FastAPI's explanation of an error; `""` if there is none, or the body was not read."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError, RecursionError, http.StreamError):
        return ""

"""Every foreign exception becomes one of ours."""

from __future__ import annotations

import pickle
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import httpx
import pytest

from qwen_gradio import AppRaised, ProtocolError, QwenGradioError, RateLimited, UsageError
from qwen_gradio.transport.errors import connect_error, job_error, refused_error, status_error


def test_error_mapping_key_error_becomes_protocol_error() -> None:
    assert isinstance(job_error(KeyError("unexpected_error")), ProtocolError)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("1:02:03", 3723),
        ("1 day, 3:20:10", 98410),
        ("12 days, 0:00:01", 1036801),
        ("0:00:07.5", 7),
        ("2 days", 172800),
        ("1 hour", 3600),
        ("-1 day, 23:59:59", 0),
    ],
)
def test_rate_limit_gpu_quota_message_gives_retry_after(time: str, seconds: float) -> None:
    message = f"You have exceeded your GPU quota (60s requested vs. 56s left). Try again in {time}"
    error = job_error(gradio_client.exceptions.AppError(message))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
    assert error.retryable
    assert message in str(error)


@pytest.mark.parametrize("message", ["GPU limit reached", "ZeroGPU quota exceeded: 60s requested vs. 0s left"])
def test_rate_limit_gpu_quota_without_a_time_is_not_retryable(message: str) -> None:
    error = job_error(gradio_client.exceptions.AppError(message))
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.retryable) == (None, False)
    assert pickle.loads(pickle.dumps(error)).retryable is False  # noqa: S301 - its own


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("-3", None), ("", None)]
)
def test_rate_limit_429_retry_after_header_is_parsed(header: str, seconds: float | None) -> None:
    error = status_error(httpx.Response(429, headers={"retry-after": header}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize("message", ["AppError.__init__() got an unexpected keyword argument 'hint'"])
def test_error_mapping_app_error_with_fields_beside_is_app_raised(message: str) -> None:
    assert isinstance(job_error(TypeError(message)), AppRaised)


def test_error_mapping_submit_refused_blames_gradio_client_and_not_the_user() -> None:
    error = refused_error(ValueError("Unknown protocol: morse"))
    assert not isinstance(error, UsageError)
    assert str(error).startswith(f"gradio_client {gradio_client.__version__} can't ask it (Unknown protocol: morse)")


def exceptions_of(*modules: Any) -> list[type[Exception]]:
    values = [value for module in modules for value in vars(module).values()]
    return sorted(
        {value for value in values if isinstance(value, type) and issubclass(value, Exception)},
        key=lambda e: e.__name__,
    )


def made(error: type[Exception]) -> Exception:
    try:
        return error("it broke")
    except TypeError:  # httpx.HTTPStatusError and its like need what they are about
        request = httpx.Request("GET", "http://127.0.0.1")
        return error("it broke", request=request, response=httpx.Response(500, request=request))  # type: ignore[call-arg] # the same


# What is raised for files, for duplicating a Space, for using gradio_client or httpx wrongly, or never.
APART = {
    "APIInfoParseError",
    "CookieConflict",
    "InvalidAPIEndpointError",
    "InvalidURL",
    "RequestNotRead",
    "ResponseNotRead",
    "SerializationSetupError",
    "SpaceDuplicationError",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
}
FOREIGN = [
    error
    for error in exceptions_of(gradio_client.exceptions, gradio_client.utils, gradio_client.client, httpx)
    if error.__module__.startswith(("gradio_client", "httpx")) and error.__name__ not in APART
]


def test_error_mapping_finds_foreign_errors() -> None:
    assert len(FOREIGN) > 20


@pytest.mark.parametrize("error", FOREIGN)
def test_error_mapping_covers_every_foreign_error(error: type[Exception]) -> None:
    """A class that is new in gradio_client or httpx, and falls through to "can't be read", fails here."""
    mapped = job_error(made(error))
    # The second but for a peer that went away; the third is ours, for a Space that names another host.
    unread = (httpx.DecodingError, httpx.RemoteProtocolError, httpx.UnsupportedProtocol)
    assert isinstance(mapped, ProtocolError) == (error in unread), error
    assert isinstance(connect_error(made(error)), QwenGradioError)

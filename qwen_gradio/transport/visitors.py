"""The visitor of a Gradio app that asks a Space in one of its functions: the header for the visitor's GPU quota."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import urlsplit

from ..space.catalogue import DOMAIN

HEADER = "x-ip-token"  # the Hub adds it to requests to its Spaces, as gradio_client's `add_zero_gpu_headers` says


def visitor_headers(url: str) -> dict[str, str]:
    """Return the header of the Gradio request that is being answered, for a Space on the Hub; otherwise none."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not (parts.hostname or "").endswith(f".{DOMAIN}"):
        return {}
    headers = _request_headers()
    return {HEADER: headers[HEADER]} if HEADER in headers else {}


def _request_headers() -> Mapping[str, str]:
    """Return the headers of the Gradio request in whose function this runs; none outside of one."""
    gradio_context = sys.modules.get("gradio.context")  # not imported here: without it no Gradio app is running
    variable = getattr(getattr(gradio_context, "LocalContext", None), "request", None)
    request = variable.get(None) if isinstance(variable, ContextVar) else None
    headers = getattr(request, "headers", None)
    return headers if isinstance(headers, Mapping) else {}

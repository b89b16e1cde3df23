"""Futures in which one name in gradio_client is another, everywhere alike."""

from __future__ import annotations

from ..overlays import Edit, Future, client, future, renamed


def of(*owners: str) -> str:
    """A pattern that puts one of these owners before what follows."""
    return f"(?:{'|'.join(rf'(?<={owner}[.])' for owner in owners)})"


CLIENT = of("self", "client", "Client")
PATTERNS = {
    "new_helper": r"\bnew_helper\b",
    "session_hash": rf"{CLIENT}session_hash\b",
    "updates": rf"{of('helper', 'communicator')}updates\b|(?<=    )updates(?=: asyncio)",
    "outputs": rf"{of('job')}outputs\b|(?<=    )outputs(?=: list\[Any\] = field)",
    "job": rf"{of('helper', 'communicator')}job\b|(?<=    )job(?=: JobStatus)",
    "latest_status": r"\blatest_status\b",
    "pending_messages_per_event": r"\bpending_messages_per_event\b",
    "pending_event_ids": r"\bpending_event_ids\b",
    "pending_lock": r"\bpending_lock\b",
    "stream_open": r"\bstream_open\b",
    "streaming_future": r"\bstreaming_future\b",
    "executor": r'(?<=self\.)executor\b|(?<=")executor(?=")',
    "stream_executor": r"\bstream_executor\b",
    "helper_executor": r"\bhelper_executor\b",
    "_get_config": r"\b_get_config\b",
    "_get_api_info": r"\b_get_api_info\b",
    "_login": r"\b_login\b",
    "send_data": r"\bsend_data(?=\()",
    "stream_messages": r"\bstream_messages\b",
    "_stream_heartbeat": r"\b_stream_heartbeat\b",
    "_telemetry_thread": r"\b_telemetry_thread\b",
    "heartbeat": rf"{of('self')}heartbeat\b",
    "cookies": rf"{CLIENT}cookies\b",
    "headers": rf"{CLIENT}headers\b",
    "ssl_verify": rf"{CLIENT}ssl_verify\b",
    "httpx_kwargs": rf"{CLIENT}httpx_kwargs\b",
    "config": rf"{CLIENT}config\b",
    "_info": rf"{CLIENT}_info\b",
    "endpoints": rf"{CLIENT}endpoints\b",
    "protocol": rf"{of('self', 'client', 'endpoint')}protocol\b",
    "src": rf"{CLIENT}src\b",
    "src_prefixed": r"\bsrc_prefixed\b",
    "api_prefix": rf"{CLIENT}api_prefix\b",
    "app_version": r"\bapp_version\b",
    "sse_url": rf"{CLIENT}sse_url\b",
    "sse_data_url": rf"{CLIENT}sse_data_url\b",
    "reset_url": r"\breset_url\b",
    "download_files": rf"{CLIENT}download_files\b(?!\()",
    "_skip_components": r"\b_skip_components\b",
    "_infer_fn_index": r"\b_infer_fn_index\b",
    "parameters_info": r"\bparameters_info\b",
    "process_predictions": r"\bprocess_predictions\b",
    "prediction_processor": r"\bprediction_processor\b",
    "should_cancel": r"\bshould_cancel\b",
    "thread_complete": r"\bthread_complete\b",
    "communicator": r"\bcommunicator\b",
    "lock": rf"{of('helper', 'communicator')}lock\b|(?<=    )lock(?=: Lock)",
    "future": rf"{of('self')}future\b",
    "cancel_fn": rf"{of('self')}cancel_fn\b",
    "event_id": rf"{of('helper')}event_id\b|(?<=    )event_id(?=: str \| None = None)",
    "check_for_cancel": r"\bcheck_for_cancel\b",
    "stream_sse_v1plus": r"\bstream_sse_v1plus\b",
    "get_pred_from_sse_v1plus": r"\bget_pred_from_sse_v1plus\b",
    "apply_diff": r"\bapply_diff\b",
    "construct_args": r"\bconstruct_args\b",
    "Communicator": r"\bCommunicator\b",
    "JobStatus": r"\bJobStatus\b",
    "StatusUpdate": r"\bStatusUpdate\b",
    "OutputUpdate": r"\bOutputUpdate\b",
    "ServerMessage": r"\bServerMessage\b",
    "Endpoint": r"\bEndpoint\b",
    "Job": r"\bJob\b",
    "AppError": r"\bAppError\b",
    "QueueError": r"\bQueueError\b",
}
RENAMES = {name: renamed(pattern, f"{name}_2") for name, pattern in PATTERNS.items()}
SERVED = {"ServerMessage": [Edit("gradio/*.py", r"\bServerMessage\b", "ServerMessage_2", pattern=True)]}
HIDING = {"httpx_kwargs", "send_data", "stream_messages", "check_for_cancel", "ssl_verify"}


def every_name() -> list[Edit]:
    """Rename all that a hook could look for, and leave what server and client share; by its name others are found."""
    names = [name for name in RENAMES if name not in (*SERVED, "AppError", "QueueError")]
    return [RENAMES[name] for name in sorted(names, key=lambda name: name == "communicator")]


def argument(old: str, new: str, *, hides_httpx: bool = False) -> Future:
    """A constructor's argument that has another name."""
    pattern = rf"(?s)(    def __init__\(\n        self,\n        src: str.*?)\b{old}(: .*?\n        \"\"\".*?\"\"\"\n)"
    edit = Edit("gradio_client/client.py", pattern, rf"\1{new}\2        {old} = {new}\n", pattern=True)
    return future(f"argument {old} of the constructor renamed", edit, hides_httpx=hides_httpx)


NAMES = (
    *(
        future(f"{name} renamed", edit, *SERVED.get(name, ()), serves=name in SERVED, hides_httpx=name in HIDING)
        for name, edit in RENAMES.items()
    ),
    future("every name renamed", *every_name(), hides_httpx=True),
    argument("token", "access_token"),
    argument("auth", "login"),
    argument("verbose", "talkative"),
    argument("httpx_kwargs", "http_options", hides_httpx=True),
    argument("headers", "extra_headers"),
    argument("download_files", "downloads"),
    argument("ssl_verify", "verify"),
    argument("max_workers", "workers"),
    argument("analytics_enabled", "telemetry"),
    future(
        "constructor with keywords alone",
        client(
            "        src: str,\n        token: str | None", "        src: str,\n        *,\n        token: str | None"
        ),
        client(
            "        httpx_kwargs: dict[str, Any] | None = None,\n        *,\n",
            "        httpx_kwargs: dict[str, Any] | None = None,\n",
        ),
    ),
)

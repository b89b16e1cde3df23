"""SpaceClient: a gradio_client.Client for one session, quiet and private, whose jobs notify.

What gradio_client has under other names is left as it is: then that hook's gain is lost, and nothing else.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed

from . import hooks
from .access import Access
from .hooks import Hook, JobExecutor, Outputs, Updates
from .mailboxes import Mailboxes
from .network import READ_TIMEOUT, Network
from .pool import tls_context
from .rebinding import (
    Rebinding,
    http_module,
    is_httpx_replaced,
    is_replaced,
    rebound_client_class,
    unbound_names,
)
from .threads import DaemonThreadExecutor

http = http_module()


TOKEN_ARGUMENTS = ("token", "hf_token")  # the second up to 1.14
CONFIG_KEYS = {"components", "dependencies"}  # of `/config`, in gradio/blocks.py


class Description:
    """What a Space said when it was first connected to, so that later sessions needn't ask.

    It holds what the steps of gradio_client's constructor gave, by their names, and the cookies that it had then.
    """

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.cookies: dict[str, str] = {}

    @property
    def gradio(self) -> str:
        """The version of the Space's Gradio; `""` before it has told."""
        config = self.results.get("_get_config")
        return str(config.get("version", "")) if isinstance(config, Mapping) else ""

    def remember(self, client: Any, step: str, fetch: Callable[[], Any]) -> Any:
        """Give what a step gave the first time, with the cookies that it led to (a login, a replica's affinity)."""
        if step in self.results:
            if isinstance(getattr(client, "cookies", None), dict):
                client.cookies.update(self.cookies)
            return self.results[step]
        self.results[step] = fetch()
        self.cookies = dict(getattr(client, "cookies", None) or {})
        return self.results[step]


class _Traceback:
    """The `traceback` that gradio_client's functions import: the module, but that it prints nothing.

    They print one for a stream that breaks off, and raise the exception too.
    """

    def print_exc(self, *_: object, **__: object) -> None:
        """Print nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)


class _StandIns:
    """What stands in for what gradio_client imported: a session's httpx, and what tells the Hub of each start."""

    def __init__(self, network: Network | None, token: str | None) -> None:
        self.httpx = http if network is None else network
        self._token = token

    def __getattr__(self, name: str) -> Any:
        return getattr(self.httpx, name)

    def build_hf_headers(self, *, library_name: str = "", library_version: str = "", **_: object) -> dict[str, str]:
        """Give what huggingface_hub's function gives, less its telemetry and a token that is saved on this machine.

        From 2.4 on that one asks the Hub, around the proxy, which agent runs it.
        """
        headers = {"user-agent": f"{library_name}/{library_version}; qwen_gradio"}
        return {**headers, "authorization": f"Bearer {self._token}"} if self._token else headers

    def send_telemetry(self, *_: object, **__: object) -> None:
        """Report nothing."""


class Session:
    """What a SpaceClient is made with, and what is known of its job.

    Args:
        access: how the Space is reached.
        network: its httpx; None leaves gradio_client its own.
        description: what is known of the Space, or is to be filled.
        threads: run what blocks.
        hooks: what gradio_client is helped with.
        name: the session's name on the Space; None leaves gradio_client its own.
        notify: called from other threads whenever there is news of a job.

    Attributes:
        executor: runs the job and its helpers; None where gradio_client's own do.
        outputs: those of the job; None where gradio_client's own keep them.
        updates: those of the job; None where gradio_client's own keep them.
    """

    def __init__(
        self,
        access: Access,
        *,
        network: Network | None,
        description: Description,
        threads: DaemonThreadExecutor,
        hooks: frozenset[Hook],
        name: str | None = None,
        notify: Callable[[], object] = bool,
    ) -> None:
        self.access = access
        self.network = network
        self.description = description
        self.threads = threads
        self.hooks = hooks
        self.name = name
        self.notify = notify
        self.executor = JobExecutor(threads, network) if Hook.EXECUTORS in hooks else None
        self.outputs: Outputs | None = None
        self.updates: Updates | None = None
        self.rebinding = Rebinding(_StandIns(network, access.token), _Traceback())

    def remember(self, client: Any, step: str, fetch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Give what a step of the constructor gives; of an earlier session, where that is known."""
        if Hook.DESCRIPTION not in self.hooks:
            return fetch(*args, **kwargs)
        return self.description.remember(client, step, functools.partial(fetch, *args, **kwargs))


class SpaceClient(rebound_client_class()):  # type: ignore[misc] # it is made at runtime
    """A Client for one session. It adds one attribute, `qwen_gradio`: a name that gradio_client won't use."""

    def __init__(self, session: Session) -> None:
        self.qwen_gradio = session
        super().__init__(session.access.url, **_constructor_options(session))
        _help(self, session)

    # --- the constructor's steps

    def _get_config(self, *args: Any, **kwargs: Any) -> Any:
        config = self.qwen_gradio.remember(self, "_get_config", super()._get_config, *args, **kwargs)
        return _amended(config, self.qwen_gradio.hooks) if isinstance(config, Mapping) else config

    def _get_api_info(self, *args: Any, **kwargs: Any) -> Any:
        return self.qwen_gradio.remember(self, "_get_api_info", super()._get_api_info, *args, **kwargs)

    def _login(self, *args: Any, **kwargs: Any) -> Any:
        login = functools.partial(_login, super()._login)
        return self.qwen_gradio.remember(self, "_login", login, *args, **kwargs)

    def _telemetry_thread(self, *_: object, **__: object) -> None:
        """Report nothing: gradio_client tells its makers of each start, whatever `analytics_enabled` says."""

    def _stream_heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Hold no connection open: up to 2.0 it is started whatever the config says."""
        if Hook.QUIET not in self.qwen_gradio.hooks:
            super()._stream_heartbeat(*args, **kwargs)

    # --- a job

    def new_helper(self, *args: Any, **kwargs: Any) -> Any:
        """Make what a job and its threads share, so that it notifies."""
        helper, session = super().new_helper(*args, **kwargs), self.qwen_gradio
        mailboxes = getattr(self, "pending_messages_per_event", None)
        if isinstance(mailboxes, Mailboxes):
            mailboxes.watch_locks(helper)
        if getattr(helper, "reset_url", None):
            helper.reset_url = (
                ""  # `Job.cancel` posts there too, around the proxy; what ends the job is another request of its
            )
        if Hook.UPDATES in session.hooks:
            outputs = getattr(getattr(helper, "job", None), "outputs", None)
            if type(outputs) is list and not outputs:
                session.outputs = helper.job.outputs = Outputs(session.notify)
            if type(getattr(helper, "updates", None)) is asyncio.Queue:
                session.updates = helper.updates = Updates(session.notify, session.outputs)
        return helper


def _help(client: Any, session: Session) -> None:
    """Put ours in the place of what gradio_client's constructor has made."""
    if session.name and Hook.SESSION in session.hooks and isinstance(getattr(client, "session_hash", None), str):
        client.session_hash = session.name
    mailboxes = getattr(client, "pending_messages_per_event", None)
    if Hook.MAILBOXES in session.hooks and type(mailboxes) is dict and not mailboxes:
        client.pending_messages_per_event = Mailboxes()
        client.pending_messages_per_event.watch_locks(client)
    if session.network is None and isinstance(getattr(client, "httpx_kwargs", None), dict):
        # From now on there are streams, which are silent for longer than a request may take.
        client.httpx_kwargs["timeout"] = http.Timeout(session.access.timeout, read=READ_TIMEOUT)
    if session.executor is not None:
        for name, value in list(vars(client).items()):
            if type(value) is ThreadPoolExecutor:
                setattr(client, name, session.executor)


def described(client: SpaceClient) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Give what the Space says of itself: its config, wherever gradio_client keeps it, and its API description."""
    kept = [client.qwen_gradio.description.results.get("_get_config"), *vars(client).values()]
    configs = [value for value in (getattr(client, "config", None), *kept) if isinstance(value, Mapping)]
    config = next((value for value in configs if CONFIG_KEYS & {*value}), {})
    info = client.view_api(return_format="dict", print_info=False)
    return config, info if isinstance(info, Mapping) else {}


def release(client: SpaceClient) -> None:
    """End the threads that gradio_client started for a session, without waiting for them."""
    for value in list(vars(client).values()):
        if type(value) is ThreadPoolExecutor:
            value.shutdown(wait=False)
    heartbeat = getattr(client, "heartbeat", None)
    if isinstance(heartbeat, threading.Thread) and heartbeat.is_alive():
        client.qwen_gradio.threads.submit(client.close)  # it waits for the heartbeat's thread for a second


def _login(login: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return login(*args, **kwargs)
    except ValueError as exc:  # for whatever status is not 401, Gradio's own 400 among them
        raise gradio_client.exceptions.AuthenticationError(str(exc)) from exc


def _amended(config: Mapping[str, Any], hooks: frozenset[Hook]) -> dict[str, Any]:
    """A config as gradio_client had better read it.

    Gradio 4 has no prefix, and gradio_client makes "/" of that, which leads an app under a path to the host's root. A
    heartbeat would hold a connection open for a session in which nothing is asked.
    """
    quiet = {"connect_heartbeat": False} if Hook.QUIET in hooks else {}
    return {**config, **quiet, "api_prefix": config.get("api_prefix") or "."}


@functools.cache
def _constructor_parameters() -> frozenset[str]:
    return frozenset(inspect.signature(gradio_client.Client.__init__).parameters)


def _constructor_options(session: Session) -> dict[str, Any]:
    """What gradio_client's constructor is given, of what its signature has."""
    access = session.access
    parameters = _constructor_parameters()
    network: dict[str, Any] = {"proxy": access.proxy} if access.proxy else {}
    if (
        session.network is None
    ):  # the pool has timeouts of its own, and Gradio 4.0 is asked with one that gradio_client passes
        network["timeout"] = http.Timeout(access.timeout)
    options: dict[str, Any] = {
        "verbose": False,
        "auth": access.auth,
        "httpx_kwargs": network,
        "download_files": False,
        "ssl_verify": tls_context(),
        "analytics_enabled": False,
    }
    for name in TOKEN_ARGUMENTS:
        if name in parameters:
            # None would send the one that is saved on this machine, if it weren't for ours; 1.14 warns of all but None.
            options[name] = access.token or (None if is_replaced("build_hf_headers") else False)
            break
    return {name: value for name, value in options.items() if name in parameters}


@functools.cache
def _looked_for() -> Mapping[Hook, bool]:
    client, utils = gradio_client.Client, gradio_client.utils
    names = set[str]().union(*map(_names_in, vars(client).values()))
    return {
        Hook.DESCRIPTION: hasattr(client, "_get_config") and hasattr(client, "_get_api_info"),
        Hook.SESSION: "session_hash" in names,
        Hook.QUIET: hasattr(client, "_stream_heartbeat"),
        Hook.UPDATES: hasattr(client, "new_helper") and hasattr(utils, "JobStatus"),
        Hook.MAILBOXES: "pending_messages_per_event" in names,
        Hook.EXECUTORS: "ThreadPoolExecutor" in names,
        Hook.NETWORK: is_httpx_replaced(),
    }


def _names_in(function: Any) -> set[str]:
    code = getattr(function, "__code__", None)
    return set(code.co_names) if code is not None else set()


def found_hooks() -> frozenset[Hook]:
    """Give the hooks that the installed gradio_client has."""
    return frozenset(hook for hook in hooks.HOOKS if _looked_for()[hook])


def privacy_gaps(access: Access) -> list[str]:
    """List what keeping a token, a login or a proxy's user private needs, and the installed gradio_client lacks."""
    parameters = _constructor_parameters()
    needed = {
        "httpx": Hook.NETWORK in found_hooks() or not access.is_private,
        "Client(token=)": is_replaced("build_hf_headers") or bool(parameters & {*TOKEN_ARGUMENTS}) or not access.token,
        "Client(auth=)": "auth" in parameters or not access.auth,
        **{f"{name} as a plain function": not access.is_private for name in unbound_names()},
    }
    return [name for name, is_there in needed.items() if not is_there]

"""SpaceClient: a gradio_client.Client for one session, without telemetry and heartbeat, whose jobs notify.

Where gradio_client lacks the names that a hook replaces, it stays unchanged, and only that hook's gain is lost.
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
    names_used,
    rebound_client_class,
    unbound_names,
)
from .threads import DaemonThreadExecutor
from .visitors import visitor_headers

http = http_module()

TOKEN_ARGUMENTS = ("token", "hf_token")  # the second up to 1.14
CONFIG_KEYS = {"components", "dependencies"}  # of `/config`, in gradio/blocks.py


class Description:
    """A Space's config, API and cookies, fetched for the first session: later ones need no requests.

    Args:
        known: the results of an earlier description; those of the app hold as long as it hasn't been started anew.

    Attributes:
        results: the results of the constructor's methods, by their names.
        cookies: the client's cookies after the last of them, for its login and for the affinity to a replica.
    """

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        self._known = known or {}
        self.results: dict[str, Any] = {}
        self.cookies: dict[str, str] = {}

    @property
    def gradio(self) -> str:
        """The version of the Space's Gradio; `""` while it is unknown."""
        config = self.results.get("_get_config")
        return str(config.get("version", "")) if isinstance(config, Mapping) else ""

    @property
    def _is_same_app(self) -> bool:
        """True if the app runs since the earlier description; unknown, and so False, until its config is fetched."""
        configs = [results.get("_get_config") for results in (self.results, self._known)]
        ids = [config.get("app_id") for config in configs if isinstance(config, Mapping)]
        return len(ids) == 2 and ids[0] == ids[1] is not None

    def remember(self, client: Any, step: str, fetch: Callable[[], Any]) -> Any:
        """Return a step's first result, and set the cookies of that time.

        Args:
            client: the SpaceClient that is being made.
            step: the name of the constructor's method.
            fetch: makes the request, the first time.
        """
        if step in self.results:
            if isinstance(getattr(client, "cookies", None), dict):
                client.cookies.update(self.cookies)
            return self.results[step]
        self.results[step] = self._known[step] if step in self._known and self._is_same_app else fetch()
        self.cookies = dict(getattr(client, "cookies", None) or {})
        return self.results[step]


class _Traceback:
    """A replacement for the `traceback` module that prints nothing: gradio_client prints each exception it raises."""

    def print_exc(self, *_: object, **__: object) -> None:
        """Print nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)


class _Replacements:
    """Replacements for gradio_client's imports: a session's httpx, and two functions of huggingface_hub."""

    def __init__(self, network: Network | None, access: Access) -> None:
        self.httpx = http if network is None else network
        self._access = access

    def __getattr__(self, name: str) -> Any:
        return getattr(self.httpx, name)

    def build_hf_headers(self, *, library_name: str = "", library_version: str = "", **_: object) -> dict[str, str]:
        """Return the headers of huggingface_hub's function, without its telemetry and without a saved token.

        From gradio_client 2.4 on, the original sends a request to the Hub, without the proxy.
        """
        headers = {"user-agent": f"{library_name}/{library_version}; qwen_gradio"}
        if self._access.token:
            # gradio_client renames it to this from 1.14 on; in 1.3 the caller's Authorization would replace it.
            name = "x-hf-authorization" if self._access.has_authorization else "authorization"
            headers[name] = f"Bearer {self._access.token}"
        return headers

    def send_telemetry(self, *_: object, **__: object) -> None:
        """Send nothing."""


class Session:
    """The settings of a SpaceClient, and the replacements for parts of its job.

    Args:
        access: the Space's URL, and the credentials for it.
        network: the replacement for httpx; None if it isn't replaced.
        description: the Space's; an empty one is filled.
        threads: runs the calls that block.
        hooks: the parts of gradio_client to replace.
        name: the session's name on the Space; None for gradio_client's random one.

    Attributes:
        executor: runs the job and its helpers; None if gradio_client's executor isn't replaced.
        outputs: the job's outputs; None if they aren't replaced.
        updates: the job's updates; None if they aren't replaced.
        rebinding: gradio_client's functions, bound to the replacements of its imports.
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
    ) -> None:
        self.access = access
        self.network = network
        self.description = description
        self.threads = threads
        self.hooks = hooks
        self.name = name
        self.visitor_headers: Mapping[str, str] = {}
        self._notify: Callable[[], object] = bool
        self.executor = JobExecutor(threads, network) if Hook.EXECUTORS in hooks else None
        self.outputs: Outputs | None = None
        self.updates: Updates | None = None
        self.rebinding = Rebinding(_Replacements(network, access), _Traceback())

    def begin(self, notify: Callable[[], object]) -> None:
        """Prepare for a job, after that before it has ended; in the caller's context, which may have a visitor.

        Args:
            notify: called from other threads after each update of the job.
        """
        self._notify, self.visitor_headers = notify, visitor_headers(self.access.url)
        self.outputs = self.updates = None
        if self.network is not None:
            self.network.begin(notify)
        if self.executor is not None:
            self.executor.failure = None

    def notify(self) -> None:
        """Record an update of the job, and tell its reader."""
        if self.network is not None:
            self.network.record_update()
        self._notify()

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until the job's threads and streams have ended. Blocks, for `timeout` seconds at most."""
        if self.executor is not None:
            self.executor.wait_until_idle(timeout)
        if self.network is not None:
            self.network.finish(timeout)

    def remember(self, client: Any, step: str, fetch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return the result of a step of the constructor; an earlier session's result if there is one."""
        if Hook.DESCRIPTION not in self.hooks:
            return fetch(*args, **kwargs)
        return self.description.remember(client, step, functools.partial(fetch, *args, **kwargs))


class SpaceClient(rebound_client_class()):  # type: ignore[misc] # it is made at runtime
    """A Client for one session. It adds one attribute, `qwen_gradio`, a name that gradio_client won't use."""

    def __init__(self, session: Session) -> None:
        self.qwen_gradio = session
        super().__init__(session.access.url, **_constructor_options(session))
        _install(self, session)

    # --- the constructor's steps

    def _get_config(self, *args: Any, **kwargs: Any) -> Any:
        config = self.qwen_gradio.remember(self, "_get_config", super()._get_config, *args, **kwargs)
        return _amend(config, self.qwen_gradio.hooks) if isinstance(config, Mapping) else config

    def _get_api_info(self, *args: Any, **kwargs: Any) -> Any:
        return self.qwen_gradio.remember(self, "_get_api_info", super()._get_api_info, *args, **kwargs)

    def _login(self, *args: Any, **kwargs: Any) -> Any:
        login = functools.partial(_login, super()._login)
        return self.qwen_gradio.remember(self, "_login", login, *args, **kwargs)

    def _telemetry_thread(self, *_: object, **__: object) -> None:
        """Send nothing: gradio_client reports each start to the Hub, even without `analytics_enabled`."""

    def _stream_heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: up to gradio_client 2.0 the heartbeat starts even if the config has none."""
        if Hook.QUIET not in self.qwen_gradio.hooks:
            super()._stream_heartbeat(*args, **kwargs)

    # --- a job

    def add_zero_gpu_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Add the visitor's header to a question; gradio_client does so only by id, and to all requests after it."""
        return {**headers, **self.qwen_gradio.visitor_headers}

    def new_helper(self, *args: Any, **kwargs: Any) -> Any:
        """Make the object that a job and its threads share, with outputs and updates that notify."""
        helper, session = super().new_helper(*args, **kwargs), self.qwen_gradio
        mailboxes = getattr(self, "pending_messages_per_event", None)
        if isinstance(mailboxes, Mailboxes):
            mailboxes.watch_locks(helper)
        if getattr(helper, "reset_url", None):
            helper.reset_url = ""  # `Job.cancel` posts there too, without the proxy; its other request ends the job
        if Hook.UPDATES in session.hooks:
            _replace_outputs(helper, session)
        return helper


def _replace_outputs(helper: Any, session: Session) -> None:
    """Replace a job's outputs and updates by ones that notify."""
    outputs = getattr(getattr(helper, "job", None), "outputs", None)
    if type(outputs) is list and not outputs:
        session.outputs = helper.job.outputs = Outputs(session.notify)
    if type(getattr(helper, "updates", None)) is asyncio.Queue:
        session.updates = helper.updates = Updates(session.notify, session.outputs)


def _install(client: Any, session: Session) -> None:
    """Replace the attributes that gradio_client's constructor has set, as far as the hooks are on."""
    if session.name and Hook.SESSION in session.hooks and isinstance(getattr(client, "session_hash", None), str):
        client.session_hash = session.name
    mailboxes = getattr(client, "pending_messages_per_event", None)
    if Hook.MAILBOXES in session.hooks and type(mailboxes) is dict and not mailboxes:
        client.pending_messages_per_event = Mailboxes()
        client.pending_messages_per_event.watch_locks(client)
    if session.network is None and isinstance(getattr(client, "httpx_kwargs", None), dict):
        # One timeout applies to all later requests, and a stream may be silent for longer than an answer may take.
        client.httpx_kwargs["timeout"] = http.Timeout(session.access.timeout, read=READ_TIMEOUT)
    if session.executor is not None:
        for name, value in list(vars(client).items()):
            if type(value) is ThreadPoolExecutor:
                setattr(client, name, session.executor)


def describe(client: SpaceClient) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the Space's config, whichever attribute of the client has it, and its API description.

    Args:
        client: the client that was made for the Space.

    Returns:
        the config (`/config`) and the description (`/info`); each is empty if gradio_client has none.
    """
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
        client.qwen_gradio.threads.submit(client.close)  # `close` waits a second for the heartbeat's thread


def _login(login: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return login(*args, **kwargs)
    except ValueError as exc:  # raised for every status but 401, Gradio's own 400 among them
        raise gradio_client.exceptions.AuthenticationError(str(exc)) from exc


def _amend(config: Mapping[str, Any], hooks: frozenset[Hook]) -> dict[str, Any]:
    """Return a config without a heartbeat, and with a prefix.

    A heartbeat would keep a connection open. Gradio 4's config has no prefix; gradio_client would then use "/", the
    host's root, even for an app under a path.
    """
    quiet = {"connect_heartbeat": False} if Hook.QUIET in hooks else {}
    return {**config, **quiet, "api_prefix": config.get("api_prefix") or "."}


@functools.cache
def _constructor_parameters() -> frozenset[str]:
    return frozenset(inspect.signature(gradio_client.Client.__init__).parameters)


def _constructor_options(session: Session) -> dict[str, Any]:
    """Return those arguments for gradio_client's constructor that its signature has."""
    access = session.access
    parameters = _constructor_parameters()
    network: dict[str, Any] = {"proxy": access.proxy} if access.proxy else {}
    if session.network is None:  # otherwise the pool has it; with Gradio 4.0, gradio_client passes a timeout itself
        network["timeout"] = http.Timeout(access.timeout)
    options: dict[str, Any] = {
        "verbose": False,
        "auth": access.auth,
        "httpx_kwargs": network,
        "download_files": False,
        "ssl_verify": tls_context(),
        "analytics_enabled": False,
        "oauth_token": access.oauth_token,
    }
    for name in TOKEN_ARGUMENTS:
        if name in parameters:
            # For None, huggingface_hub's function sends a saved token. gradio_client 1.14 warns of any other value.
            options[name] = access.token or (None if is_replaced("build_hf_headers") else False)
            break
    return {name: value for name, value in options.items() if name in parameters}


@functools.cache
def _available() -> Mapping[Hook, bool]:
    client, utils = gradio_client.Client, gradio_client.utils
    names = names_used(client)
    return {
        Hook.DESCRIPTION: hasattr(client, "_get_config") and hasattr(client, "_get_api_info"),
        Hook.SESSION: "session_hash" in names,
        Hook.QUIET: hasattr(client, "_stream_heartbeat"),
        Hook.UPDATES: hasattr(client, "new_helper") and hasattr(utils, "JobStatus"),
        Hook.MAILBOXES: "pending_messages_per_event" in names,
        Hook.EXECUTORS: "ThreadPoolExecutor" in names,
        Hook.NETWORK: is_httpx_replaced(),
    }


def available_hooks() -> frozenset[Hook]:
    """Return the hooks whose names the installed gradio_client has."""
    return frozenset(hook for hook in hooks.HOOKS if _available()[hook])


def requires_oauth_token(info: Mapping[str, Any], api_name: str) -> bool:
    """Return True if `/info` says that an endpoint requires a token for the app's code (`gr.OAuthToken`)."""
    endpoint = (info.get("named_endpoints") or {}).get(api_name)
    return isinstance(endpoint, Mapping) and endpoint.get("oauth_token") == "required"


def privacy_gaps(access: Access) -> list[str]:
    """List the names that the installed gradio_client lacks for keeping credentials, headers and the proxy private.

    Args:
        access: the credentials, headers and proxy to keep private; those it lacks need no names.

    Returns:
        the names, such as "httpx" or "Client(token=)"; none if the access is kept private.
    """
    parameters = _constructor_parameters()
    has_token = is_replaced("build_hf_headers") or bool(parameters & {*TOKEN_ARGUMENTS})
    needed = {
        "httpx": Hook.NETWORK in available_hooks() or not access.is_private,
        "Client(token=)": has_token or not access.token,
        "Client(auth=)": "auth" in parameters or not access.auth,
        "Client(oauth_token=)": "oauth_token" in parameters or not access.oauth_token,
        **{f"{name} as a plain function": not access.is_private for name in unbound_names()},
    }
    return [name for name, is_met in needed.items() if not is_met]

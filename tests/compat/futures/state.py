"""Futures in which gradio_client keeps its state elsewhere, and learns of a Space otherwise."""

from __future__ import annotations

from ..overlays import Edit, client, future, renamed, utils
from .calls import imported
from .names import of

NAMESPACE = "        self.stream_open = False\n        self.streaming_future"
THREAD = """
        future = Future()

        def run(context=copy_context()):
            try:
                future.set_result(context.run(end_to_end_fn, *args))
            except BaseException as exc:
                future.set_exception(exc)

        threading.Thread(target=run, daemon=True).start()
"""
READER = """

def read_messages(client, protocol, session_hash):
    with httpx.Client(verify=client.ssl_verify, **{"timeout": None, **client.httpx_kwargs}) as http:
        request = {"params": {"session_hash": session_hash}, "headers": client.headers, "cookies": client.cookies}
        with http.stream("GET", client.sse_url, **request) as response:
            for line in response.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ServerMessage.heartbeat}
                if message["msg"] == ServerMessage.close_stream:
                    break
                if message["msg"] != ServerMessage.heartbeat:
                    with client.pending_lock:
                        client.pending_messages_per_event.setdefault(message["event_id"], deque()).append(message)
    with client.pending_lock:
        client.stream_open = False


def apply_diff("""
MOVED = (
    future(
        "pending state in an object",
        imported("types"),
        renamed(
            r"(self\.client|self|client)\.pending_(messages_per_event|event_ids|lock|event_epoch)\b", r"\1.pending.\2"
        ),
        client(NAMESPACE, f"        self.pending = types.SimpleNamespace()\n{NAMESPACE}"),
    ),
    future(
        "the session in an object",
        imported("types"),
        renamed(r"(self|client)\.session_hash\b", r"\1.session.hash"),
        client(
            "self.session.hash = str(uuid.uuid4())\n\n",
            "self.session = types.SimpleNamespace(hash=str(uuid.uuid4()))\n\n",
        ),
    ),
    future(
        "the communicator has the job's fields",
        renamed(rf"{of('helper', 'communicator')}job\.", ""),
        utils("class Communicator:\n", "class Communicator(JobStatus):\n"),
        utils(
            "    lock: Lock\n    job: JobStatus\n    prediction_processor: Callable[..., tuple]\n    reset_url: str\n",
            "    lock: Any = None\n    prediction_processor: Any = None\n    reset_url: str = ''\n",
        ),
        client(
            "            Lock(),\n            JobStatus(),\n            self.endpoints[fn_index].process_predictions,\n            self.reset_url,\n",
            "            lock=Lock(),\n            prediction_processor=self.endpoints[fn_index].process_predictions,\n            reset_url=self.reset_url,\n",
        ),
    ),
    future(
        "executors in a dict",
        renamed(r"(self|client)\.(stream|helper)_executor\b", r'\1.executors["\2"]'),
        renamed(r"self\.executor\b", 'self.executors["job"]'),
        client(
            "        # Create a pool of threads to handle",
            "        self.executors = {}\n        # Create a pool of threads to handle",
        ),
        renamed(r'hasattr\(self, "\w*executor"\)', 'hasattr(self, "executors")'),
    ),
    future(
        "one executor for all",
        renamed(r"ThreadPoolExecutor\(max_workers=max_workers\)", "ThreadPoolExecutor(max_workers=4 * max_workers)"),
        Edit(
            "gradio_client/client.py",
            r"(?s)self\.(stream|helper)_executor = concurrent\.futures\.ThreadPoolExecutor\(.*?\)\n",
            r"self.\1_executor = self.executor\n",
            pattern=True,
        ),
    ),
    future(
        "executors made when they are used",
        client("import time\nimport urllib", "import functools\nimport time\nimport urllib"),
        Edit(
            "gradio_client/client.py",
            r"self\.executor = concurrent\.futures\.ThreadPoolExecutor\(max_workers=max_workers\)\n",
            "self.max_workers = max_workers\n",
            pattern=True,
        ),
        client(
            "    def close(self):\n",
            "    @functools.cached_property\n    def executor(self):\n        return concurrent.futures.ThreadPoolExecutor(max_workers=self.max_workers)\n\n    def close(self):\n",
        ),
    ),
    future(
        "executors that are read-only",
        renamed(r"self\.(stream_|helper_)?executor = ", r"self._\1executor = "),
        client(
            "    def close(self):\n",
            "    @property\n    def executor(self):\n        return self._executor\n\n    @property\n    def stream_executor(self):\n        return self._stream_executor\n\n    @property\n    def helper_executor(self):\n        return self._helper_executor\n\n    def close(self):\n",
        ),
    ),
    future(
        "a thread for each job",
        client("        future = self.executor.submit(copy_context().run, end_to_end_fn, *args)\n", THREAD),
    ),
    future(
        "a thread for each stream",
        client(
            "self.streaming_future = self.stream_executor.submit(open_stream)",
            THREAD.replace("context.run(end_to_end_fn, *args)", "open_stream()")
            .replace("context=copy_context()", "")
            .replace("\n        ", "\n            ")
            .strip()
            + "\n            self.streaming_future = future",
        ),
    ),
    future(
        "the stream read by a function of utils",
        client(
            '        try:\n            httpx_kwargs = self.httpx_kwargs.copy()\n            httpx_kwargs.setdefault("timeout", httpx.Timeout(timeout=None))\n            with',
            '        return utils.read_messages(self, protocol, session_hash)\n        try:\n            httpx_kwargs = self.httpx_kwargs.copy()\n            httpx_kwargs.setdefault("timeout", httpx.Timeout(timeout=None))\n            with',
        ),
        utils("\n\ndef apply_diff(", READER),
    ),
    future(
        "config that is read-only",
        imported("types"),
        client("self.config = self._get_config()", "self.config = types.MappingProxyType(self._get_config())"),
    ),
    future(
        "config fetched when it is used",
        client("import time\nimport urllib", "import functools\nimport time\nimport urllib"),
        client("        self.config = self._get_config()\n", ""),
        client(
            "    def close(self):\n",
            "    @functools.cached_property\n    def config(self):\n        return self._get_config()\n\n    def close(self):\n",
        ),
    ),
    future(
        "config and info fetched together",
        client("        self.config = self._get_config()\n", "        self.config, self._info = self._fetch()\n"),
        client("        self._info = self._get_api_info()\n", ""),
        renamed(
            r"def _get_config\(self\) -> dict:",
            "def _fetch(self):\n        config = self._fetch_config()\n        prefix = config.get('api_prefix', '').strip('/') + '/'\n        self.src_prefixed = urllib.parse.urljoin(self.src, prefix)\n        self.app_version = version.parse(config['version'])\n        return config, self._fetch_info()\n\n    def _fetch_config(self) -> dict:",
        ),
        renamed(r"def _get_api_info\(self\):", "def _fetch_info(self):"),
    ),
    future(
        "config fetched twice",
        client(
            "        self.config = self._get_config()\n",
            "        self._get_config()\n        self.config = self._get_config()\n",
        ),
    ),
    future(
        "info fetched first",
        client(
            "        self.config = self._get_config()\n",
            "        self.src_prefixed, self.app_version = self.src + 'gradio_api/', version.parse('6.0')\n        self._info = self._get_api_info()\n        self.config = self._get_config()\n",
        ),
        client("        self._info = self._get_api_info()\n        self.session_hash", "        self.session_hash"),
    ),
    future(
        "classes with slots",
        utils("@dataclass\nclass Communicator:", "@dataclass(slots=True)\nclass Communicator:"),
        utils("@dataclass\nclass JobStatus:", "@dataclass(slots=True)\nclass JobStatus:"),
    ),
    future(
        "methods of the client in a class above it",
        client(
            "class Client:\n",
            "class Client:\n    def __new__(cls, *args, **kwargs):\n        return super().__new__(cls)\n\n    def __init_subclass__(cls, **kwargs):\n        super().__init_subclass__(**kwargs)\n",
        ),
    ),
)

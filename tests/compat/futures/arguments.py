"""Futures in which functions of gradio_client take an argument more, or give something else back."""

from __future__ import annotations

from ..overlays import client, future, renamed, utils
from .calls import imported

ARGUMENTS = (
    future(
        "an argument more to stream_messages",
        client(
            '        protocol: Literal["sse_v1", "sse_v2", "sse_v2.1", "sse_v3"],\n        session_hash: str,\n    ) -> None',
            "        protocol: str,\n        last_event: str | None,\n        session_hash: str,\n    ) -> None",
        ),
        client(
            'protocol, session_hash=hash_data["session_hash"]', 'protocol, None, session_hash=hash_data["session_hash"]'
        ),
    ),
    future(
        "an argument more to send_data",
        client(
            "def send_data(self, data, hash_data, protocol, request_headers):",
            "def send_data(self, endpoint, data, hash_data, protocol, request_headers, *, attempt):",
        ),
        client(
            "data, hash_data, self.protocol, helper.request_headers\n",
            "self, data, hash_data, self.protocol, helper.request_headers, attempt=1\n",
        ),
    ),
    future(
        "an argument more to new_helper",
        client(
            "self, fn_index: int, headers: dict[str, str] | None = None\n    ) -> Communicator",
            "self, endpoint: Endpoint, fn_index: int, headers: dict[str, str] | None = None, *, deadline: float\n    ) -> Communicator",
        ),
        client(
            "self.new_helper(inferred_fn_index, headers=headers)",
            "self.new_helper(endpoint, inferred_fn_index, headers=headers, deadline=5.0)",
        ),
    ),
    future(
        "new_helper without arguments",
        client(
            "self, fn_index: int, headers: dict[str, str] | None = None\n    ) -> Communicator",
            "self\n    ) -> Communicator",
        ),
        client(
            "self.endpoints[fn_index].process_predictions,\n            self.reset_url,\n            request_headers=headers,",
            "None,\n            self.reset_url,",
        ),
        client(
            "self.new_helper(inferred_fn_index, headers=headers)",
            "self.new_helper()\n            helper.prediction_processor, helper.request_headers = endpoint.process_predictions, headers",
        ),
    ),
    future(
        "new_helper returns a pair",
        client("        return Communicator(\n", "        return 0, Communicator(\n"),
        client("helper = self.new_helper(", "_, helper = self.new_helper("),
    ),
    future(
        "new_helper is asked twice",
        client(
            "helper = self.new_helper(inferred_fn_index, headers=headers)",
            "self.new_helper(inferred_fn_index, headers=headers)\n            helper = self.new_helper(inferred_fn_index, headers=headers)",
        ),
    ),
    future(
        "the communicator is copied",
        imported("copy"),
        client(
            "helper = self.new_helper(inferred_fn_index, headers=headers)",
            "helper = copy.copy(self.new_helper(inferred_fn_index, headers=headers))\n            helper.job = JobStatus()\n            helper.updates = asyncio.Queue()",
        ),
    ),
    future(
        "an argument more to Communicator",
        utils(
            'class Communicator:\n    """Helper class to help communicate between the worker thread and main thread."""\n\n',
            "class Communicator:\n    owner: Any\n",
        ),
        client("        return Communicator(\n", "        return Communicator(\n            self,\n"),
    ),
    future(
        "an argument more to Job",
        client(
            "        future: Future,\n        communicator: Communicator | None = None,\n        verbose",
            "        client: Client,\n        future: Future,\n        communicator: Communicator | None = None,\n        verbose",
        ),
        client("job = Job(\n            future,", "job = Job(\n            self,\n            future,"),
    ),
    future(
        "arguments of Job in another order",
        client(
            "        future: Future,\n        communicator: Communicator | None = None,\n        verbose",
            "        communicator: Communicator | None,\n        future: Future,\n        verbose",
        ),
        client(
            "job = Job(\n            future,\n            communicator=helper,",
            "job = Job(\n            helper,\n            future,",
        ),
    ),
    future(
        "an argument more to submit",
        client(
            "        headers: dict[str, str] | None = None,\n        result_callbacks",
            "        headers: dict[str, str] | None = None,\n        priority: int = 0,\n        result_callbacks",
        ),
    ),
    future(
        "an argument more to the constructor",
        client(
            "        oauth_token: str | None = None,\n    ):",
            "        oauth_token: str | None = None,\n        retries: int = 0,\n    ):",
        ),
    ),
    future(
        "an argument more to _get_config",
        client("def _get_config(self) -> dict", "def _get_config(self, page: str, *, deep_link: str) -> dict"),
        client("self._get_config()", 'self._get_config("", deep_link="")'),
    ),
    future(
        "an argument more to _get_api_info",
        client("def _get_api_info(self)", "def _get_api_info(self, config, *, all_endpoints)"),
        client("self._get_api_info()", "self._get_api_info(self.config, all_endpoints=False)"),
    ),
    future(
        "an argument more to the heartbeat",
        client(
            "        kill_heartbeat: threading.Event,\n    ):",
            "        kill_heartbeat: threading.Event,\n        rate: float,\n    ):",
        ),
        client("self._kill_heartbeat),", "self._kill_heartbeat, 15.0),"),
    ),
    future(
        "an argument more to check_for_cancel",
        utils("def check_for_cancel(\n", "def check_for_cancel(\n    rate: float,\n"),
        utils("check_for_cancel, helper", "check_for_cancel, 0.05, helper"),
    ),
    future(
        "an argument more to the endpoint",
        client(
            "self, client: Client, fn_index: int, dependency: dict, protocol",
            "self, client: Client, page: str, fn_index: int, dependency: dict, protocol",
        ),
        client(
            'self, dependency.get("id", fn_index), dependency', 'self, "", dependency.get("id", fn_index), dependency'
        ),
    ),
    future(
        "stream_messages yields",
        renamed(
            r"( +)(if resp\[\"msg\"\] == ServerMessage\.process_completed:\n +# The submitting)", r"\1yield resp\n\1\2"
        ),
        client(
            'return self.stream_messages(\n                    protocol, session_hash=hash_data["session_hash"]\n                )',
            'for _ in self.stream_messages(protocol, session_hash=hash_data["session_hash"]):\n                    pass',
        ),
    ),
    future(
        "send_data returns a pair",
        client("        return event_id\n\n    @classmethod", "        return event_id, resp\n\n    @classmethod"),
        client("event_id = client.send_data(", "event_id, _ = client.send_data("),
    ),
    future(
        "send_data is a function of the endpoint",
        client(
            "event_id = client.send_data(\n                    data",
            "event_id = Client.send_data(\n                    client, data",
        ),
    ),
)

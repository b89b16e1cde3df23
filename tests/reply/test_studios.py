"""Studios of ModelScope as fallbacks: they get the defaults of their Space, and none of its secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from qwen_gradio import AsyncQwenClient, InvalidOption, QwenClient

from ..faults.cases import RIGHT, WHOLE
from ..servers import wrong_server
from ..servers.forked import ForkServers

NOBODY = "http://127.0.0.1:9"
SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
SECRETS: dict[str, Any] = {
    "token": "hf_secret",
    "auth": ("ada", "secret-2"),
    "headers": {"x-key": "secret-3", "authorization": "Basic secret-4"},
}
ServeAs = Callable[[str, str], None]


@pytest.fixture(scope="module")
def undecided(fork_servers: ForkServers) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description of a Space with a `radio` that has no default."""
    with fork_servers.running(SERVE, "qwen2_5_plain") as process:
        (url,) = json.loads(process.printed).values()
        config, info = (httpx.get(url + path, trust_env=False).json() for path in ("config", "gradio_api/info"))
    for component in config["components"]:
        if component["props"].get("label") == "radio":
            component["props"]["value"] = None
    for parameter in info["named_endpoints"]["/model_chat"]["parameters"]:
        if parameter["parameter_name"] == "radio":
            parameter.update(parameter_has_default=False, parameter_default=None)
    return config, info


async def test_studio_as_fallback_gets_defaults_and_no_secret(undecided: Any, serve_as: ServeAs) -> None:
    studio = "modelscope:Qwen/Qwen2.5"
    with wrong_server.running(undecided, {}, RIGHT) as server:
        serve_as("qwen-qwen2-5.ms.show", server.url)
        async with AsyncQwenClient(NOBODY, fallbacks=[studio], **SECRETS) as client, client.stream("hi") as reply:
            assert "".join([fragment async for fragment in reply]) == WHOLE
        assert reply.space == studio
        data = [json.loads(body)["data"] for body in server.bodies if body]
        seen = "".join(server.heads + server.bodies)
    assert [(one[0], one[-1]) for one in data] == [("hi", "72B")]
    assert "host: qwen-qwen2-5.ms.show" in seen.lower()
    assert [name for name in ("secret", "ada", "authorization", "x-key") if name in seen.lower()] == []


def test_studio_of_unknown_space_has_no_defaults(undecided: Any, serve_as: ServeAs) -> None:
    with wrong_server.running(undecided, {}, RIGHT) as server:
        serve_as("someone-else.ms.show", server.url)
        with QwenClient("modelscope:someone/else") as client:
            assert client.ask("hi") == WHOLE
        assert [json.loads(body)["data"][-1] for body in server.bodies if body] == [None]


def test_studio_unknown_option_raises_before_network_if_all_are_known() -> None:
    client = AsyncQwenClient("modelscope:Qwen/Qwen2-72B-Instruct-demo")
    with pytest.raises(InvalidOption, match="unknown option 'nonsense'"):
        client.stream("hi", nonsense=1)
    AsyncQwenClient("modelscope:someone/else").stream("hi", nonsense=1)

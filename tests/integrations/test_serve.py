"""`qwen-gradio serve`: the command in a process of its own, over a socket, in front of the scripted Space."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qwen_gradio.integrations.serve.checks import AsciiJSONResponse
from qwen_gradio.space.catalogue import CATALOGUE

from ..cli.command import run
from ..conftest import ScriptedSpace, eventually
from ..servers.forked import ForkServers, LoggedSpace
from .server import Served, body, serving

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"
KEY = "secret"

pytestmark = pytest.mark.xdist_group("serve")  # so that its servers are started once
ORIGIN = "https://page.example"


@pytest.fixture(scope="module")
def served(space: ScriptedSpace) -> Iterator[Served]:
    """A server with two names: the scripted Space, and that behind one that is down."""
    with serving(f"it={space.url}", f"both=http://127.0.0.1:9,{space.url}", "down=http://127.0.0.1:9") as running:
        yield running


@pytest.fixture(scope="module")
def guarded(space: ScriptedSpace) -> Iterator[Served]:
    """A server with a key, that a page may use, and that answers one question at a time."""
    limits = ("--cors", ORIGIN, "--concurrency", "1", "--allow-host", "inside.example")
    with serving(space.url, *limits, QWEN_GRADIO_API_KEY=KEY) as running:
        running.client.headers["authorization"] = f"Bearer {KEY}"
        yield running


def chunks(response: httpx.Response) -> Iterator[Any]:
    """Give the chunks of a stream as they come, and its [DONE]."""
    for line in response.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield line[6:] if line == "data: [DONE]" else json.loads(line[6:])


def content(chunk: Any, key: str = "content") -> str:
    return "".join(choice["delta"].get(key, "") for choice in chunk["choices"])


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_serve_lists_models(served: Served) -> None:
    listed = served.client.get("/models").json()
    assert [model["id"] for model in listed["data"]] == ["it", "both", "down"]
    assert served.client.get("/models/it").json() == listed["data"][0]
    assert served.client.get("/models/Qwen/Qwen2.5").json()["id"] == "Qwen/Qwen2.5"
    assert error(served.client.get("/models/gpt-4")) == (404, "model_not_found")


def test_serve_whole_reply_is_what_space_says(served: Served, space: ScriptedSpace) -> None:
    script = space.script(["<think>hm</think>", "<think>hm</think>four", "<think>hm</think>four words"])
    answer = served.post("it", script.prompt, temperature=0, user="me").json()
    message = answer["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("four words", "hm")
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (answer["model"], answer["system_fingerprint"]) == ("it", space.url)
    assert answer["usage"]["estimated"]
    assert answer["usage"]["completion_tokens"] == 4


def test_serve_lone_surrogate_is_escaped() -> None:
    assert AsciiJSONResponse({"content": "half \ud83d"}).body == b'{"content": "half \\ud83d"}'


def test_serve_port_in_use_exits_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert (result.exit_code, result.stderr) == (
        1,
        f"qwen-gradio: port {port} on 127.0.0.1 is in use; --port 0 takes a free one\n",
    )


def test_serve_streams_each_fragment_as_it_comes(served: Served, space: ScriptedSpace) -> None:
    script = space.script_in_step(20)
    with served.stream("IT", script.prompt, stream_options={"include_usage": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *texts, end, usage, done = [script.read(chunk) for chunk in chunks(response)]
    assert "".join(map(content, texts)) == script.final
    assert len(texts) == 20
    assert [chunk["choices"][0]["delta"].get("role") for chunk in texts] == ["assistant", *[None] * 19]
    assert end["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert done == "[DONE]"


def test_serve_streams_thinking_apart(served: Served, space: ScriptedSpace) -> None:
    script = space.script(["<think>hm", "<think>hm, yes</think>", "<think>hm, yes</think>four"])
    with served.stream("it", script.prompt) as response:
        *texts, _, _ = chunks(response)
    assert "".join(content(chunk, "reasoning_content") for chunk in texts) == "hm, yes"
    assert "".join(map(content, texts)) == "four"


def test_serve_keeps_turns_system_and_tool_results(served: Served) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    answer = served.client.post("/chat/completions", json={"model": "it", "messages": messages}).json()
    assert json.loads(answer["choices"][0]["message"]["content"]) == {
        "system": "Be brief.",
        "turns": [["Weather?", "[Called look({})]"]],
        "query": "[Result of c1: sunny]",
    }


def test_serve_options_reach_space_that_has_them(served: Served, fork_servers: ForkServers) -> None:
    with fork_servers.running(SERVE, "interface_inputs") as app:
        url = json.loads(app.printed)["interface_inputs"]
        sampling = {"temperature": 0, "max_tokens": 7, "top_p": 0.5, "options": {"model": "small"}}
        answer = served.post(url, "hi", **sampling, use_web_search=True).json()["choices"][0]["message"]["content"]
        heard = json.loads(answer)
        assert (heard["temperature"], heard["max_new_tokens"]) == (0.1, 7)
        assert (heard["model"], heard["use_web_search"]) == ("small", True)
        assert error(served.post(url, "hi", options={"model": "huge"})) == (400, "invalid_option")


@pytest.mark.parametrize("stream", [True, False])
def test_serve_stop_sequence_ends_reply_and_space(served: Served, space: ScriptedSpace, stream: bool) -> None:
    script = space.script(5000)
    stop = f" {script.name}-3"
    if stream:
        with served.stream("it", script.prompt, stop=stop) as response:
            *texts, end, done = chunks(response)
        assert "".join(map(content, texts)) == f"{script.name}-0 {script.name}-1 {script.name}-2"
        assert (end["choices"][0]["finish_reason"], done) == ("stop", "[DONE]")
    else:
        answer = served.post("it", script.prompt, stop=[stop]).json()["choices"][0]["message"]["content"]
        assert answer == f"{script.name}-0 {script.name}-1 {script.name}-2"
    assert eventually(script.stopped)


@pytest.mark.parametrize("stream", [True, False])
def test_serve_failure_before_first_fragment_has_status(served: Served, space: ScriptedSpace, stream: bool) -> None:
    response = served.post("it", space.script(3, fail_at=0).prompt, stream=stream)
    assert error(response) == (502, "app_raised")
    assert response.headers["x-should-retry"] == "false"
    assert error(served.post("down", "hi", stream=stream)) == (502, "cannot_connect")


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (401, "needs_authentication")])
def test_serve_passes_on_refusal_of_space(
    served: Served, answering: Callable[[bytes], str], status: int, code: str
) -> None:
    head = f"HTTP/1.1 {status} No\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n"
    response = served.post(answering(head.encode()), "hi", stream=True)
    assert error(response) == (status, code)
    assert response.headers.get("retry-after") == ("120" if status == 429 else None)


def test_serve_failure_after_first_fragment_is_error_event(served: Served, space: ScriptedSpace) -> None:
    with served.stream("it", space.script(3, fail_at=2, step=0.1).prompt) as response:
        *texts, last = chunks(response)
    assert response.status_code == 200
    assert texts
    assert last["error"]["code"] == "app_raised"


def test_serve_whole_reply_that_fails_has_text_so_far(served: Served, space: ScriptedSpace) -> None:
    script = space.script(3, fail_at=2, step=0.1)
    response = served.post("it", script.prompt)
    assert error(response) == (502, "app_raised")
    assert response.json()["error"]["partial"].startswith(f"{script.name}-0")


def test_serve_fallback_answers_where_first_space_is_down(served: Served, space: ScriptedSpace) -> None:
    script = space.script(3)
    answer = served.post("both", script.prompt).json()
    assert answer["choices"][0]["message"]["content"] == script.final
    assert answer["system_fingerprint"] == space.url


def test_serve_stream_that_client_leaves_stops_space(served: Served, space: ScriptedSpace) -> None:
    script = space.script(5000)
    with served.stream("it", script.prompt) as response:
        next(chunks(response))
    assert eventually(script.stopped)


@pytest.mark.parametrize("stream", [True, False])
def test_serve_client_that_leaves_while_waiting_stops_space(served: Served, space: ScriptedSpace, stream: bool) -> None:
    """As it waits for the first words of a stream, or for a whole reply."""
    script = space.script(["Thinking…"] * 5000 if stream else 5000)
    host, port = served.url.removeprefix("http://").removesuffix("/v1").split(":")
    content = json.dumps(body("it", script.prompt, stream=stream)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        assert eventually(lambda: script.count("step") > 0)
    assert eventually(script.stopped)


def test_serve_client_that_leaves_half_way_in_its_request_is_forgotten(served: Served) -> None:
    host, port = served.url.removeprefix("http://").removesuffix("/v1").split(":")
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}content-length: 100\r\n\r\n{{".encode())
    assert served.client.get("/models").status_code == 200
    assert "Traceback" not in served.log()


@pytest.mark.parametrize(
    ("request_body", "headers", "code"),
    [
        (b"{", {}, (400, "bad_request")),
        (b"\xff", {}, (400, "bad_request")),
        (b"[" * 100_000, {}, (400, "bad_request")),
        (b"[]", {}, (400, "usage_error")),
        (body("it", "hi", tools=[{"type": "function"}]), {}, (400, "usage_error")),
        (body("it", "hi", n=2), {}, (400, "usage_error")),
        (body("it", ""), {}, (400, "invalid_messages")),
        (body("it", "hi", heat=2), {}, (400, "invalid_option")),
        (body("it", "hi", files=["/etc/passwd"]), {}, (400, "invalid_option")),
        (body("it", "hi", heat={"path": "/etc/passwd", "meta": {}}), {}, (400, "invalid_option")),
        (body("it", "hi", heat=json.loads("[" * 900 + "]" * 900)), {}, (400, "bad_request")),
        (body("gpt-4", "hi"), {}, (404, "model_not_found")),
        (body("it", "hi"), {"content-type": "text/plain"}, (415, "unsupported_media_type")),
        (body("it", "hi"), {"host": "page.example"}, (403, "forbidden")),
        (body("it", "hi"), {"host": "[::"}, (403, "forbidden")),
    ],
)
def test_serve_bad_request_has_status(
    served: Served, request_body: Any, headers: dict[str, str], code: tuple[int, str]
) -> None:
    encoded = request_body if isinstance(request_body, bytes) else json.dumps(request_body).encode()
    headers = {"content-type": "application/json", **headers}
    assert error(served.client.post("/chat/completions", content=encoded, headers=headers)) == code


def test_serve_other_path_or_method_has_openai_error(served: Served) -> None:
    assert error(served.client.get("/chat/completions")) == (405, "method_not_allowed")
    assert error(served.client.post("/embeddings")) == (404, "not_found")


def test_serve_body_too_large_is_refused(served: Served) -> None:
    assert error(served.post("it", "x" * (20 * 2**20))) == (413, "content_too_large")


def test_serve_image_for_space_that_takes_none_is_refused(served: Served) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]
    response = served.client.post("/chat/completions", json={"model": "it", "messages": messages})
    assert response.status_code == 400


def test_serve_log_has_requests_and_failures_but_no_prompt(served: Served, space: ScriptedSpace) -> None:
    served.post("it", "a secret prompt")
    served.post("it", space.script(["a secret answer"], fail_at=1).prompt)
    assert eventually(lambda: f"it: AppRaised at {space.url}" in served.log())
    assert '"POST /v1/chat/completions HTTP/1.1" 200 OK' in served.log()
    assert "a secret" not in served.log()


def test_serve_with_key_refuses_requests_without_it(guarded: Served, space: ScriptedSpace) -> None:
    for authorization in ("", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x"):
        response = guarded.client.get("/models", headers={"authorization": authorization})
        assert error(response) == (401, "unauthorized")
    assert guarded.client.get(guarded.url.replace("/v1", "/healthz"), headers={"authorization": ""}).json() == {
        "status": "ok",
        "replies": 0,
    }
    script = space.script(2)
    assert guarded.post(space.url, script.prompt).json()["choices"][0]["message"]["content"] == script.final


def test_serve_allowed_host_and_origin_are_let_through(guarded: Served, served: Served) -> None:
    assert guarded.client.get("/models", headers={"host": "inside.example:80"}).status_code == 200
    asked = {"origin": ORIGIN, "access-control-request-method": "POST", "authorization": ""}
    preflight = guarded.client.options("/chat/completions", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in served.client.get("/models", headers={"origin": ORIGIN}).headers
    assert served.client.options("/chat/completions", headers=asked).status_code == 405


def test_serve_more_replies_than_allowed_are_refused(guarded: Served, space: ScriptedSpace) -> None:
    script = space.script(5000)
    with guarded.stream(space.url, script.prompt) as response:
        running = chunks(response)
        next(running)
        refused = guarded.post(space.url, "hi")
        assert error(refused) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "1"
    assert eventually(script.stopped)
    assert eventually(lambda: guarded.post(space.url, "hi").status_code == 200)


def test_serve_ctrl_c_ends_replies_at_once(space: ScriptedSpace) -> None:
    script = space.script(5000)
    with serving(space.url) as served, served.stream(space.url, script.prompt) as response:
        running = chunks(response)
        next(running)
        served.signal(signal.SIGINT)
        with pytest.raises(httpx.RemoteProtocolError):
            list(running)
        assert served.process.wait(30) == 130
        assert eventually(script.stopped)
        assert "Traceback" not in served.log()


def test_serve_sigterm_lets_reply_finish(space: ScriptedSpace, tmp_path: Any) -> None:
    gate = tmp_path / "go on"
    script = space.script(3, until=str(gate))
    with serving(space.url) as served:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(served.post(space.url, script.prompt)))
        asking.start()
        assert eventually(lambda: script.count("start") == 1)
        served.signal(signal.SIGTERM)
        assert eventually(lambda: _refuses(served.url))
        gate.touch()
        asking.join(30)
        assert answers[0].json()["choices"][0]["message"]["content"] == script.final
        assert served.process.wait(30) == -signal.SIGTERM


def _refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/models", trust_env=False)
    except httpx.TransportError:
        return True
    return False


def test_serve_demo_answers_as_demo() -> None:
    with serving("--demo") as served:
        answer = served.post("demo", "What is the capital of France?").json()
        listed = [model["id"] for model in served.client.get("/models").json()["data"]]
    assert listed == ["demo", *(entry.id for entry in CATALOGUE)]
    assert "You asked: What is the capital of France?" in answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["=a/b"], "expected NAME=SPACE"),
        (["me="], "expected NAME=SPACE"),
        (["me=a/b,"], "expected NAME=SPACE"),
        (["me=a/b", "ME=c/d"], "expected different names"),
        (["me=nonsense"], "expected a Space id"),
        (["--token", "t"], "expected the Spaces that --token is for"),
        (["--api-key", ""], "expected a key"),
        (["--host", "192.0.2.1"], "port 8000 on 192.0.2.1"),
    ],
)
def test_serve_wrong_use_exits_with_one_line(arguments: list[str], message: str) -> None:
    result = run("serve", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_serve_without_its_extra_exits_with_install_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    result = run("serve")
    assert (result.exit_code, result.stderr) == (
        2,
        "qwen-gradio: serving needs starlette and uvicorn: pip install 'qwen_gradio[serve]'\n",
    )


def test_serve_open_to_others_takes_no_url_as_model(make_space: Callable[..., LoggedSpace]) -> None:
    with serving("--host", "0.0.0.0", QWEN_GRADIO_TOKEN="unused") as served:  # noqa: S104, S106 - it is
        url = served.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the same
        answer = httpx.post(f"{url}/chat/completions", json=body(make_space().url, "hi"), trust_env=False)
        assert error(answer) == (404, "model_not_found")
        assert "Whoever reaches this machine can use it" in served.log()

"""Files with a question, on real gradio servers."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import stat
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from qwen_gradio import (
    AsyncQwenClient,
    ConnectionLost,
    DeadlineExceeded,
    InvalidMessages,
    InvalidOption,
    NeedsAuthentication,
    ProtocolError,
    QwenClient,
    QwenGradioError,
    SpaceUnavailable,
    Timeouts,
)
from qwen_gradio.transport.hooks import Hook

from .conftest import ScriptedSpace, eventually, only_hooks, our_threads
from .environments import on_each_gradio
from .reply.test_fallbacks import Raw
from .servers import proxy
from .servers.forked import ForkServers

SERVE = Path(__file__).parent / "servers" / "serve.py"
EACH_GRADIO = on_each_gradio("4.44.1", "5.50.0", "6")
LARGE = 16 * 1024 * 1024  # more than the sockets' buffers hold


def picture() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0\1\2\3")
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), b"IDAT": pixel, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks.items())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, fork_servers: ForkServers) -> Iterator[dict[str, str]]:
    """The URLs of the apps that take files, on the Gradio of the parameter."""
    names = ["vision", "multimodal", "interface_multimodal", "trap"]
    names = names[:3] if request.param == "4.44.1" else names
    with fork_servers.running(SERVE, *names, gradio=request.param) as process:
        yield json.loads(process.printed)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(picture())
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"some notes")
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.txt"
    path.write_bytes(b"a" * LARGE)
    return path


def on_gradio_6(function: Any) -> Any:
    return pytest.mark.parametrize("served", ["6"], indirect=True)(function)


def uploads(requests: list[str]) -> int:
    return sum(path.endswith("/upload") for path in requests)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def modes(folder: Path) -> list[int]:
    """The permissions of what is in a folder."""
    return [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]


def data_part(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": base64.b64encode(data).decode()}}


@pytest.mark.parametrize("served", EACH_GRADIO, indirect=True)
async def test_files_reach_components_beside_the_question(
    served: dict[str, str], photo: Path, notes: Path, requests: list[str]
) -> None:
    async with AsyncQwenClient(served["vision"]) as client:
        heard = json.loads(await client.ask("what?", files=[notes, photo, str(notes)]))
        assert heard["query"] == "what?"
        assert heard["picture"].startswith("photo.png ")
        assert heard["documents"] == [f"notes.txt {digest(b'some notes')}"] * 2
        assert uploads(requests) == 3
        assert json.loads(await client.ask("again"))["picture"] is None
        assert uploads(requests) == 3


@pytest.mark.parametrize("served", EACH_GRADIO, indirect=True)
@pytest.mark.parametrize("name", ["multimodal", "interface_multimodal"])
async def test_files_reach_multimodal_box(served: dict[str, str], name: str, photo: Path, requests: list[str]) -> None:
    async with AsyncQwenClient(served[name]) as client:
        heard = json.loads(await client.ask("what?", files=[photo]))
        assert (heard["query"], heard["files"]) == ("what?", 1)
        assert json.loads(await client.ask("again"))["files"] == 0
        assert uploads(requests) == 1


@pytest.mark.parametrize("served", EACH_GRADIO, indirect=True)
@pytest.mark.usefixtures("some_hooks")
async def test_files_in_messages_are_uploaded_and_removed(served: dict[str, str], temporary: Path) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    parts = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": url}},
        data_part("a.txt", b"in a part"),
        data_part("a.txt", b"in a part"),
    ]
    async with AsyncQwenClient(served["vision"]) as client:
        heard = json.loads(await client.ask([{"role": "user", "content": parts}]))
    assert heard["query"] == "what?"
    assert heard["picture"].startswith("image.png ")
    assert heard["documents"] == [f"a.txt {digest(b'in a part')}"] * 2
    assert eventually(lambda: modes(temporary) == [])


@on_gradio_6
def test_sync_client_files_are_uploaded(served: dict[str, str], photo: Path) -> None:
    with QwenClient(served["multimodal"]) as client:
        assert json.loads(client.ask("what?", files=[photo]))["files"] == 1
        with client.stream("what?", files=[photo]) as reply:
            assert json.loads("".join(reply))["files"] == 1
        talk = client.conversation()
        assert json.loads(talk.ask("what?", files=[photo]))["files"] == 1
        assert json.loads(talk.ask("and?"))["files"] == 0


@on_gradio_6
async def test_conversation_keeps_names_of_files(served: dict[str, str], photo: Path) -> None:
    async with AsyncQwenClient(served["multimodal"]) as client:
        talk = client.conversation()
        await talk.ask("what?", files=[photo])
        heard = json.loads(await talk.ask("and?"))
    assert talk.messages[0] == {"role": "user", "content": "[photo.png]\nwhat?"}
    assert (heard["files"], heard["earlier"][0][0]) == (0, "what?"), "the app has kept its own history"


@on_gradio_6
async def test_files_invalid_raises_before_any_request(
    served: dict[str, str], photo: Path, requests: list[str]
) -> None:
    client = AsyncQwenClient(served["vision"])
    with pytest.raises(InvalidOption, match=r"'gone.png' can't be read"):
        client.stream("hi", files=["gone.png"])
    with pytest.raises(InvalidOption, match="expected a list"):
        client.stream("hi", files=str(photo))
    part = {"type": "image_url", "image_url": "https://host/a.png"}
    with pytest.raises(InvalidMessages, match="only the question can have files"):
        client.stream([{"role": "user", "content": [part]}, {"role": "assistant", "content": "a"}, *HI])
    assert requests == []


HI = [{"role": "user", "content": "hi"}]


@on_gradio_6
async def test_files_that_the_space_does_not_take_raise_before_the_question(
    served: dict[str, str], space: ScriptedSpace, photo: Path, notes: Path, requests: list[str]
) -> None:
    song = photo.with_name("song.mp3")
    song.write_bytes(b"la")
    for url, files, expected in [
        (space.url, [photo], "this Space takes no files"),
        (served["vision"], [photo, photo], "takes fewer files .* no input left for photo.png"),
        (served["vision"], [song], "takes no file like song.mp3: expected one of image, .pdf, text"),
        (served["multimodal"], [photo, notes], "takes fewer files .* no input left for notes.txt"),
    ]:
        async with AsyncQwenClient(url) as client:
            with pytest.raises(InvalidOption, match=expected):
                await client.ask("hi", files=files)
    assert all(path.endswith(("/config", "/info")) for path in requests)


@on_gradio_6
async def test_files_option_of_the_same_input_takes_its_place(served: dict[str, str], photo: Path) -> None:
    async with AsyncQwenClient(served["vision"]) as client:
        with pytest.raises(InvalidOption, match=r"takes no file like photo.png"):
            await client.ask("hi", files=[photo], picture=None)


@on_gradio_6
async def test_file_larger_than_the_space_takes_raises_invalid_option(
    served: dict[str, str], notes: Path, requests: list[str]
) -> None:
    with notes.open("wb") as file:
        file.truncate(20_000_001)
    async with AsyncQwenClient(served["vision"]) as client:
        with pytest.raises(InvalidOption, match=r"notes.txt has 20000001 bytes; this Space accepts files of 20000000"):
            await client.ask("hi", files=[notes])
    assert uploads(requests) == 0


@on_gradio_6
async def test_file_removed_before_its_upload_raises_invalid_option(served: dict[str, str], notes: Path) -> None:
    async with AsyncQwenClient(served["vision"]) as client:
        reply = client.stream("hi", files=[notes])
        await anyio.Path(notes).unlink()
        with pytest.raises(InvalidOption, match=r"can't be read .*notes.txt"):
            async for _ in reply:
                pass


@on_gradio_6
async def test_file_url_is_passed_to_the_space_unopened(
    served: dict[str, str], calls_of: Callable[[object, str], Any]
) -> None:
    """The server doesn't download from this machine, and says so; nothing here connects to it either."""
    connected = calls_of(socket, "create_connection")
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        url = f"http://127.0.0.1:{host.getsockname()[1]}/photo.png"
        async with AsyncQwenClient(served["multimodal"], token="hf_secret") as client:  # noqa: S106 - none
            with pytest.raises(QwenGradioError):
                await client.ask("hi", files=[url])
        with pytest.raises(BlockingIOError):
            host.accept()
    assert {address for address, *_ in connected} == {("127.0.0.1", int(served["multimodal"].split(":")[2].strip("/")))}


@on_gradio_6
async def test_file_that_the_space_names_is_never_read(
    served: dict[str, str], notes: Path, requests: list[str]
) -> None:
    async with AsyncQwenClient(served["trap"]) as client:
        talk = client.conversation()
        shown = await talk.ask("hi", files=[notes])
        heard = json.loads(shown[shown.index("{") :])
        named = anyio.Path(heard["settings"]["b"][0]["path"])
        assert (heard["files"], named.name) == (1, "secrets.txt")
        assert await named.exists(), "gradio_client would upload it"
        assert "secrets.txt" in await talk.ask("again")
    assert uploads(requests) == 1


@pytest.mark.parametrize("served", EACH_GRADIO, indirect=True)
@pytest.mark.parametrize("hooks", [frozenset(Hook), frozenset({Hook.NETWORK})], ids=["all hooks", "network hook"])
async def test_file_upload_goes_through_the_proxy(
    served: dict[str, str], notes: Path, hooks: frozenset[Hook], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_hooks(monkeypatch, hooks)
    with proxy.running() as through:
        async with AsyncQwenClient(served["vision"], proxy=through.url, headers={"x-mine": "yes"}) as client:
            assert "notes.txt" in await client.ask("what?", files=[notes])
    assert uploads(through.requests) == 1
    assert through.heads.count("x-mine: yes") == len(through.requests)


# --- uploads that are slow, or fail


class Stalled:
    """What a proxy does with an upload: it reads nothing until the test ends."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def __call__(self, _: socket.socket) -> None:
        self.began.set()
        self.ended.wait(60)


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    made = Stalled()
    yield made
    made.ended.set()


@pytest.mark.parametrize("served", EACH_GRADIO, indirect=True)
async def test_reply_closed_while_uploading_ends_the_upload(
    served: dict[str, str], temporary: Path, stalled: Stalled
) -> None:
    """No deadline ends it, the question isn't asked, and its bytes are removed from the disk."""
    large = [{"role": "user", "content": ["hi", data_part("large.txt", b"a" * LARGE)]}]
    with proxy.running(upload=stalled) as through:
        client = AsyncQwenClient(served["vision"], proxy=through.url, timeouts=Timeouts(connect=None))
        await client.__aenter__()
        async with anyio.create_task_group() as tasks, client.stream(large) as reply:
            tasks.start_soon(anext, reply, None)
            assert await anyio.to_thread.run_sync(stalled.began.wait, 30)
            assert modes(temporary) == [0o700]
            tasks.cancel_scope.cancel()
        assert await anyio.to_thread.run_sync(eventually, lambda: our_threads() == [])
        assert modes(temporary) == []
        await client.aclose()
        assert uploads(through.requests) == 1
        assert not any("join" in request for request in through.requests)


@on_gradio_6
async def test_file_upload_that_stalls_raises_deadline_exceeded(
    served: dict[str, str], large: Path, stalled: Stalled
) -> None:
    with proxy.running(upload=stalled) as through:
        async with AsyncQwenClient(
            served["vision"], proxy=through.url, timeouts=Timeouts(connect=2), retries=0
        ) as client:
            with pytest.raises(DeadlineExceeded) as caught:
                await client.ask("hi", files=[large])
            assert caught.value.deadline == "connect"
            assert await anyio.to_thread.run_sync(eventually, lambda: our_threads() == [])
        assert not any("join" in request for request in through.requests)


@pytest.mark.full
@on_gradio_6
async def test_file_upload_slower_than_the_deadline_goes_on_while_it_sends(served: dict[str, str], large: Path) -> None:
    timeout = 3
    with proxy.running(pause=3 * timeout / (LARGE / 65536)) as through:
        async with AsyncQwenClient(
            served["vision"], proxy=through.url, timeouts=Timeouts(connect=timeout), retries=0
        ) as client:
            assert digest(b"a" * LARGE) in await client.ask("hi", files=[large])


@pytest.mark.parametrize(
    ("answer", "error", "expected"),
    [
        (b"413 Payload Too Large", InvalidOption, "a file can't be uploaded: .* 413 .*; pass a smaller file"),
        (b"401 Unauthorized", NeedsAuthentication, "a file can't be uploaded: it answers with HTTP 401"),
        (b"404 Not Found", ProtocolError, "a file can't be uploaded: it answers with HTTP 404"),
        (b"500 Internal Server Error", SpaceUnavailable, "a file can't be uploaded: it answers with HTTP 500"),
        (b"200 OK", ProtocolError, "its answer can't be read"),
        (b"", ConnectionLost, "the connection broke off"),
    ],
)
@on_gradio_6
async def test_file_upload_refused_raises_error(
    served: dict[str, str], notes: Path, answer: bytes, error: type[QwenGradioError], expected: str
) -> None:
    def respond(connection: socket.socket) -> None:
        connection.recv(65536)
        if answer:
            connection.sendall(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % answer)

    with proxy.running(upload=respond) as through:
        async with AsyncQwenClient(served["vision"], proxy=through.url, retries=0) as client:
            with pytest.raises(error, match=expected):
                await client.ask("hi", files=[notes])
        assert uploads(through.requests) == 1
        assert not any("join" in request for request in through.requests)


async def test_file_fallback_provider_gets_parts(photo: Path, notes: Path) -> None:
    provider = Raw("seen")
    client = AsyncQwenClient("http://127.0.0.1:9", fallbacks=[provider], retries=0)
    assert await client.ask("what?", files=[photo, notes]) == "seen"
    [asked] = provider.asked
    text, image, document = asked["messages"][0]["content"]
    assert text == {"type": "text", "text": "what?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert document["file"]["filename"] == "notes.txt"

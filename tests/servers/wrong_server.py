"""A server that speaks Gradio 6's queue protocol over raw sockets, and does wrong at the step where a case wants it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

Step: TypeAlias = Literal["connect", "config", "info", "join", "stream"]
STEPS: dict[str, Step] = {
    "/config": "config",
    "/": "config",  # where gradio_client looks for it next
    "/gradio_api/info": "info",
    "/gradio_api/queue/join": "join",
    "/gradio_api/queue/data": "stream",
}
EVENT = "e1"


class Exchange:
    """One connection: its latest request, and the ways to answer it."""

    def __init__(self, server: WrongServer, sock: socket.socket) -> None:
        self.server = server
        self.path = ""
        self.is_last = False
        self._sock = sock
        self._read = b""

    def next_request(self) -> bool:
        """Read a request; False at the end."""
        while b"\r\n\r\n" not in self._read:
            if not self._receive():
                return False
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        while len(self._read) < size:
            if not self._receive():
                return False
        self.server.bodies.append(self._read[:size].decode(errors="replace"))
        self._read = self._read[size:]
        self.path = head.split(b" ")[1].decode().partition("?")[0]
        self.is_last = b"connection: close" in head.lower()
        self.server.heads.append(head.decode())
        return True

    def _receive(self) -> bool:
        data = self._sock.recv(65536)
        self._read += data
        return bool(data)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def head(self, status: str, *headers: str) -> None:
        if self.is_last:
            headers = (*headers, "Connection: close")
        self.send("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())

    def answer(self, body: bytes, status: str = "200 OK", kind: str = "application/json", *headers: str) -> None:
        self.head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers)
        self.send(body)

    def open_stream(self, kind: str = "text/event-stream; charset=utf-8") -> None:
        self.head("200 OK", f"Content-Type: {kind}", "Transfer-Encoding: chunked")

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def wait(self) -> None:
        """Say nothing until the other side hangs up, or the trial ends."""
        while self._sock.recv(65536):
            pass

    def close(self) -> None:
        self._sock.close()

    def half_close(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)
        self.wait()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


Fault: TypeAlias = Callable[[Exchange], None]
Move: TypeAlias = dict[str, Any] | bytes | Fault  # an event, bytes in a chunk of their own, or something done


class WrongServer:
    """A server that is right at each step but those in `wrong`; its stream plays `stream`, and ends properly."""

    def __init__(
        self,
        description: tuple[dict[str, Any], dict[str, Any]],
        wrong: Mapping[Step, Fault],
        stream: Sequence[Move],
        elsewhere: str = "",
    ) -> None:
        self.elsewhere = elsewhere
        self.heads: list[str] = []
        self.bodies: list[str] = []
        self._wrong, self._stream = wrong, stream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.config, self.info = {**description[0], "root": self.url}, description[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True, name="wrong_server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(sock)
                self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        exchange = Exchange(self, sock)
        with contextlib.suppress(OSError), sock:
            if connecting := self._wrong.get("connect"):
                connecting(exchange)
                return
            while exchange.next_request():
                step = STEPS.get(exchange.path)
                if step is None:
                    exchange.answer(b"{}", "404 Not Found")
                else:
                    self._wrong.get(step, right)(exchange)
                if exchange.is_last:
                    return

    def play(self, exchange: Exchange) -> None:
        exchange.open_stream()
        for move in self._stream:
            if callable(move):
                move(exchange)
            else:
                exchange.chunk(move if isinstance(move, bytes) else event(move))
        exchange.send(b"0\r\n\r\n")

    def stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # a close alone would leave `accept` waiting
        self._listener.close()

    def stop(self) -> None:
        self.stop_listening()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def running(*arguments: Any, **options: Any) -> Iterator[WrongServer]:
    server = WrongServer(*arguments, **options)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """Hold a port on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """Hold a port whose backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# --- right answers


def right(exchange: Exchange) -> None:
    """Do what Gradio does at this step."""
    step = STEPS[exchange.path]
    if step == "stream":
        exchange.server.play(exchange)
    else:
        exchange.answer(right_body(exchange))


def right_body(exchange: Exchange) -> bytes:
    server = exchange.server
    answers = {"config": server.config, "info": server.info, "join": {"event_id": EVENT}}
    return json.dumps(answers[STEPS[exchange.path]]).encode()


def event(message: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def estimation(**more: Any) -> dict[str, Any]:
    return {"msg": "estimation", "event_id": EVENT, "rank": 0, "queue_size": 1, "rank_eta": None, **more}


def starts(**more: Any) -> dict[str, Any]:
    return {"msg": "process_starts", "event_id": EVENT, "eta": None, **more}


def generating(data: object, **more: Any) -> dict[str, Any]:
    """An update, first whole and then diffs."""
    return {"msg": "process_generating", "event_id": EVENT, "output": {"data": data}, "success": True, **more}


def chatbot(text: str) -> list[Any]:
    """The stand-in's three outputs, with this answer."""
    roles = (("user", "hi"), ("assistant", text))
    shown = [
        {"role": role, "metadata": None, "content": [{"text": content, "type": "text"}], "options": None}
        for role, content in roles
    ]
    return ["", shown, "system"]


def first(text: str, **more: Any) -> dict[str, Any]:
    return generating(chatbot(text), **more)


def appended(text: str, **more: Any) -> dict[str, Any]:
    return generating([[], [["append", [1, "content", 0, "text"], text]], []], **more)


def completed(text: str, **more: Any) -> dict[str, Any]:
    return ended({"data": chatbot(text), "is_generating": False}, **more)


def ended(output: object, **more: Any) -> dict[str, Any]:
    return {"msg": "process_completed", "event_id": EVENT, "output": output, "success": True, **more}


HEARTBEAT = {"msg": "heartbeat", "event_id": None}
CLOSE_STREAM = {"msg": "close_stream", "event_id": None}

# --- faults


def reset(exchange: Exchange) -> None:
    time.sleep(0.1)  # so that what was sent before is read before
    exchange.reset()


def closed(exchange: Exchange) -> None:
    time.sleep(0.1)
    exchange.close()


def half_closed(exchange: Exchange) -> None:
    exchange.half_close()


def silent(exchange: Exchange) -> None:
    exchange.wait()


def refused_from_here_on(exchange: Exchange) -> None:
    """Answer rightly, and be gone."""
    exchange.server.stop_listening()
    exchange.answer(right_body(exchange), "200 OK", "application/json", "Connection: close")
    exchange.close()


def cut(then: Fault) -> Fault:
    """Send half of the right answer."""

    def fault(exchange: Exchange) -> None:
        body = right_body(exchange)
        exchange.head("200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}")
        exchange.send(body[: len(body) // 2])
        then(exchange)

    return fault


def dripping(exchange: Exchange) -> None:
    """Answer a byte at a time, for ever: no single read takes long."""
    exchange.head("200 OK", "Content-Type: application/json", "Content-Length: 1000000")
    while True:
        exchange.send(b" ")
        time.sleep(0.05)


def saying(body: bytes | object, status: str = "200 OK", kind: str = "application/json", *headers: str) -> Fault:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def fault(exchange: Exchange) -> None:
        exchange.answer(data, status, kind, *headers)

    return fault


GONE = "\0gone"


def changed(**fields: Any) -> Fault:
    """Answer rightly, but for these fields; GONE takes one away."""

    def fault(exchange: Exchange) -> None:
        answer = {**json.loads(right_body(exchange)), **fields}
        exchange.answer(json.dumps({name: value for name, value in answer.items() if value != GONE}).encode())

    return fault


def changed_raw(name: bytes, value: bytes) -> Fault:
    """Answer rightly, with a field more, whose value no JSON library would write."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(b'{"%b": %b, ' % (name, value) + right_body(exchange)[1:])

    return fault


def not_http(exchange: Exchange) -> None:
    exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    exchange.close()


def not_chunked(exchange: Exchange) -> None:
    exchange.send(b"no size\r\n\r\n")
    exchange.close()


def without_end(exchange: Exchange) -> None:
    """Send an event without an end."""
    exchange.chunk(b"data: ")
    while True:
        exchange.chunk(b"x" * 4_000_000)


def redirected(exchange: Exchange) -> None:
    to = exchange.server.elsewhere + exchange.path
    exchange.answer(b"", "307 Temporary Redirect", "text/plain", f"Location: {to}")


def streaming(kind: str, body: bytes) -> Fault:
    """Open a stream of this kind, which holds this."""

    def fault(exchange: Exchange) -> None:
        exchange.open_stream(kind)
        exchange.chunk(body)
        exchange.send(b"0\r\n\r\n")

    return fault


def for_ever(*moves: dict[str, Any], every: float = 0.05) -> Fault:
    """Play these again and again."""

    def fault(exchange: Exchange) -> None:
        while True:
            for move in moves:
                exchange.chunk(event(move))
            time.sleep(every)

    return fault


def pause(_: Exchange) -> None:
    time.sleep(0.05)


def in_pieces(data: bytes, *, every: float = 0.0) -> list[Move]:
    """Cut it into chunks of a byte, each in a segment of its own."""
    waiting: list[Move] = [lambda _: time.sleep(every)] if every else []
    return [move for at in range(len(data)) for move in (data[at : at + 1], *waiting)]

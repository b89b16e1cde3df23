"""A relay that delays every packet, as a far network does: `relay.py PORT SECONDS`, with the seconds of a round trip.

It prints its own port, and ends when standard input does. What is sent arrives half a round trip later. A connection
seems open at once here, while on a far network nothing can be sent before one round trip: so what comes first waits
for that too. TLS goes through it as it is, with the round trips that it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys

PIECE = 65536


async def relay(port: int, round_trip: float, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
    far, far_writer = await asyncio.open_connection("127.0.0.1", port)
    opened = asyncio.get_running_loop().time() + round_trip
    await asyncio.gather(
        carry(near, far_writer, round_trip / 2, opened),
        carry(far, near_writer, round_trip / 2),
    )


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float, opened: float = 0.0) -> None:
    """Write each piece that long after it came, in order."""
    loop, due, piece = asyncio.get_running_loop(), 0.0, b"-"
    while piece:
        piece = b""
        with contextlib.suppress(ConnectionError):
            piece = await source.read(PIECE)
        due = max(due + 1e-6, max(loop.time(), opened) + delay)
        loop.call_at(due, functools.partial(_write, sink, piece))


def _write(sink: asyncio.StreamWriter, piece: bytes) -> None:
    if piece and not sink.is_closing():
        sink.write(piece)
    elif not piece:
        sink.close()


async def main(port: int, round_trip: float) -> None:
    server = await asyncio.start_server(functools.partial(relay, port, round_trip), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its port is its output
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))

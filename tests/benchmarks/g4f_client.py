"""One of the clients that are measured, in a process of its own: g4f's provider for this very Space, as it last was.

It runs where g4f 0.4.8.1 is installed, against a server on Gradio 5, which it still understands. The argument is the
server's URL. Each line of standard input is an order, as `{"updates": 60, "gap": 0.02, "at_once": 1}`, and is answered
with one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

PROTOCOL = sys.stdout


def provider_at(url: str) -> Any:
    """The provider, asking this server instead of the Space."""
    from g4f.Provider.hf_space import Qwen_Qwen_2_72B_Instruct  # type: ignore[import-not-found] # only in its own place

    # It was written for the paths of Gradio 4, which stand below a prefix since.
    root = url.rstrip("/") + "/gradio_api"
    return type("Provider", (Qwen_Qwen_2_72B_Instruct,), {"url": root, "api_endpoint": f"{root}/queue/join?"})


def fragments(provider: Any, prompt: str) -> AsyncIterator[str]:
    asked: AsyncIterator[str] = provider.create_async_generator(
        model=provider.default_model, messages=[{"role": "user", "content": prompt}]
    )
    return asked


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    """In MB; the system counts in KB, but macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


async def ask(provider: Any, prompt: str) -> dict[str, Any]:
    """Ask once and read to the end."""
    lags: list[float] = []
    seen: list[float] = []
    reply: dict[str, Any] = {"first": None, "fragments": 0, "lags": lags, "seen": seen}
    latest = 0.0
    try:
        async for fragment in fragments(provider, prompt):
            now = time.time()
            reply["fragments"] += 1
            reply["first"] = reply["first"] or now
            reply["threads"] = threading.active_count()
            # The last fragment is the whole again if it does not go on from the others: no token counts twice.
            for token in map(float, fragment.split()):
                if token > latest:
                    latest = token
                    lags.append(now - token)
                    seen.append(now)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of the reply
        reply["error"] = repr(error)
    return reply


async def fulfil(provider: Any, order: dict[str, Any]) -> dict[str, Any]:
    prompt = f"{order['updates']} {order['gap']}"
    before, asked = cpu(), time.time()
    replies = await asyncio.gather(*(ask(provider, prompt) for _ in range(order["at_once"])))
    ended, spent, most = time.time(), cpu() - before, peak()
    threads = max(threading.active_count(), *(reply.pop("threads", 0) for reply in replies))
    return {"asked": asked, "ended": ended, "cpu": spent, "peak": most, "threads": threads, "replies": replies}


def tell(told: dict[str, Any]) -> None:
    PROTOCOL.write(json.dumps(told) + "\n")
    PROTOCOL.flush()


def main() -> None:
    sys.stdout = sys.stderr  # what g4f prints is not for the reader
    provider = provider_at(sys.argv[1])
    tell({"connected": time.time()})
    for line in sys.stdin:
        tell(asyncio.run(fulfil(provider, json.loads(line))))


if __name__ == "__main__":
    main()

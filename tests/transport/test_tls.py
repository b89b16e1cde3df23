"""Over TLS, as every real Space is reached: directly, and through a proxy's tunnel."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from qwen_gradio import AsyncQwenClient, CannotConnect

from ..conftest import ScriptedSpace, eventually, our_threads
from ..servers import proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def https(space: ScriptedSpace, served: ssl.SSLContext) -> Iterator[str]:
    with proxy.tls(space.url, served) as url:
        yield url


@pytest.fixture
def trusted(authority: trustme.CA, mocker: Any) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    for module in ("pool", "network", "client"):
        mocker.patch(f"qwen_gradio.transport.{module}.tls_context", return_value=context)


@pytest.fixture(params=["direct", "proxy", "a proxy behind TLS, so TLS in TLS"])
def proxy_url(
    request: pytest.FixtureRequest,
    served: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str | None]:
    if request.param == "direct":
        yield None
    else:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # httpcore's own context for the proxy
        with proxy.running() as through, proxy.tls(through.url, served) as secured:
            yield through.url if request.param == "proxy" else secured
            assert {request.split(" ")[0] for request in through.requests} == {"CONNECT"}


@pytest.mark.usefixtures("trusted")
async def test_tls_direct_or_proxy_streams_and_cancels(space: ScriptedSpace, https: str, proxy_url: str | None) -> None:
    script, cancelled, other = space.script_in_step(30), space.script(2000), space.script(60)
    answers = []
    async with AsyncQwenClient(https, proxy=proxy_url) as client, anyio.create_task_group() as tasks:
        fragments = [script.read(fragment) async for fragment in client.stream(script.prompt)]
        assert "".join(fragments) == script.final
        assert len(fragments) == 30

        async def ask_the_other() -> None:
            answers.append(await client.ask(other.prompt))

        tasks.start_soon(ask_the_other)
        async with client.stream(cancelled.prompt) as reply:
            await anext(reply)
        steps = cancelled.count("step")
        assert await anyio.to_thread.run_sync(eventually, cancelled.stopped)
    assert cancelled.count("step") <= steps + 100
    assert answers == [other.final]
    assert eventually(lambda: not our_threads())


async def test_tls_untrusted_certificate_raises_cannot_connect(https: str) -> None:
    with pytest.raises(CannotConnect, match="CERTIFICATE_VERIFY_FAILED"):
        await AsyncQwenClient(https).ask("hi")

"""The environment's proxies and certificates are used, and a mistake in them is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qwen_gradio import AsyncQwenClient, InvalidOption
from qwen_gradio.transport.network import Network
from qwen_gradio.transport.pool import Pool, tls_context

Answering = Callable[[bytes], str]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
URL = "http://127.0.0.1:9"  # nothing listens there, so any other error comes before the network


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*PROXIES, *map(str.lower, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


def test_pool_environment_proxy_is_used_unless_excepted(monkeypatch: pytest.MonkeyPatch, answering: Answering) -> None:
    proxy = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe proxy")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    for excepted, text in (("", "the proxy"), ("127.0.0.1", "hello")):
        monkeypatch.setenv("NO_PROXY", excepted)
        pool = Pool(url, proxy=None, timeout=5)
        assert Network(pool).get(url).text == text
        pool.close()


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY"])
async def test_environment_socks_proxy_without_socksio_raises_invalid_option(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, "socks5://ada:hf_secret@127.0.0.1:9")
    with pytest.raises(
        InvalidOption, match=rf"{variable} names a SOCKS proxy: pip install 'qwen_gradio\[socks\]'"
    ) as caught:
        await AsyncQwenClient(URL).ask("hi")
    assert isinstance(caught.value.__cause__, ImportError)
    assert "hf_secret" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "proxy",
    [
        "socks://ada:hf_secret@127.0.0.1:9",  # as desktops set it
        "ftp://ada:hf_secret@127.0.0.1:9",
        "http://ada:hf_secret",
        "http://ada:hf_secret@[::1",
        "http://ada:hf_secret@127.0.0.1:port",
        "http://ada:hf/secret@127.0.0.1",
        "http://",
    ],
)
async def test_environment_proxy_malformed_raises_invalid_option(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(InvalidOption, match="ALL_PROXY is no URL of a proxy") as caught:
        await AsyncQwenClient(URL).ask("hi")
    text = f"{caught.value} {caught.value.__cause__}"
    assert not any(secret in text for secret in ("hf_secret", "hf/secret", "'hf'"))


@pytest.mark.parametrize("scheme", ["socks", "ftp"])
async def test_environment_proxy_of_unknown_scheme_keeps_its_cause(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:9")
    with pytest.raises(InvalidOption, match="expected one of http://, https://, socks5://, socks5h://") as caught:
        await AsyncQwenClient(URL).ask("hi")
    assert scheme in str(caught.value.__cause__)


def unreadable(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == "a folder":
        path.mkdir()
    elif kind == "no certificate":
        path.write_text("hello")
    return path


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        ("SSL_CERT_FILE", "missing"),
        ("SSL_CERT_FILE", "a folder"),
        ("SSL_CERT_FILE", "no certificate"),
        ("SSL_CERT_DIR", "missing"),
        ("SSLKEYLOGFILE", "a folder"),
    ],
)
async def test_environment_certificates_unreadable_raise_invalid_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, kind: str
) -> None:
    path = unreadable(tmp_path, kind)
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(
        InvalidOption, match=f"TLS can't be set up with {variable}={path} .*; correct or unset it"
    ) as caught:
        await AsyncQwenClient(URL).ask("hi")
    assert isinstance(caught.value.__cause__, OSError)


def test_environment_certificate_folders_of_which_one_exists_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'missing'}:{tmp_path}")
    assert tls_context().verify_mode

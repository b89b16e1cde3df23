import contextlib
import enum
import pickle
import re
import traceback
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import AsyncQwenClient, InvalidOption, InvalidSpace, generate_session_hash
from qwen_gradio.space.catalogue import CATALOGUE, resolve


class Name(str, enum.Enum):
    QWEN = "qwen-2-72b"


@pytest.mark.parametrize(
    ("space", "name", "url"),
    [
        ("Qwen/Qwen2-72B-Instruct", "Qwen/Qwen2-72B-Instruct", "https://qwen-qwen2-72b-instruct.hf.space"),
        ("qwen-2-72b", "Qwen/Qwen2-72B-Instruct", "https://qwen-qwen2-72b-instruct.hf.space"),
        ("Qwen-2-72B", "Qwen/Qwen2-72B-Instruct", "https://qwen-qwen2-72b-instruct.hf.space"),
        ("Qwen/Qwen2.5", "Qwen/Qwen2.5", "https://qwen-qwen2-5.hf.space"),
        ("https://huggingface.co/spaces/Qwen/Qwen2.5", "Qwen/Qwen2.5", "https://qwen-qwen2-5.hf.space"),
        ("http://127.0.0.1:7860/", "http://127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("https://host/under/a/path", "https://host/under/a/path", "https://host/under/a/path"),
        (Name.QWEN, "Qwen/Qwen2-72B-Instruct", "https://qwen-qwen2-72b-instruct.hf.space"),
        ("HTTPS://HuggingFace.co:443/spaces/Qwen/Qwen2.5", "Qwen/Qwen2.5", "https://qwen-qwen2-5.hf.space"),
        ("https://huggingface.co/spaces/Qwen/Qwen2.5/tree/main?a=b", "Qwen/Qwen2.5", "https://qwen-qwen2-5.hf.space"),
    ],
)
def test_space_id_alias_or_url_is_resolved(space: str, name: str, url: str) -> None:
    found = resolve(space)
    assert (found.name, found.url) == (name, url)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://host:443/", "https://host"),
        ("http://host:80/app/", "http://host/app"),
        ("http://host:0080", "http://host"),
        ("http://host:443", "http://host:443"),
        ("https://host:80", "https://host:80"),
        ("http://host:", "http://host"),
        ("HTTP://Host.Example:7860/App", "http://host.example:7860/App"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("https://例え.テスト:8443", "https://xn--r8jz45g.xn--zckzah:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://\uff28ost.example", "https://host.example"),
        ("http://127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("http://[::1]:7860/", "http://[::1]:7860"),
        ("http://[0:0::0001]:80", "http://[::1]"),
        ("https://a_b.hf.space./", "https://a_b.hf.space."),
        ("https://host/?__theme=dark", "https://host"),
        ("https://host/app?__sign=secret#chat", "https://host/app"),
    ],
)
def test_space_url_is_normalised(given: str, url: str) -> None:
    space = resolve(given)
    assert (space.name, space.url, space.id) == (url, url, None)


@pytest.mark.parametrize(
    "space",
    [
        "",
        "qwen",
        "a/b/c",
        "-/-",
        "a/" + "b" * 62,
        "ftp://host",
        "http://",
        "https://:443",
        "http://h:port",
        "http://a b",
        "http://a\tb",
        "http://host/\x00",
        "http://host/\ud800",
        "http://\ud800",
        "http://a..b",
        "http://-",
        "http://a,b",
        "http://%61",
        f"http://{'a' * 64}.example",
        "http://999.1.1.1",
        "http://[::1",
        "http://[1]",
        "http://[::1::]",
        "http://[v1.a]",
        "http://a[::1]",
        "http://[::1]a:80",
        "http://a:b:80",
        "http://a:８０",
        "https://straße.example",
        "https://huggingface.co/spaces/a b/c",
        "https://huggingface.co/spaces/ä/b",
        None,
        3,
        b"https://host",
    ],
)
def test_space_invalid_raises_invalid_space(space: str) -> None:
    with pytest.raises(
        InvalidSpace, match=r"expected a Space id like Qwen/Qwen2-72B-Instruct, an alias \(.*qwen-2-72b"
    ):
        resolve(space)


HIDDEN = "hunter2"


@pytest.mark.parametrize(
    "space",
    [
        "https://ada:hunter2@host",
        "http://ada:hunter2@127.0.0.1:7860/",
        "HTTPS://:hunter2@host",
        "https://hunter2@host",
        "https://ada:hunter2@huggingface.co/spaces/a/b",
        "https://ada:hunter2/3@host",
        "https://ada:1#hunter2@host",
        "https://ada:1?hunter2@host",
        "https://ada:hunter2@",
        "https://ada:hunter2\uff20host",
        "https://ada:hunter2\ufe6bhost",
        "https://ada:hunter2@host:port",
        "ada:hunter2@host",
        f"https://ada:hunter2{'x' * 200}@host",
    ],
)
def test_space_url_with_password_raises_invalid_space_without_it(space: str) -> None:
    with pytest.raises(
        InvalidSpace, match=r"without a user name and password: pass those by auth=\(user, pass"
    ) as caught:
        AsyncQwenClient(space)
    error = caught.value
    assert HIDDEN not in f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert HIDDEN.encode() not in pickle.dumps(error)
    assert HIDDEN not in "".join(traceback.format_exception_only(error))
    with pytest.raises(InvalidSpace):
        AsyncQwenClient(fallbacks=[space])


@pytest.mark.parametrize(
    "space",
    [
        "https://ada:hunter2%40host",
        "https:/ada:hunter2%40host",
        "ada:hunter2%40host",
        "https://h:port?__sign=hunter2",
        "https://a,b/#hunter2",
    ],
)
def test_space_invalid_url_that_may_hold_password_is_not_shown(space: str) -> None:
    with pytest.raises(InvalidSpace, match="expected a Space id") as caught:
        resolve(space)
    assert HIDDEN not in f"{caught.value} {caught.value.__context__!r}"


LETTERS = st.text(st.characters() | st.sampled_from("aA1.-_/:@#?[]%\u3002\uff20ßſéあ"), max_size=8)
URLS = st.builds(
    "{}://{}{}{}".format, st.sampled_from(["http", "HTTPS", "ftp"]), LETTERS, st.sampled_from(["", ":443"]), LETTERS
)


@given(URLS | LETTERS)
def test_space_anything_is_resolved_to_itself_or_invalid(text: str) -> None:
    with contextlib.suppress(InvalidSpace):
        space = resolve(text)
        assert resolve(space.url).url == resolve(space.name).url == space.url
        assert space.url.isprintable()
        assert (urlsplit(space.url).netloc.isascii(), urlsplit(space.url).username) == (True, None)


@given(LETTERS, st.sampled_from(["http://", "https://", "HTTP://", ""]), LETTERS, LETTERS)
def test_space_url_with_any_password_never_shows_it(password: str, scheme: str, before: str, host: str) -> None:
    with pytest.raises(InvalidSpace) as caught:
        resolve(f"{scheme}{before}:{HIDDEN}{password}@{host}")
    assert HIDDEN not in f"{caught.value!r} {caught.value.__context__!r}"


def test_session_hash_is_twelve_hexadecimal_characters() -> None:
    hashes = {generate_session_hash() for _ in range(100)}
    assert len(hashes) == 100
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in hashes)


@pytest.mark.parametrize("port", ["0", "65536", "9" * 5000])
def test_catalogue_port_out_of_range_is_named(port: str) -> None:
    with pytest.raises(InvalidSpace, match=r"^expected a port from 1 to 65535; got '\d"):
        resolve(f"http://127.0.0.1:{port}/x")


def test_space_catalogue_names_are_unique() -> None:
    names = [name.lower() for known in CATALOGUE for name in (known.id, *known.aliases)]
    assert len(names) == len(set(names))
    assert all(resolve(name).entry is known for known in CATALOGUE for name in (known.id, *known.aliases))


def test_space_given_by_url_has_no_id() -> None:
    assert resolve("http://127.0.0.1:7860").id is None
    assert resolve("qwen-3").id == "Qwen/Qwen3-Demo"
    assert resolve("someone/else").entry is None


@pytest.mark.parametrize(
    "name",
    [
        "modelscope:Qwen/Qwen2.5_Max.Demo",
        "https://modelscope.cn/studios/Qwen/Qwen2.5_Max.Demo",
        "https://www.modelscope.cn/studios/Qwen/Qwen2.5_Max.Demo/summary?tab=1",
    ],
)
def test_catalogue_studio_of_modelscope_has_its_own_host(name: str) -> None:
    space = resolve(name)
    assert (space.name, space.url) == ("modelscope:Qwen/Qwen2.5_Max.Demo", "https://qwen-qwen2-5-max-demo.ms.show")
    assert space.is_studio
    assert space.id is None, "the Hub isn't asked about it"
    assert not resolve("Qwen/Qwen2.5").is_studio


@pytest.mark.parametrize(
    "name", ["modelscope:Qwen/Qwen2.5", "modelscope:qwen/qwen2.5", "https://modelscope.cn/studios/Qwen/Qwen2.5/summary"]
)
def test_catalogue_studio_of_known_space_has_its_entry(name: str) -> None:
    studio, space = resolve(name), resolve("qwen-2.5")
    assert studio.entry is space.entry is not None
    assert studio.name.lower() == "modelscope:qwen/qwen2.5"
    assert (studio.url, studio.id) == ("https://qwen-qwen2-5.ms.show", None)
    assert space.url == "https://qwen-qwen2-5.hf.space"


def test_catalogue_studios_are_unique_and_resolved() -> None:
    studios = [(known, known.names[1:]) for known in CATALOGUE if known.studio]
    assert len({known.studio for known, _ in studios}) == len(studios) > 0
    assert all(resolve(name).entry is known for known, names in studios for name in names)
    assert resolve("modelscope:someone/else").entry is None
    with pytest.raises(InvalidSpace):
        resolve("MODELSCOPE:Qwen/Qwen2.5")


@pytest.mark.parametrize("name", ["modelscope:", "modelscope:Qwen", "modelscope:a/b/c", "modelscope:a/b c"])
def test_catalogue_invalid_studio_raises_invalid_space(name: str) -> None:
    with pytest.raises(InvalidSpace, match="expected a Space id"):
        resolve(name)


@pytest.mark.parametrize("name", ["modelscope:Qwen/Qwen2.5", "https://qwen-qwen2-5.ms.show"])
def test_catalogue_studio_gets_no_token(name: str) -> None:
    token = "-".join(("hf", "secret"))
    with pytest.raises(InvalidOption, match="isn't sent to ModelScope") as caught:
        AsyncQwenClient(name, token=token)
    assert token not in str(caught.value)
    AsyncQwenClient(name, headers={"x-studio-token": "mine"})

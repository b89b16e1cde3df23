import re

import pytest

from qwen_gradio import InvalidSpace, generate_session_hash
from qwen_gradio.space.catalogue import CATALOGUE, resolve


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
    ],
)
def test_space_id_alias_or_url_is_resolved(space: str, name: str, url: str) -> None:
    found = resolve(space)
    assert (found.name, found.url) == (name, url)


@pytest.mark.parametrize(
    "space", ["", "qwen", "a/b/c", "ftp://host", "http://", "http://h:port", "http://a b", None, 3]
)
def test_space_invalid_raises_invalid_space(space: str) -> None:
    with pytest.raises(
        InvalidSpace, match=r"expected a Space id like Qwen/Qwen2-72B-Instruct, an alias \(.*qwen-2-72b"
    ):
        resolve(space)


def test_session_hash_is_twelve_hexadecimal_characters() -> None:
    hashes = {generate_session_hash() for _ in range(100)}
    assert len(hashes) == 100
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in hashes)


def test_space_catalogue_names_are_unique() -> None:
    names = [name.lower() for known in CATALOGUE for name in (known.id, *known.aliases)]
    assert len(names) == len(set(names))
    assert all(resolve(name).entry is known for known in CATALOGUE for name in (known.id, *known.aliases))


def test_space_given_by_url_has_no_id() -> None:
    assert resolve("http://127.0.0.1:7860").id is None
    assert resolve("qwen-3").id == "Qwen/Qwen3-Demo"
    assert resolve("someone/else").entry is None

from __future__ import annotations

import base64
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gradio import InvalidMessages, InvalidOption
from qwen_gradio.text.files import File, as_files, as_part, part_file
from qwen_gradio.text.messages import name_files, parse_messages, with_files

PIXEL = base64.b64encode(b"pixel").decode()
PNG = f"data:image/png;base64,{PIXEL}"


def image(url: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def document(**file: object) -> dict[str, object]:
    return {"type": "file", "file": file}


def audio(data: object, format_: object = "mp3") -> dict[str, object]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": format_}}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(b"pixel")
    return path


def test_files_paths_and_urls_are_files(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photo.parent)
    expected = File("photo.png", path=str(photo))
    assert as_files([photo, str(photo), "photo.png"]) == (expected, expected, expected)
    assert as_files(("HTTPS://host/a%20b.pdf?x=1", PNG)) == (
        File("a b.pdf", url="HTTPS://host/a%20b.pdf?x=1"),
        File("image.png", data=b"pixel"),
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("photo.png", "a list of paths or URLs for files, got 'photo.png'"),
        (Path("photo.png"), "a list of paths or URLs for files, got "),
        (b"photo.png", "a list of paths or URLs for files, got b'photo.png'"),
        (None, "a list of paths or URLs for files, got None"),
        ({"photo.png"}, "a list of paths or URLs for files, got"),
        ([3], "paths or URLs in files, got 3"),
        ([b"photo.png"], "paths or URLs in files, got b'photo.png'"),
        ([""], "paths or URLs in files, got ''"),
        (["gone.png"], "the file 'gone.png' can't be read .No such file"),
        (["."], "expected regular files in files, got '.'"),
        (["/dev/null"], "expected regular files in files, got '/dev/null'"),
        (["a\0b"], r"the file 'a\\x00b' can't be read .embedded null"),
        (["x" * 5000], "can't be read .File name too long"),
        (["data:image/png;base64,?"], "in files, expected base64"),
        (["https://[::1"], "in files, expected an http"),
    ],
)
def test_files_invalid_raises_invalid_option(files: Any, expected: str) -> None:
    with pytest.raises(InvalidOption, match=expected):
        as_files(files)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_files_unreadable_raises_invalid_option(photo: Path) -> None:
    photo.chmod(0)
    with pytest.raises(InvalidOption, match=r"can't be read .Permission denied"):
        as_files([photo])


def test_files_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidOption, match="expected regular files"):
        as_files([tmp_path / "pipe"])


@pytest.mark.parametrize(
    ("part", "file"),
    [
        (image("https://host/cat.png"), File("cat.png", url="https://host/cat.png")),
        ({"type": "image_url", "image_url": "http://host/"}, File("", url="http://host/")),
        (image(PNG), File("image.png", data=b"pixel")),
        (image("data:,a%20b"), File("file.txt", data=b"a b")),
        (image("data:image/strange;base64,aGk="), File("image", data=b"hi")),
        (image("data:../a;base64,aGk="), File("file", data=b"hi")),
        (
            image(f"data:image/png;charset=x;BASE64,{PIXEL[:4]}%0A{PIXEL[4:]}"),
            File("image.png", data=b"pixel"),
        ),
        (document(filename="a.pdf", file_data=f"data:application/pdf;base64,{PIXEL}"), File("a.pdf", data=b"pixel")),
        (document(filename="a.pdf", file_data=PIXEL), File("a.pdf", data=b"pixel")),
        (document(filename="../../etc/a.pdf", file_data=PIXEL), File("a.pdf", data=b"pixel")),
        (document(filename="..\\a.pdf", file_data=PIXEL), File("a.pdf", data=b"pixel")),
        (document(filename="..", file_data=PIXEL), File("file", data=b"pixel")),
        (document(filename="a\0.pdf", file_data=PIXEL), File("file", data=b"pixel")),
        (document(file_data="https://host/a.pdf"), File("a.pdf", url="https://host/a.pdf")),
        (audio(PIXEL), File("audio.mp3", data=b"pixel")),
        (audio(PIXEL, None), File("audio.wav", data=b"pixel")),
    ],
)
def test_part_file_is_read(part: dict[str, Any], file: File) -> None:
    assert part_file(part) == file
    assert "pixel" not in repr(file).replace(PIXEL, ""), "its bytes may be private, and many"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (image("/etc/hostname"), "an http.* URL as image_url, got '/etc/hostname'"),
        (image("file:///etc/hostname"), "an http.* URL as image_url, got 'file:"),
        (image(None), "an http.* URL as image_url, got None"),
        (image("https://host/\n"), "an http.* URL as image_url"),
        (image("data:image/png;base64"), "with a comma"),
        (image("data:image/png;base64,"), "expected base64 as image_url, got ''"),
        (image("data:image/png;base64,a"), "expected base64 as image_url, got 'a'"),
        (image("data:image/png;base64,\u00e9\u00e9\u00e9\u00e9"), "expected base64 as image_url"),
        ({"type": "image_url"}, "an http.* URL as image_url, got None"),
        ({"type": "file", "file": PIXEL}, "a mapping as file, got"),
        (document(file_id="file-1"), "base64 as file: file_data, got None"),
        (audio(b"x"), "base64 as input_audio, got b'x'"),
    ],
)
def test_part_file_invalid_raises_invalid_messages(part: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidMessages, match=expected):
        parse_messages([{"role": "user", "content": ["look", part]}])


def user(*content: object) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


def test_messages_files_of_question_follow_given_ones(photo: Path) -> None:
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "uno"},
        user("what is ", image("http://host/a.png"), {"type": "text", "text": "this?"}),
        user(audio(PIXEL)),
    ]
    chat = parse_messages(messages, files=[photo])
    assert (chat.turns, chat.query) == ((("one", "uno"),), "what is this?")
    assert [file.name for file in chat.files] == ["photo.png", "a.png", "audio.mp3"]


def test_messages_files_alone_are_a_question(photo: Path) -> None:
    assert parse_messages("", files=[photo]).query == parse_messages([user(image(PNG))]).query == ""


@pytest.mark.parametrize(
    "messages",
    [
        [user("a", image(PNG)), {"role": "assistant", "content": "b"}, user("c")],
        [{"role": "assistant", "content": [image(PNG)]}, user("c")],
        [{"role": "system", "content": [image(PNG)]}, user("c")],
    ],
)
def test_messages_files_outside_of_question_raise_invalid_messages(messages: Any) -> None:
    with pytest.raises(InvalidMessages, match="only the question can have files"):
        parse_messages(messages)


def test_name_files_replaces_files_by_names(photo: Path) -> None:
    here: dict[str, object] = {"role": "user", "content": "here"}
    messages = [user("look", image(PNG)), user("and", image("http://host")), here]
    assert [message["content"] for message in name_files(messages, [photo])] == [
        "[image.png]\nlook",
        "[http://host]\nand",
        "[photo.png]\nhere",
    ]
    assert name_files(messages[2:]) == messages[2:]


def test_with_files_adds_parts_of_openai(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hi")
    messages = [{"role": "user", "content": "look"}]
    files = as_files([photo, tmp_path / "notes.txt", "http://host/cat"])
    assert with_files(messages, files) == [
        user(
            {"type": "text", "text": "look"},
            image(PNG),
            document(filename="notes.txt", file_data="data:text/plain;base64,aGk="),
            image("http://host/cat"),
        )
    ]
    assert parse_messages(with_files(messages, files)).files[0].data == b"pixel"
    assert with_files(messages, ()) == messages
    photo.unlink()
    for file, expected in [
        (files[0], "photo.png' can't be read"),
        (File("a.pdf", url="http://a.pdf"), "URLs of image"),
    ]:
        with pytest.raises(InvalidOption, match=expected):
            as_part(file)


@pytest.mark.parametrize(
    ("name", "type_", "fits"),
    [
        ("a.PNG", "image", True),
        ("a.png", "image/png", True),
        ("a.png", ".PNG", True),
        ("a.png", "file", True),
        ("a.png", ".pdf", False),
        ("a.png", "audio", False),
        ("a.png", "im", False),
        ("a", "image", False),
        ("a", "file", True),
    ],
)
def test_file_type_is_that_of_its_name(name: str, type_: str, fits: bool) -> None:
    assert File(name).is_of_type(type_) is fits


ANYTHING = st.none() | st.integers() | st.binary(max_size=3) | st.text(st.characters(), max_size=9)
URLS = st.sampled_from(["data:", "data:image/png;base64,", "http://", "https://host/"])
VALUES = ANYTHING | st.builds(lambda url, rest: f"{url}{rest}", URLS, st.text(st.characters(), max_size=6))
CONTENTS = VALUES | st.dictionaries(st.sampled_from(["url", "file_data", "filename", "data", "format"]), VALUES)


@given(st.sampled_from(["image_url", "file", "input_audio"]), CONTENTS)
def test_part_file_anything_gives_one_source_or_invalid_messages(type_: str, content: object) -> None:
    with contextlib.suppress(InvalidMessages):
        file = part_file({"type": type_, type_: content})
        assert (file.path, file.url is None) == (None, file.data is not None)
        assert file.name == os.path.basename(file.name) not in (".", "..")

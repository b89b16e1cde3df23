from __future__ import annotations

from typing import Any

import pytest

from qwen_gradio import InvalidOption
from qwen_gradio.space.file_inputs import FileInput, place_files
from qwen_gradio.space.page import Component
from qwen_gradio.space.parameters import parse_parameter
from qwen_gradio.text.files import File

PHOTO, FILM, NOTES, SONG, BARE = (File(name, path=f"/{name}") for name in ("a.png", "b.mp4", "c.txt", "d.mp3", "e"))
URL = File("", url="http://host/")


def file_input(kind: str, schema: dict[str, Any] | None = None, **props: Any) -> FileInput:
    parameter = parse_parameter(0, Component(0, kind, props, schema or {}), {}, [], {})
    assert parameter.takes_files
    assert parameter.file_input is not None
    return parameter.file_input


WRAPPED = {"type": "object", "properties": {"video": {}, "subtitles": {}}}


@pytest.mark.parametrize(
    ("taken", "files", "value"),
    [
        (file_input("image"), [PHOTO], PHOTO),
        (file_input("audio"), [SONG], SONG),
        (file_input("file", file_count="single"), [NOTES], NOTES),
        (file_input("file", file_count="multiple"), [NOTES], [NOTES]),
        (file_input("file", file_count="directory"), [NOTES, PHOTO], [NOTES, PHOTO]),
        (file_input("video", {"properties": {"path": {}}}), [FILM], FILM),
        (file_input("video", WRAPPED), [FILM], {"video": FILM, "subtitles": None}),
        (file_input("imageeditor"), [PHOTO], {"background": PHOTO, "layers": [], "composite": None}),
        (
            file_input("gallery"),
            [PHOTO, FILM],
            [{"image": PHOTO, "caption": None}, {"video": FILM, "caption": None}],
        ),
        (file_input("multimodaltextbox", file_count="multiple"), [PHOTO], {"text": "", "files": [PHOTO]}),
    ],
)
def test_file_input_value_has_form_of_component(taken: FileInput, files: list[File], value: object) -> None:
    assert place_files(files, {"it": taken}) == {"it": files}
    assert taken.wrap(files) == value


@pytest.mark.parametrize(
    ("taken", "accepted"),
    [
        (file_input("image"), [PHOTO, BARE, URL]),
        (file_input("gallery"), [PHOTO, FILM, BARE, URL]),
        (file_input("file"), [PHOTO, FILM, NOTES, SONG, BARE, URL]),
        (file_input("file", file_types=["image", ".TXT"]), [PHOTO, NOTES, URL]),
        (file_input("file", file_types=["file"]), [PHOTO, FILM, NOTES, SONG, BARE, URL]),
        (file_input("multimodaltextbox", file_types=["audio", 3]), [SONG, URL]),
        (file_input("multimodaltextbox", file_types="image"), [PHOTO, FILM, NOTES, SONG, BARE, URL]),
        (file_input("multimodalinput"), [PHOTO, FILM, NOTES, SONG, BARE, URL]),
    ],
)
def test_file_input_accepts_published_types(taken: FileInput, accepted: list[File]) -> None:
    assert [file for file in (PHOTO, FILM, NOTES, SONG, BARE, URL) if taken.accepts(file)] == accepted


@pytest.mark.parametrize("kind", ["textbox", "chatbot", "json", "slider"])
def test_file_input_other_component_is_none(kind: str) -> None:
    assert not parse_parameter(0, Component(0, kind), {}, [], {}).takes_files


def test_place_files_fills_first_input_that_fits() -> None:
    inputs = {"one": file_input("image"), "two": file_input("image"), "rest": file_input("file", file_count="multiple")}
    other = File("other.png")
    assert place_files([NOTES, PHOTO, other, SONG, PHOTO], inputs) == {
        "one": [PHOTO],
        "two": [other],
        "rest": [NOTES, SONG, PHOTO],
    }


@pytest.mark.parametrize(
    ("files", "inputs", "expected"),
    [
        ([PHOTO], {}, "this Space takes no files"),
        ([PHOTO, PHOTO], {"it": file_input("image")}, "takes fewer files .* no input left for a.png"),
        ([NOTES], {"it": file_input("image")}, "takes no file like c.txt: expected one of image"),
        ([PHOTO], {"it": file_input("file", file_types=[".pdf", ".md"])}, r"like a.png: expected one of .pdf, .md"),
    ],
)
def test_place_files_without_fitting_input_raises_invalid_option(
    files: list[File], inputs: dict[str, FileInput], expected: str
) -> None:
    with pytest.raises(InvalidOption, match=expected):
        place_files(files, inputs)
    assert place_files([], inputs) == {}

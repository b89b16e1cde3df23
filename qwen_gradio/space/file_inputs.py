"""The files that a component takes, and the form of its value. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import InvalidOption
from ..text.files import File

K = TypeVar("K", bound=Hashable)

FILE_INPUTS = ("file", "image", "audio", "video", "imageeditor", "gallery")
# The types that a component takes by itself; a file whose name tells no type is left to the Space.
OWN_TYPES = {
    "image": ("image",),
    "imageeditor": ("image",),
    "audio": ("audio",),
    "video": ("video",),
    "gallery": ("image", "video"),
}


@dataclass(frozen=True, slots=True)
class FileInput:
    """The files that a component takes.

    Attributes:
        component: the type of the component, in lower case.
        types: the published types, such as ".pdf" and "image"; none for any.
        takes_many: True if it takes more than one file.
        is_wrapped: True if a video's value is a mapping, as before Gradio 6.
    """

    component: str
    types: tuple[str, ...] = ()
    takes_many: bool = False
    is_wrapped: bool = False

    @property
    def is_multimodal(self) -> bool:
        """True if it takes a text and files."""
        return "multimodal" in self.component

    def accepts(self, file: File) -> bool:
        """Return True if the type of a file is one that the component takes, or is unknown."""
        if file.url is not None and file.mime_type is None:
            return True
        if self.types:
            return any(map(file.is_of_type, self.types))
        own = OWN_TYPES.get(self.component)
        return own is None or file.mime_type is None or any(map(file.is_of_type, own))

    def wrap(self, files: Sequence[File]) -> Any:
        """Return files in the form of the component's value."""
        if self.is_multimodal:
            return {"text": "", "files": list(files)}
        if self.component == "gallery":
            return [{_gallery_key(file): file, "caption": None} for file in files]
        if self.takes_many:
            return list(files)
        if self.component == "imageeditor":
            return {"background": files[0], "layers": [], "composite": None}
        return {"video": files[0], "subtitles": None} if self.is_wrapped else files[0]


def _gallery_key(file: File) -> str:
    return "video" if file.is_of_type("video") else "image"


def parse_file_input(component: str, props: Mapping[str, Any], schema: object) -> FileInput | None:
    """Read the files that a component takes from `/config`; None if it takes none.

    Args:
        component: the type of the component, in lower case.
        props: its properties.
        schema: the JSON schema of its value.
    """
    if component not in FILE_INPUTS and "multimodal" not in component:
        return None
    types = props.get("file_types")
    count = props.get("file_count")
    has_list = component == "gallery" or (component not in ("file", "multimodaltextbox") and "multimodal" in component)
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return FileInput(
        component,
        tuple(type_ for type_ in types if isinstance(type_, str)) if isinstance(types, list | tuple) else (),
        has_list if count is None else count != "single",
        component == "video" and isinstance(properties, Mapping) and "video" in properties,
    )


def place_files(files: Sequence[File], inputs: Mapping[K, FileInput]) -> dict[K, list[File]]:
    """Give each file to the first input that has room for it and takes its type.

    Args:
        files: the files of a question.
        inputs: the inputs that may take them, by name or id, the preferred one first.

    Returns:
        the files of each input that gets some.

    Raises:
        InvalidOption: there is no input for a file.
    """
    placed: dict[K, list[File]] = {}
    for file in files:
        fitting = [name for name, input_ in inputs.items() if input_.accepts(file)]
        free = [name for name in fitting if inputs[name].takes_many or name not in placed]
        if not free:
            raise _no_input_error(file, inputs, is_full=bool(fitting))
        placed.setdefault(free[0], []).append(file)
    return placed


def _no_input_error(file: File, inputs: Mapping[K, FileInput], *, is_full: bool) -> InvalidOption:
    if not inputs:
        return InvalidOption("this Space takes no files with its question; leave them out, or use another Space")
    name = file.name or file.url
    if is_full:
        return InvalidOption(f"this Space takes fewer files with one question: there is no input left for {name}")
    types = [type_ for input_ in inputs.values() for type_ in input_.types or OWN_TYPES.get(input_.component, ())]
    return InvalidOption(f"this Space takes no file like {name}: expected one of {', '.join(dict.fromkeys(types))}")

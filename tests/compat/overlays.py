"""Copies of the installed gradio and gradio_client with edits in their sources, put first on PYTHONPATH."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "futures"
PACKAGES = ("gradio", "gradio_client")


@dataclass(frozen=True)
class Edit:
    """A replacement in the sources; one that matches nowhere is an error.

    Attributes:
        files: the files, as in `gradio/routes.py` or `gradio_client/*.py`; several with spaces between.
        old: the text that is replaced, wherever it occurs; None makes a new file of `new`.
        new: what comes in its place.
        pattern: whether `old` is a regular expression.
    """

    files: str
    old: str | None
    new: str
    pattern: bool = False


@dataclass(frozen=True)
class Future:
    """A way in which a release of Gradio and gradio_client could change.

    Attributes:
        name: what changes, in words joined by underscores.
        edits: what differs from today, in both packages alike.
        serves: whether the server differs as well, and so needs a process of its own.
        hides_httpx: whether the calls of httpx can't be seen any more, so that a question through a proxy may be refused.
    """

    name: str
    edits: tuple[Edit, ...]
    serves: bool = False
    hides_httpx: bool = False


def future(name: str, *edits: Edit, serves: bool = False, hides_httpx: bool = False) -> Future:
    return Future(name.replace(" ", "_"), edits, serves=serves, hides_httpx=hides_httpx)


def renamed(pattern: str, new: str, files: str = "gradio_client/*.py") -> Edit:
    """A name that is another everywhere."""
    return Edit(files, pattern, new, pattern=True)


def client(old: str, new: str) -> Edit:
    return Edit("gradio_client/client.py", old, new)


def utils(old: str, new: str) -> Edit:
    return Edit("gradio_client/utils.py", old, new)


def routes(old: str, new: str) -> Edit:
    return Edit("gradio/routes.py", old, new)


def overlay(future: Future) -> Path:
    """Make the folder that goes on PYTHONPATH, if it isn't there yet.

    Raises:
        LookupError: an edit matches nothing.
        SyntaxError: a file is no Python any more.
    """
    home = CACHE / future.name
    made_of = hashlib.sha256(repr((future, _installed())).encode()).hexdigest()
    if not (home / "made").exists() or (home / "made").read_text() != made_of:
        shutil.rmtree(home, ignore_errors=True)
        sources = _edited(future)
        for package in PACKAGES if future.serves else PACKAGES[1:]:
            _link(_folder(package), home / package)
        for path, source in sources.items():
            (home / path).unlink(missing_ok=True)
            (home / path).write_text(source)
            cached = Path(importlib.util.cache_from_source(str(home / path)))
            cached.unlink(missing_ok=True)
        (home / "made").write_text(made_of)
    return home


def _installed() -> list[str]:
    return [sys.version, *(f"{_folder(name)} {importlib.metadata.version(name)}" for name in PACKAGES)]


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _link(package: Path, copy: Path) -> None:
    """Copy a package by links; the compiled files one by one, so that none of an edited source is written through."""
    copy.mkdir(parents=True)
    (copy / "__pycache__").mkdir()
    for entry in package.iterdir():
        if entry.name != "__pycache__":
            (copy / entry.name).symlink_to(entry)
    for entry in package.glob("__pycache__/*.pyc"):
        (copy / "__pycache__" / entry.name).symlink_to(entry)


def _edited(future: Future) -> dict[str, str]:
    """Give the edited sources by their paths."""
    sources: dict[str, str] = {}
    for edit in future.edits:
        if edit.old is None:
            sources[edit.files] = edit.new
        elif not sum([_apply(edit, edit.old, path, sources) for path in _paths(edit.files)]):
            raise LookupError(f"{future.name}: nothing in {edit.files} matches {edit.old!r}")
    for path, source in sources.items():
        compile(source, path, "exec")
    return sources


def _apply(edit: Edit, old: str, path: str, sources: dict[str, str]) -> int:
    source = sources.get(path) or (_folder(path.split("/")[0]).parent / path).read_text()
    if edit.pattern:
        changed, count = re.subn(old, edit.new, source)
    else:
        changed, count = source.replace(old, edit.new), source.count(old)
    if count:
        sources[path] = changed
    return count


def _paths(files: str) -> Iterator[str]:
    for pattern in files.split():
        site = _folder(pattern.split("/")[0]).parent
        yield from (str(path.relative_to(site)) for path in sorted(site.glob(pattern)))

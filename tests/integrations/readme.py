"""The snippets of the integrations' README, which their tests run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import qwen_gradio

README = Path(qwen_gradio.__file__).parent / "integrations" / "README.md"


def snippets(heading: str, language: str = "python") -> list[str]:
    """Give the code blocks of a language in the section with this heading (`## heading`), in order.

    Raises:
        KeyError: there is no such section, or it has no such block.
    """
    sections = re.split(r"^## (.*)\n", README.read_text(), flags=re.MULTILINE)
    found = re.findall(
        rf"```{language}\n(.*?)```", dict(zip(sections[1::2], sections[2::2], strict=True))[heading], re.DOTALL
    )
    if not found:
        raise KeyError(f"no {language} under {heading!r}")
    return found

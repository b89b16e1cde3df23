"""Virtual environments with what the tests need beside them: older Gradios, and g4f. Made once, kept in `.cache`."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the benchmark makes environments too, and needs no pytest
    import pytest

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "environments"

# Gradio 4 is older than its dependencies' later changes, hence the pins.
FOR_GRADIO_4 = ["huggingface_hub<0.26", "starlette<0.42", "pydantic<2.11", "httpx<0.28", "jinja2<3.2"]
TO_TEST = ["hypothesis>=6.100", "pytest>=8.3,<9.2", "pytest-xdist>=3.6", "trio>=0.31", "trustme>=1.2"]
HERE = ["-e", str(ROOT), "trio>=0.31"]
NEEDS = {
    "g4f-0.4.8.1": ["g4f==0.4.8.1", "anyio>=4.11"],
    "g4f": ["g4f>=8.8", "-e", str(ROOT)],
    # What speaks OpenAI's API, without this package.
    "openai-clients": [
        "openai>=3",
        "langchain-openai>=1.0",
        "litellm>=1.110",
        "llm>=0.36",
        "pydantic-ai-slim[openai]>=2",
        "smolagents>=1.26",
        "gradio>=6,<7",
    ],
    "langchain": ["langchain-tests>=1.0", "-e", f"{ROOT}[langchain]"],
    "ray": ["ray[data]>=2.40", "-e", str(ROOT)],
    "notebook": ["ipykernel>=6.29", "jupyter_client>=8", "-e", str(ROOT)],
    "litellm": ["-e", f"{ROOT}[litellm]"],
    "llm": ["-e", f"{ROOT}[llm]"],
    "chromium": ["playwright>=1.49"],
    "gradio_client-1.3.0": ["gradio_client==1.3.0", *HERE],
    "gradio_client-1.14.0": ["gradio_client==1.14.0", *HERE],
    "gradio_client-2.0.3": ["gradio_client==2.0.3", *HERE],
    "gradio_client-2.6.1": ["gradio_client==2.6.1", "-e", str(ROOT), *TO_TEST],
    "gradio-6-modelscope": ["gradio>=6,<7", "modelscope_studio==2.1.2"],
    "gradio-5.50.0": ["gradio==5.50.0", "modelscope_studio==1.6.1"],
    "gradio-4.44.1": ["gradio==4.44.1", "modelscope_studio==0.5.2", "fastapi<0.116", *FOR_GRADIO_4],
    "gradio-4.0.2": ["gradio==4.0.2", "fastapi<0.112", "numpy<2", *FOR_GRADIO_4],
    "gradio-4.32.1": ["gradio==4.32.1", "fastapi<0.112", "numpy<2", *FOR_GRADIO_4],
    # This package in one environment with a Gradio, which pins its own gradio_client.
    "beside-gradio-4.44.1": ["gradio==4.44.1", "fastapi<0.116", *FOR_GRADIO_4, *HERE],
    "beside-gradio-5.50.0": ["gradio==5.50.0", *HERE],
    "beside-gradio-6": ["gradio>=6,<7", *HERE],
}


def on_gradio(version: str) -> list[pytest.MarkDecorator]:
    """Give the marks of a test that asks this version of Gradio: an old one is imported by one worker alone."""
    import pytest

    return [] if version == "6" else [pytest.mark.full(first=True), pytest.mark.xdist_group(f"gradio {version}")]


def on_each_gradio(*versions: str) -> list[Any]:
    """Give the parameters of a test that asks these versions of Gradio."""
    import pytest

    return [pytest.param(version, marks=on_gradio(version)) for version in versions]


def python_with_gradio(version: str) -> str:
    """Give the path of a Python that has this version of Gradio; for the newest, 6, this one if it has it."""
    if version == "6" and importlib.util.find_spec("gradio"):
        return sys.executable
    return python_with(f"gradio-{version}")


def python_with(what: str) -> str:
    """Give the path of a Python that has what `NEEDS` lists under that name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be making it
        return _made(what)


def _made(what: str) -> str:
    home = CACHE / what
    made_of = "\n".join([*NEEDS[what], (ROOT / "pyproject.toml").read_text() if "-e" in NEEDS[what] else ""])
    if not (home / "made").exists() or (home / "made").read_text() != made_of:
        shutil.rmtree(home, ignore_errors=True)
        # uv makes one in seconds where pip takes a minute.
        uv = [sys.executable, "-m", "uv", "--quiet", "--system-certs"]
        subprocess.run([*uv, "venv", "--python", _python_311(), home], check=True)
        subprocess.run([*uv, "pip", "install", "--python", home / "bin" / "python", *NEEDS[what]], check=True)
        (home / "made").write_text(made_of)
    return str(home / "bin" / "python")


def _python_311() -> str:
    """Find the Python that all of them run on; this one, where there is no other."""
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    candidates = [str(path) for root in roots for path in root.glob("versions/3.11.*/bin/python")]
    candidates += filter(None, [shutil.which("python3.11")])
    return next((path for path in candidates if _works(path)), sys.executable)


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0

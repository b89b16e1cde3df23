"""Virtual environments with what the tests need beside them: older Gradios, and g4f. Made once, kept in `.cache`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "environments"

# Gradio 4 is older than its dependencies' later changes, hence the pins.
NEEDS = {
    "g4f": ["g4f>=8.8", "-e", str(ROOT)],
    "gradio-6": ["gradio>=6,<7"],
    "gradio-5": ["gradio==5.50.0"],
    "gradio-4": [
        "gradio==4.44.1",
        "huggingface_hub<0.26",
        "starlette<0.42",
        "pydantic<2.11",
        "httpx<0.28",
        "fastapi<0.116",
        "jinja2<3.2",
    ],
}


def python_with_gradio(major: str) -> str:
    """Give the path of a Python that has Gradio 4, 5 or 6; this one, if it has it."""
    if major == "6" and importlib.util.find_spec("gradio"):
        return sys.executable
    return python_with(f"gradio-{major}")


def python_with(what: str) -> str:
    """Give the path of a Python that has what `NEEDS` lists under that name."""
    home = CACHE / what
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        # uv makes one in seconds where pip takes a minute.
        uv = [sys.executable, "-m", "uv", "--quiet", "--system-certs"]
        subprocess.run([*uv, "venv", "--python", _python_311(), home], check=True)
        subprocess.run([*uv, "pip", "install", "--python", home / "bin" / "python", *NEEDS[what]], check=True)
        (home / "made").touch()
    return str(home / "bin" / "python")


def _python_311() -> str:
    """Find the Python that all of them run on; this one, where there is no other."""
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    candidates = [str(path) for root in roots for path in root.glob("versions/3.11.*/bin/python")]
    candidates += filter(None, [shutil.which("python3.11")])
    return next((path for path in candidates if _works(path)), sys.executable)


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0

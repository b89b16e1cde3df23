"""The package as a whole: its rooms, what it exports, what importing it costs, what it says of itself."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import qwen_gradio
from qwen_gradio import QwenGradioError, errors

PACKAGE = Path(qwen_gradio.__file__).parent
ROOMS = [
    "errors",
    "messages",
    "fragments",
    "chatbot",
    "spaces",
    "parameters",
    "endpoints",
    "events",
    "wire",
    "threads",
    "connection",
    "hub",
    "jobs",
    "attempts",
    "reply",
    "client",
    "sync",
    "provider",
    "demo",
    "cli",
]


def _imported(room: str) -> set[str]:
    """The rooms that a room imports, anywhere in its file."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{room}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return {str(name) for name in found}


def _foreign(room: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{room}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names - set(sys.stdlib_module_names)


def test_package_modules_are_all_listed() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*ROOMS, "__init__"}


@pytest.mark.parametrize("room", ROOMS)
def test_package_module_imports_only_earlier_modules(room: str) -> None:
    assert _imported(room) <= set(ROOMS[: ROOMS.index(room)])


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("gradio_client", {"connection"}),
        ("httpx", {"connection", "hub", "wire"}),
        ("gradio", {"demo"}),
        ("click", {"cli"}),
        ("rich", {"cli"}),
        ("anyio", {"threads", "jobs", "attempts", "reply", "client", "sync", "cli"}),
        ("stamina", {"reply"}),
    ],
)
def test_package_dependency_is_imported_only_where_allowed(package: str, rooms: set[str]) -> None:
    assert {room for room in ROOMS if package in _foreign(room)} == rooms


@pytest.mark.parametrize("room", ROOMS)
def test_package_module_has_docstring(room: str) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE / f"{room}.py").read_text()))


def test_package_all_lists_public_names() -> None:
    assert qwen_gradio.__all__ == [
        "AllFailed",
        "AppRaised",
        "AsyncQwenClient",
        "CannotConnect",
        "ConnectionLost",
        "Conversation",
        "DeadlineExceeded",
        "EmptyReply",
        "Endpoint",
        "EndpointNotFound",
        "Event",
        "FallbackProvider",
        "Finished",
        "Fragment",
        "Inspection",
        "InvalidMessages",
        "InvalidOption",
        "InvalidSpace",
        "Message",
        "NeedsAuthentication",
        "NotAGradioApp",
        "Parameter",
        "ProtocolError",
        "ProviderFailed",
        "QueueFull",
        "Queued",
        "QwenClient",
        "QwenGradioError",
        "Qwen_Qwen_2_72B",
        "RateLimited",
        "Reply",
        "ReplyTooLong",
        "SpaceError",
        "SpaceNotFound",
        "SpaceUnavailable",
        "Started",
        "SyncConversation",
        "SyncReply",
        "Timeouts",
        "TransportError",
        "UsageError",
        "__version__",
        "format_prompt",
        "generate_session_hash",
    ]
    homes = {str(getattr(getattr(qwen_gradio, name), "__module__", "")) for name in qwen_gradio.__all__}
    assert "qwen_gradio" in homes
    assert not any(home.startswith("qwen_gradio.") for home in homes), "reprs and tracebacks say qwen_gradio.X"


def test_package_version_matches_distribution() -> None:
    assert metadata.version("qwen_gradio") == qwen_gradio.__version__


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_package_import_star_loads_no_heavy_dependency() -> None:
    heavy = "{'gradio', 'gradio_client', 'httpx', 'huggingface_hub', 'click', 'rich', 'asyncio'}"
    assert _run(f"import sys; from qwen_gradio import *; print({heavy} & set(sys.modules))") == "set()\n"


def test_package_import_and_cli_help_load_few_modules() -> None:
    heavy = "{'anyio', 'qwen_gradio.client', 'qwen_gradio.demo', 'rich', 'httpx'}"
    assert _run(f"import sys, qwen_gradio; print({heavy} & set(sys.modules))") == "set()\n"
    code = f"import atexit, sys; atexit.register(lambda: print({heavy} & set(sys.modules)))"
    helped = _run(f"{code}; sys.argv[1:] = ['--help']; from qwen_gradio.cli import main; main()")
    assert helped.splitlines()[-1] == "set()"


def test_package_dir_lists_names_unknown_raises_attribute_error() -> None:
    assert set(qwen_gradio.__all__) <= set(dir(qwen_gradio))
    with pytest.raises(AttributeError, match="no attribute 'Gpt'"):
        qwen_gradio.Gpt  # noqa: B018 - it is looked up


def test_client_construction_opens_no_socket() -> None:
    code = """
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith("socket.") else None)
import qwen_gradio
client = qwen_gradio.AsyncQwenClient()
client.stream("hi")
qwen_gradio.QwenClient()
print(seen)
"""
    assert _run(code) == "[]\n"


ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, QwenGradioError)]


def test_errors_are_documented_and_exported() -> None:
    for error in ERRORS:
        assert error.__name__ in (errors.__doc__ or "")
        assert issubclass(error, errors.QwenGradioError)
        assert error.__name__ in qwen_gradio.__all__
        starred = any(f"{error.__name__} *" in line for line in (errors.__doc__ or "").splitlines())
        assert starred == error.retryable, error


@pytest.mark.parametrize("error", ERRORS)
def test_errors_survive_pickling(error: type[errors.QwenGradioError]) -> None:
    each = {"exceptions": [errors.QueueFull("full")]} if error is errors.AllFailed else {}
    made = error("it broke", **each, space="a/b", partial="so far")
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own
    assert (type(again), str(again), repr(vars(again))) == (error, str(made), repr(vars(made)))
    assert str(made).startswith("a/b: it broke" if not each else "it broke: QueueFull: full")

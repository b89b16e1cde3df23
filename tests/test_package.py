"""The package as a whole: its modules, what it exports, what importing it costs, what it says of itself."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

import qwen_gradio
from qwen_gradio import QwenGradioError, errors

PACKAGE = Path(qwen_gradio.__file__).parent
# In the order in which a prompt goes in and a reply comes out: each imports only from those above it.
MODULES = [
    "errors",
    "tracebacks",
    "text.columns",
    "text.files",
    "text.messages",
    "text.components",
    "text.history",
    "text.thinking",
    "text.chatbot",
    "text.outputs",
    "text.snapshots",
    "space.verbatim",
    "space.catalogue",
    "space.file_inputs",
    "space.page",
    "space.parameters",
    "space.chains",
    "space.ranking",
    "space.recipe",
    "space.choice",
    "space.schedule",
    "space.session",
    "space.outline",
    "transport.threads",
    "transport.access",
    "transport.rebinding",
    "transport.pool",
    "transport.bodies",
    "transport.uploads",
    "transport.network",
    "transport.mailboxes",
    "transport.hooks",
    "transport.visitors",
    "transport.client",
    "transport.errors",
    "transport.hub",
    "transport.files",
    "transport.job",
    "transport.session",
    "transport.connection",
    "reply.states",
    "reply.events",
    "reply.deadlines",
    "reply.settings",
    "reply.connector",
    "reply.session",
    "reply.attempt",
    "reply.provider",
    "reply.rotation",
    "reply.retries",
    "reply.reply",
    "reply.many",
    "conversation",
    "inspection",
    "client",
    "sync",
    "provider",
    "demo",
    "integrations.openai_requests",
    "integrations.openai_replies",
    "integrations.serve.models",
    "integrations.serve.checks",
    "integrations.serve.replies",
    "integrations.serve.app",
    "integrations.langchain",
    "integrations.gradio",
    "integrations.litellm",
    "integrations.llm_models",
    "integrations.llm_spaces",
    "integrations.llm",
    "cli.render",
    "cli.options",
    "cli.exit_codes",
    "cli.loop",
    "cli.log",
    "cli.logs",
    "cli.blocks",
    "cli.markdown",
    "cli.terminal",
    "cli.chat_session",
    "cli.chat_commands",
    "cli.chat",
    "cli.demo",
    "cli.ask",
    "cli.quota",
    "cli.batch_files",
    "cli.pace",
    "cli.batch",
    "cli.spaces",
    "cli.serve",
    "cli.main",
    "__main__",
]
MAX_LINES = 400
SPEAKS_OPENAI = ["integrations.serve.replies"]  # whose streams are SSE, too

# What the queue protocol is made of, which gradio_client alone knows (gradio/server_messages.py, gradio/routes.py).
PROTOCOL = (
    "process_starts|process_generating|process_completed|process_streaming|estimation|send_hash|send_data|queue_full|"
    "close_stream|unexpected_error|server_stopped|heartbeat/|msg_to_status|queue/join|queue/data|/config\\b.*get|event_id|"
    "event-stream|data:|apply_diff|sse_v|rank_eta|pending_event"
)


def _path(module: str) -> Path:
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def _imports(module: str) -> Iterator[ast.ImportFrom]:
    return (node for node in ast.walk(ast.parse(_path(module).read_text())) if isinstance(node, ast.ImportFrom))


def _imported(module: str) -> set[str]:
    """The package's modules that one imports, anywhere in its file."""
    folder = module.split(".")[:-1]
    found: set[str] = set()
    for node in _imports(module):
        if node.level:
            parents = [*folder[: len(folder) + 1 - node.level], *(node.module or "").split(".")]
            base = ".".join(filter(None, parents))
            inner = {f"{base}.{alias.name}".lstrip(".") for alias in node.names} & {*MODULES}
            found |= inner or {base}
    return found


def _foreign(module: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(_path(module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names - set(sys.stdlib_module_names)


def test_package_modules_are_all_listed() -> None:
    found = {path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py") if path.stem != "__init__"}
    assert {".".join(path.parts) for path in found} == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_package_module_imports_only_earlier_modules(module: str) -> None:
    assert _imported(module) <= set(MODULES[: MODULES.index(module)])


@pytest.mark.parametrize("module", MODULES)
def test_package_module_file_has_at_most_400_lines(module: str) -> None:
    assert len(_path(module).read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", sorted({*MODULES} - {"provider", "demo", "text.files", *SPEAKS_OPENAI}))
def test_package_module_knows_no_word_of_the_protocol(module: str) -> None:
    """The provider has its ancestor's `api_endpoint`, the stand-in is a server, files may be data: URLs."""
    assert re.findall(PROTOCOL, _path(module).read_text()) == []


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("gradio", {"demo", "integrations.gradio"}),
        ("rich", {"cli.render", "cli.markdown", "cli.chat"}),
        ("prompt_toolkit", {"cli.terminal"}),
        ("platformdirs", {"cli.log"}),
        (
            "anyio",
            {
                "transport.threads",
                "reply.deadlines",
                "reply.connector",
                "reply.session",
                "reply.attempt",
                "reply.provider",
                "reply.reply",
                "reply.many",
                "client",
                "integrations.serve.app",
                "integrations.serve.checks",
                "integrations.serve.models",
                "integrations.serve.replies",
                "cli.chat_session",
                "cli.loop",
                "cli.quota",
                "cli.batch",
                "cli.spaces",
            },
        ),
        ("stamina", {"reply.retries"}),
        ("starlette", {"integrations.serve.app", "integrations.serve.checks", "integrations.serve.replies"}),
        ("uvicorn", {"integrations.serve.app"}),
        ("langchain_core", {"integrations.langchain"}),
    ],
)
def test_package_dependency_is_imported_only_where_allowed(package: str, modules: set[str]) -> None:
    assert {module for module in MODULES if package in _foreign(module)} == modules


def test_package_only_commands_import_click() -> None:
    found = {module for module in MODULES if "click" in _foreign(module)}
    assert all(module.startswith(("cli.", "integrations.llm")) for module in found)


@pytest.mark.parametrize("package", ["gradio_client", "httpx", "huggingface_hub"])
def test_package_only_transport_knows_gradio_client_and_httpx(package: str) -> None:
    found = {module for module in MODULES if package in _foreign(module)}
    found -= {"demo"}  # a server of its own, which may have another for its model
    assert all(module.startswith("transport.") for module in found)


def test_package_transport_imports_httpx_for_types_alone() -> None:
    """At runtime it is what gradio_client imported, which may be another."""
    for module in {*MODULES} - {"demo"}:
        lines = _path(module).read_text().splitlines()
        assert all(before == "if TYPE_CHECKING:" for before, line in pairwise(lines) if "import httpx" in line)


def _literals(module: str) -> Iterator[tuple[str, str]]:
    """The names and values of a module's constants, but for those that are called for, as a TypeVar is."""
    for node in ast.parse(_path(module).read_text()).body:
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call):
            names = [ast.unparse(target) for target in node.targets]
            yield from ((name, ast.unparse(node.value)) for name in names if name.isupper())


def test_package_constant_is_defined_in_one_module() -> None:
    defined = Counter(constant for module in MODULES for constant in _literals(module))
    assert defined["CLOSE_TIMEOUT", "2.0"] == 1
    assert [constant for constant, times in defined.items() if times > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_package_module_has_docstring(module: str) -> None:
    assert ast.get_docstring(ast.parse(_path(module).read_text()))


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
        "Recipe",
        "Reply",
        "ReplyTooLong",
        "Result",
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
    helped = _run(f"{code}; sys.argv[1:] = ['--help']; from qwen_gradio.cli.main import main; main()")
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

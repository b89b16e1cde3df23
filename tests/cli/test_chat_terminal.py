"""`chat` on a terminal, as a person uses it: keys, the screen, Ctrl-C, what the terminal can't show."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import ScriptedSpace, eventually
from .terminal import ALT_ENTER, CTRL_C, CTRL_D, ENTER, TAB, UP, on_terminal

MARKDOWN = "# Title\n\nSome **bold** 漢字.\n\n1. Run:\n   ```sh\n   ls\n   ```\n\n"
CONTROL = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's data, which is none at first; and no way to the clipboard but the terminal's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_chat_terminal_ctrl_c_stops_the_reply_and_the_space_and_keeps_the_part(space: ScriptedSpace) -> None:
    script = space.script(2000)
    with on_terminal("chat", space.url) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.shows(f"{script.name}-10 ")
        terminal.send(CTRL_C)
        assert terminal.is_ready("Stopped.")
        assert eventually(script.stopped)
        assert script.count("step") < 1000
        terminal.send("and then?" + ENTER)
        assert terminal.is_ready('"query": "and then?"')
        terminal.send(CTRL_D)
        assert terminal.wait() == 0
    assert "Stopped." in terminal.text
    answered = terminal.unwrapped.partition('"turns":')[2]
    assert f"{script.name}-10" in answered, "the part is among the turns of the next question"


@pytest.mark.full
@pytest.mark.parametrize("columns", [40, 100])
def test_chat_terminal_draws_markdown_as_it_streams(space: ScriptedSpace, columns: int) -> None:
    words = " ".join(f"word{number}" for number in range(100))
    script = space.script([MARKDOWN[:end] for end in range(5, len(MARKDOWN), 20)] + [f"{MARKDOWN}{words}"])
    with on_terminal("chat", space.url, columns=columns, rows=10) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.is_ready("\n\nword0")
    lines = terminal.lines
    answer = lines[[line.strip() for line in lines].index("Title") :]
    assert answer[:7] == [" " * ((columns - 5) // 2) + "Title", "", "Some bold 漢字.", "", " 1 Run:", "ls", ""]
    assert " ".join(answer[7:-2]) == words


@pytest.mark.full
def test_chat_terminal_edits_recalls_completes_and_takes_several_lines(space: ScriptedSpace) -> None:
    with on_terminal("chat", space.url) as terminal:
        assert terminal.is_ready()
        terminal.send("wrong\x15onee\x7f" + ENTER)
        assert terminal.is_ready('"query": "one"')
        terminal.send(UP + ENTER)
        assert terminal.shows('"query": "one"', times=2)
        assert terminal.is_ready()
        terminal.send(f"a{ALT_ENTER}b" + ENTER)
        assert terminal.is_ready('"query": "a\\nb"')
        terminal.send(f'"""c{ENTER}d{ENTER}"""' + ENTER)
        assert terminal.is_ready('"query": "c\\nd"')
        terminal.send(f"/und{TAB}" + ENTER)
        assert terminal.is_ready("Taken back: c")
        terminal.send("cleared" + CTRL_C)
        assert terminal.is_ready("Ctrl-D or /bye leaves.")
        terminal.send("/bye" + ENTER)
        assert terminal.wait() == 0
    with on_terminal("chat", "-c") as terminal:
        assert terminal.shows("after 3 turns")
        assert terminal.is_ready()
        terminal.send(UP * 5 + ENTER)
        assert terminal.shows('"query": "one"')


@pytest.mark.full
def test_chat_terminal_keys_pressed_during_a_reply_are_read_after_it(space: ScriptedSpace, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    script = space.script(["first", "first and last"], until=str(go_on))
    with on_terminal("chat", space.url) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.shows("Waiting for the first words")
        terminal.send("typed early" + ENTER)
        go_on.touch()
        assert terminal.shows('"query": "typed early"')
    shown = terminal.text
    assert shown.index("first and last") < shown.index("typed early")


@pytest.mark.full
def test_chat_terminal_shows_queue_position(make_space: Callable[..., ScriptedSpace]) -> None:
    space = make_space("--at-once", "1")
    first, second = space.script(10_000), space.script(["done"])
    with on_terminal("chat", space.url) as other, on_terminal("chat", space.url, columns=40) as terminal:
        assert other.is_ready()
        other.send(first.prompt + ENTER)
        assert other.shows(f"{first.name}-1 ")
        assert terminal.is_ready()
        terminal.send(second.prompt + ENTER)
        assert terminal.shows("In the queue: 1 of 1")
        other.send(CTRL_C)
        assert terminal.shows("\ndone")
        assert "In the queue" not in terminal.text


@pytest.mark.full
def test_chat_terminal_space_killed_during_a_reply_says_so_and_goes_on(
    make_space: Callable[..., ScriptedSpace], space: ScriptedSpace
) -> None:
    killed = make_space()
    script = killed.script(2000)
    with on_terminal("chat", killed.url) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.shows(f"{script.name}-10 ")
        killed.process.kill()
        assert terminal.is_ready("qwen-gradio: ")
        terminal.send(f"/space {space.url}" + ENTER)
        assert terminal.is_ready(f"\n{space.url}")
        terminal.send("again" + ENTER)
        assert terminal.is_ready('"query": "again"')
        terminal.send(CTRL_D)
        assert terminal.wait() == 0
    assert "Traceback" not in terminal.text


@pytest.mark.full
def test_chat_terminal_copy_goes_to_the_terminals_clipboard(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    script = space.script(["añ 漢"])
    with on_terminal("chat", space.url) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.is_ready("\nañ")
        terminal.send("/copy" + ENTER)
        assert terminal.shows("Copied.")
    [copied] = re.findall(rb"\x1b\]52;c;([^\a]*)\a", terminal.raw)
    assert base64.b64decode(copied).decode() == "añ 漢"


@pytest.mark.full
@pytest.mark.parametrize("term", ["dumb", "xterm-256color"])
def test_chat_terminal_latin_1_goes_on_where_a_character_is_missing(space: ScriptedSpace, term: str) -> None:
    script = space.script(["- é 漢 😀"])
    environment = {"PYTHONIOENCODING": "latin-1", "TERM": term}
    with on_terminal("chat", space.url, columns=40, encoding="latin-1", environment=environment) as terminal:
        assert terminal.shows(">>>")
        terminal.send(script.prompt + ENTER)
        assert terminal.is_ready("é ? ?")
        terminal.send("é" + ENTER)
        assert terminal.is_ready('"query": "\\u00e9"')
        terminal.send(CTRL_D)
        assert terminal.wait() == 0


@pytest.mark.full
def test_chat_terminal_dumb_gets_plain_text(space: ScriptedSpace) -> None:
    script = space.script(2000)
    with on_terminal("chat", space.url, environment={"TERM": "dumb"}) as terminal:
        assert terminal.shows(">>>")
        terminal.send(script.prompt + "\n")
        assert terminal.shows(f"{script.name}-10 ")
        terminal.send(CTRL_C)
        assert terminal.is_ready("Stopped.")
        terminal.send('"""one\n' + 'two"""\n')
        assert terminal.is_ready('"query": "one\\ntwo"')
        terminal.send(CTRL_C)
        assert terminal.is_ready("Ctrl-D or /bye leaves.")
        terminal.send(CTRL_D)
        assert terminal.wait() == 0
    assert not CONTROL.findall(terminal.raw.decode())


@pytest.mark.full
def test_chat_terminal_no_color_has_none(space: ScriptedSpace) -> None:
    script = space.script(["`code`\n\n```python\ndef f(): return 1\n```\n\n[a](http://b)"])
    with on_terminal("chat", space.url, environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.is_ready()
        terminal.send(script.prompt + ENTER)
        assert terminal.is_ready("\ndef f")
    assert not re.findall(rb"\x1b\[(?:[0-9]+;)*[349][0-7](?:;[0-9]+)*m", terminal.raw)


@pytest.mark.full
def test_chat_terminal_ctrl_c_while_connecting_exits_130() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, on_terminal("chat", f"http://127.0.0.1:{silent.getsockname()[1]}") as terminal:
        assert terminal.shows("Connecting")
        terminal.send(CTRL_C)
        assert terminal.wait() == 130
    assert terminal.text == ""


def test_chat_terminal_without_prompt_toolkit_says_what_to_install(space: ScriptedSpace, tmp_path: Path) -> None:
    (tmp_path / "prompt_toolkit.py").write_text("raise ImportError")
    with on_terminal("chat", space.url, environment={"PYTHONPATH": str(tmp_path)}) as terminal:
        assert terminal.wait() == 2
    assert terminal.count("pip install 'qwen_gradio[cli]'")

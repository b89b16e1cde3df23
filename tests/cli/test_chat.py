"""`chat` without a terminal: what is asked, changed, taken back, saved and logged; and `logs`."""

from __future__ import annotations

import functools
import json
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from qwen_gradio import AsyncQwenClient, Event, Fragment
from qwen_gradio.cli.chat_session import Chat
from qwen_gradio.cli.log import SavedConversation, user_log
from qwen_gradio.cli.render import TextRenderer

from ..conftest import ScriptedSpace, eventually
from ..servers.forked import ForkServers
from .command import COMMAND, run

SERVE = Path(__file__).parents[1] / "servers" / "serve.py"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data, which is none at first."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def chat(*arguments: str, lines: list[str]) -> tuple[int, list[Any], str]:
    """Chat line by line; give the exit code, each line of stdout that isn't blank, as JSON if it is, and stderr."""
    result = run("chat", *arguments, stdin="".join(f"{line}\n" for line in lines))
    return result.exit_code, [_parsed(line) for line in result.stdout.splitlines() if line], result.stderr


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def asked(query: str, *turns: str, system: str = "You are a helpful assistant.") -> dict[str, Any]:
    """What the Space answers to a question that isn't a script, after the questions of these turns."""
    before: list[list[str]] = []
    for turn in turns:
        saw = {"system": system, "turns": [*before], "query": turn}
        before.append([turn, json.dumps(saw)])
    return {"system": system, "turns": before, "query": query}


def test_chat_pipe_each_line_is_a_question_in_one_conversation(space: ScriptedSpace) -> None:
    assert chat(space.url, lines=["one", "", "two"]) == (0, [asked("one"), asked("two", "one")], "")


def test_chat_pipe_blank_line_separates_answers(space: ScriptedSpace) -> None:
    no_words = space.script([], fail_at=0)
    scripts = [space.script(["a", "b", "b\n\nc"]), no_words, space.script(["d\n"]), no_words, space.script(["e"])]
    questions = [script.prompt for script in scripts]
    result = run("chat", space.url, stdin="\n".join([no_words.prompt, *questions, "/system", ""]))
    assert result.stdout == "b\n\nc\n\nd\n\ne\n"


def test_chat_pipe_quotes_enclose_several_lines(space: ScriptedSpace) -> None:
    lines = ['"""one', "two", '"""', '"""three"""', " /four"]
    _, out, _ = chat(space.url, lines=lines)
    assert [line["query"] for line in out] == ["one\ntwo", "three", " /four"]


def test_chat_pipe_failed_answer_goes_on_and_exits_1(space: ScriptedSpace) -> None:
    code, out, err = chat(space.url, lines=[space.script(["so far"], fail_at=1).prompt, "next"])
    assert (code, out) == (1, ["so far", asked("next")])
    assert err.startswith(f"qwen-gradio: {space.url}: its code raised")


def test_chat_space_that_cannot_be_reached_exits_1() -> None:
    code, out, err = chat("http://127.0.0.1:9", lines=["hi"])
    assert (code, out) == (1, [])
    assert err.startswith("qwen-gradio: http://127.0.0.1:9: no connection could be made")


def test_chat_without_lines_exits_0(space: ScriptedSpace) -> None:
    assert chat(space.url, lines=[]) == (0, [], "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-c"], "there is no conversation in "),
        (["-c", "--save", "work"], "--save can't be used with --continue"),
        (["--no-log", "--save", "work"], "--save can't be used with --no-log"),
        (["-o", "radio"], "expected --option NAME=VALUE"),
        (["no space"], "expected a Space id"),
        (["a/b", "--space", "c/d"], "expected one Space"),
    ],
)
def test_chat_wrong_use_prints_error_and_exits_2(arguments: list[str], says: str) -> None:
    code, out, err = chat(*arguments, lines=["hi"])
    assert (code, out) == (2, [])
    assert err.startswith("qwen-gradio: ")
    assert says in err


def test_chat_system_command_changes_and_shows_the_system_message(space: ScriptedSpace) -> None:
    lines = ["/system", "/system be brief", "/system", "hi", '/system ""', "/system"]
    _, out, err = chat(space.url, lines=lines)
    brief = asked("hi", system="be brief")
    assert (out, err.splitlines()) == ([brief], ["The Space's own.", "be brief", '"" (an empty one)'])


def test_chat_undo_takes_the_latest_turn_back(space: ScriptedSpace) -> None:
    code, out, err = chat(space.url, lines=["one", "two", "/undo", "three", "/undo", "/undo", "/undo"])
    assert (code, out) == (1, [asked("one"), asked("two", "one"), asked("three", "one")])
    assert err.splitlines() == [
        "Taken back: two",
        "Taken back: three",
        "Taken back: one",
        "qwen-gradio: there is nothing to take back",
    ]


def test_chat_retry_asks_again_in_place_of_the_answer(space: ScriptedSpace) -> None:
    _, out, _ = chat(space.url, lines=["one", "two", "/retry", "three"])
    assert out == [asked("one"), asked("two", "one"), asked("two", "one"), asked("three", "one", "two")]


def test_chat_retry_that_fails_keeps_the_answer(make_space: Callable[..., ScriptedSpace], tmp_path: Path) -> None:
    space = make_space()
    failing = space.script(["answer"], fail_at=1).prompt
    saved = tmp_path / "saved.jsonl"
    saved.write_text(
        f'{{"role": "user", "content": {json.dumps(failing)}}}\n{{"role": "assistant", "content": "kept"}}\n'
    )
    code, out, err = chat(space.url, lines=[f"/load {saved}", "/retry", f"/save {saved}"])
    assert (code, out) == (1, ["answer"])
    assert f"2 messages in {saved}" in err
    assert '"kept"' in saved.read_text()
    logged = user_log().find()
    assert logged is not None
    assert logged.messages[-1]["content"] == "kept"


class FailingRenderer(TextRenderer):
    """A renderer that can't draw an answer."""

    has_text = False

    def render(self, event: Event) -> None:
        self.has_text = self.has_text or isinstance(event, Fragment)

    def refresh(self) -> None:
        if self.has_text:
            raise ZeroDivisionError("no columns")


def test_chat_drawing_that_fails_stops_the_reply_and_logs_it(space: ScriptedSpace) -> None:
    script = space.script(2000)

    async def ask() -> None:
        make_renderer = functools.partial(FailingRenderer, thinking=False)
        chat = Chat(AsyncQwenClient, SavedConversation(space.url), log=user_log(), make_renderer=make_renderer)
        with pytest.raises(ZeroDivisionError):
            await chat.ask(script.prompt)
        await chat.aclose()

    anyio.run(ask)
    assert eventually(script.stopped)
    [turn] = user_log().turns()
    assert turn.error == "ZeroDivisionError: no columns"
    assert f"{script.name}-1 " in turn.reply


def test_chat_retry_asks_a_question_that_failed(space: ScriptedSpace) -> None:
    script = space.script(["no"], fail_at=1)
    chat(space.url, lines=[script.prompt, "/retry"])
    assert script.count("start") == 2


def test_chat_retry_without_a_question_says_so(space: ScriptedSpace) -> None:
    assert chat(space.url, lines=["/retry"])[2] == "qwen-gradio: there is no question to ask again\n"


def test_chat_clear_begins_anew_and_keeps_the_system_message(space: ScriptedSpace) -> None:
    _, out, _ = chat(space.url, "--system", "s", lines=["one", "/clear", "two"])
    assert out == [asked("one", system="s"), asked("two", system="s")]


def test_chat_save_and_load_carry_the_conversation_over(space: ScriptedSpace, tmp_path: Path) -> None:
    path = tmp_path / "a talk.jsonl"
    _, out, err = chat(space.url, "--system", "s", lines=["one", f"/save {path}", "two", f"/save {path}"])
    assert err == f"2 messages in {path}\n4 messages in {path}\n"
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    _, out, err = chat(space.url, lines=[f"/load {path}", "three"])
    assert (out, err) == ([asked("three", "one", "two", system="s")], f"4 messages from {path}\n")


def test_chat_load_reads_messages_with_separators_of_lines(space: ScriptedSpace, tmp_path: Path) -> None:
    path = tmp_path / "saved"
    script = space.script(["a\u2028b\u2029c\x85d"])
    _, _, err = chat(space.url, lines=[script.prompt, f"/save {path}", f"/load {path}"])
    assert err.endswith(f"2 messages from {path}\n")


@pytest.mark.parametrize("path", ["~no-such-user/x", "a\0b"])
@pytest.mark.parametrize("command", ["/save", "/load"])
def test_chat_wrong_path_is_told_and_the_chat_goes_on(space: ScriptedSpace, command: str, path: str) -> None:
    code, out, err = chat(space.url, lines=[f"{command} {path}", "next"])
    assert (code, out) == (1, [asked("next")])
    assert err.startswith(f"qwen-gradio: {path} can't be ")


def test_chat_save_over_a_file_of_others_is_refused(space: ScriptedSpace, tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_text("theirs")
    _, _, err = chat(space.url, lines=["one", f"/save {path}", "/save", f"/save {tmp_path}/no/such"])
    assert path.read_text() == "theirs"
    assert err.splitlines()[0] == f"qwen-gradio: {path} exists, and is not of this chat; choose another name"
    assert err.splitlines()[1] == "qwen-gradio: expected /save FILE"
    assert err.splitlines()[2].startswith(f"qwen-gradio: {tmp_path}/no/such can't be written: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("nonsense", ', line 1: expected {"role": "user", "content": "…"}'),
        ('\n{"role": "user"}', ', line 2: expected {"role"'),
        ('{"role": "queen", "content": "x"}', "expected a role of "),
        ("\xff", " can't be read: "),
        (None, " can't be read: "),
    ],
)
def test_chat_load_of_a_wrong_file_keeps_the_conversation(
    space: ScriptedSpace, tmp_path: Path, content: str | None, says: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    code, out, err = chat(space.url, lines=["one", f"/load {path}", "two"])
    assert (code, out) == (1, [asked("one"), asked("two", "one")])
    assert says in err


def test_chat_options_are_shown_checked_and_sent(fork_servers: ForkServers) -> None:
    with fork_servers.running(SERVE, "coder") as app:
        url = json.loads(app.printed)["coder"]
        wrong = ["/options nonsense=1", "/options temperature=9", "/options radio", "/options 'x"]
        code, out, err = chat(url, lines=["/options", *wrong])
        shown = [line.split() for line in err.splitlines()]
        options = [["radio", '"32B"'], ["temperature", "0.7"], ["top_p", "0.8"], ["max_length", "2048"]]
        assert (code, out, shown[:4]) == (1, [], options)
        assert [words[1] for words in shown[4:]] == ["unknown", "expected", "expected", "expected"]
        lines = ["/options radio=7B max_length=4096", "/options", "hi", "/options reset", "/options"]
        code, out, err = chat(url, "-o", "top_p=0.5", lines=lines)
    shown = [line.split() for line in err.splitlines()]
    assert (code, len(out), shown[4:]) == (0, 1, options)
    assert shown[:4] == [
        ["radio*", '"7B"'],
        ["temperature", "0.7"],
        ["top_p*", "0.5"],
        ["max_length*", "4096"],
    ]
    assert '"radio": "7B", "temperature": 0.7, "top_p": 0.5, "max_length": 4096' in json.dumps(out)


def test_chat_space_without_options_says_so(space: ScriptedSpace) -> None:
    assert chat(space.url, lines=["/options"])[2] == "This Space has no options.\n"


def test_chat_space_command_moves_with_the_turns(
    space: ScriptedSpace, make_space: Callable[..., ScriptedSpace]
) -> None:
    other = make_space()
    script = other.script(["hm"])
    lines = ["one", f"/space {other.url}", script.prompt, "/space no-such-space", "/space http://127.0.0.1:9", "/space"]
    code, out, err = chat(space.url, lines=lines)
    assert (code, out) == (1, [asked("one"), "hm"])
    shown = err.splitlines()
    assert (shown[0], shown[-1]) == (other.url, other.url)
    assert [line.split(": ")[1].split()[0] for line in shown[1:-1]] == ["expected", "http://127.0.0.1:9"]
    assert [turn[0] for turn in other.saw(script.name)[0]["turns"]] == ["one"]


@pytest.mark.parametrize("line", ["/copy", "/nonsense", "/save", "/load"])
def test_chat_wrong_command_is_not_sent(space: ScriptedSpace, line: str) -> None:
    code, out, err = chat(space.url, lines=[line])
    assert (code, out) == (1, [])
    assert err.startswith("qwen-gradio: ")


def test_chat_help_and_bye(space: ScriptedSpace) -> None:
    _, out, err = chat(space.url, lines=["/help", "/bye", "never asked"])
    assert [line.split()[0] for line in err.splitlines() if line.startswith("/")] == [
        *("/system", "/space", "/options", "/retry", "/undo", "/clear", "/save", "/load", "/copy", "/help", "/bye"),
    ]
    assert out == []


def test_chat_continue_goes_on_with_the_latest_as_it_stands(space: ScriptedSpace) -> None:
    chat(space.url, "--system", "s", lines=["one", "two", "/undo"])
    assert chat("-c", lines=["three"])[1] == [asked("three", "one", system="s")]
    assert chat("--continue", lines=["four"])[1] == [asked("four", "one", "three", system="s")]


def test_chat_save_option_goes_on_with_the_conversation_of_that_name(space: ScriptedSpace) -> None:
    chat(space.url, "--save", "work", lines=["one"])
    chat(space.url, lines=["other"])
    assert chat("--save", "work", lines=["two", "/clear", "three"])[1] == [asked("two", "one"), asked("three")]
    assert chat("--save", "work", lines=["four"])[1] == [asked("four", "one", "two")]


@pytest.mark.parametrize("to_go_on", ["-c", "--save 'my work'"])
def test_chat_continue_whose_space_is_gone_says_how_to_use_another(space: ScriptedSpace, to_go_on: str) -> None:
    turn = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    user_log().save(SavedConversation("http://127.0.0.1:9", options={"radio": 1}, messages=turn, name="my work"))
    code, out, err = chat(*shlex.split(to_go_on), lines=["hi"])
    assert (code, out) == (1, [])
    assert err.startswith("qwen-gradio: http://127.0.0.1:9: no connection could be made")
    assert err.endswith(f". To go on with another Space: qwen-gradio chat {to_go_on} SPACE\n")
    code, out, err = chat(*shlex.split(to_go_on), space.url, lines=["hi"])
    assert (code, err) == (0, "")
    assert out[0]["turns"] == [["one", "two"]]


def test_chat_space_option_is_the_argument(space: ScriptedSpace) -> None:
    assert chat("-m", space.url, lines=["hi"])[1] == [asked("hi")]


def test_chat_cleared_conversation_stays_in_the_log(space: ScriptedSpace) -> None:
    chat(space.url, lines=["one", "/clear", "two"])
    assert [turn.prompt for turn in user_log().turns()] == ["one", "two"]
    saved = user_log().find()
    assert saved is not None
    assert [message["content"] for message in saved.messages if message["role"] == "user"] == ["two"]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_chat_no_log_writes_nothing(
    space: ScriptedSpace, data: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("QWEN_GRADIO_NO_LOG", "1")
    code, out, _ = chat(space.url, *(["--no-log"] if how == "option" else []), lines=["one", "/undo"])
    assert (code, out) == (0, [asked("one")])
    assert not data.exists()


def test_chat_log_that_cannot_be_written_is_told_once(space: ScriptedSpace, data: Path) -> None:
    data.write_text("a file where the folder should be")
    code, out, err = chat(space.url, lines=["one", "two"])
    assert (code, out) == (0, [asked("one"), asked("two", "one")])
    assert len(err.splitlines()) == 1
    assert err.startswith("qwen-gradio: nothing is logged from here on: the log ")


def test_chat_ctrl_c_on_a_pipe_stops_the_reply_and_exits_130(space: ScriptedSpace) -> None:
    script = space.script(2000)
    with subprocess.Popen(
        [*COMMAND, "chat", space.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{script.prompt}\n")
        process.stdin.flush()
        assert eventually(lambda: script.count("step") > 10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Stopped.\n")
    assert eventually(script.stopped)
    assert script.count("step") < 500
    [turn] = user_log().turns()
    assert (turn.prompt, turn.error) == (script.prompt, "stopped")
    assert turn.reply.strip() == out.strip()
    assert f"{script.name}-1 " in out


def test_chat_ctrl_c_while_a_pipe_is_read_exits_130(space: ScriptedSpace) -> None:
    with subprocess.Popen(
        [*COMMAND, "chat", space.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("/space\n")
        process.stdin.flush()
        assert process.stderr.readline() == f"{space.url}\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_logs_show_the_latest_questions_and_answers(space: ScriptedSpace) -> None:
    assert run("logs").stdout == ""
    stopped = space.script(["part"], fail_at=1)
    chat(space.url, "--save", "work", lines=["one", '"""two', 'lines"""', stopped.prompt])
    out = run("logs").stdout
    assert out.count(f"  {space.url}  work\n") == 3
    assert "\n> two\n> lines\n" in out
    assert "\n\npart\n\n(" in out
    assert "> one\n" in run("logs", "-s", "ONE").stdout
    assert "> one\n" not in run("logs", "-n", "1").stdout
    fields = [json.loads(line) for line in run("logs", "-n", "0", "--json").stdout.splitlines()]
    assert [turn["prompt"] for turn in fields] == ["one", "two\nlines", stopped.prompt]
    assert [*fields[0]] == ["space", "prompt", "reply", "thinking", "error", "time", "name"]


def test_logs_path_is_that_of_the_file(space: ScriptedSpace) -> None:
    chat(space.url, lines=["one"])
    path = Path(run("logs", "--path").stdout.strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert run("logs").stdout == ""

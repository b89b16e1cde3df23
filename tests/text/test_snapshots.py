import inspect
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qwen_gradio.text.snapshots import CURSORS, WINDOW, Edit, SnapshotDecoder

from .indents import CODE, LIST, without_indents


def decoded(snapshots: list[str]) -> list[Edit]:
    decoder = SnapshotDecoder()
    edits = [decoder.feed(snapshot) for snapshot in snapshots]
    edits.append(decoder.finish(snapshots[-1]))
    return [edit for edit in edits if edit]


def applied(edits: list[Edit]) -> str:
    text = ""
    for edit in edits:
        text = edit.apply(text)
    return text


def growing(pieces: list[str]) -> list[str]:
    return ["".join(pieces[: n + 1]) for n in range(len(pieces))]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(["ha", "ha", "ha", "ha"], id="a word repeated"),
        pytest.param(["[0, 1]", " and ", "[0, 1]"], id="like a diff's path"),
        pytest.param(["[all of it]"], id="like a list"),
        pytest.param(["👩", "‍", "👩", "‍👧", "🇫", "🇷"], id="emoji of several codepoints"),
        pytest.param(["你", "好", "，", "世界"], id="Chinese"),
        pytest.param(["a\r", "\nb\r\n", "\n"], id="CRLF"),
        pytest.param(["```py\n", "x = 1\n", "```"], id="a code fence"),
        pytest.param([" ", "\n", "  x"], id="white space"),
        pytest.param(["e", "\u0301"], id="a combining mark"),
    ],
)
def test_snapshot_appended_text_is_unchanged(pieces: list[str]) -> None:
    assert [edit.text for edit in decoded(growing(pieces))] == pieces


def test_snapshot_repeated_gives_no_fragment() -> None:
    assert decoded(["", "a", "a", "a", "ab", "ab"]) == [Edit(0, "a"), Edit(1, "b")]


@pytest.mark.parametrize("cursor", CURSORS)
def test_snapshot_retracted_cursor_is_not_sent(cursor: str) -> None:
    snapshots = [cursor, "Hel" + cursor, "Hello" + cursor, "Hello"]
    assert [edit.text for edit in decoded(snapshots)] == ["Hel", "lo"]


def test_snapshot_blank_before_cursor_is_sent_with_next_text() -> None:
    assert [edit.text for edit in decoded(["ab █", "ab c █", "ab c"])] == ["ab", " c"]


@pytest.mark.parametrize("last", [" ▌", " \n▌", "  ▌ ▌"])
def test_snapshot_cursor_after_read_blank_repeats_no_blank(last: str) -> None:
    edits = decoded([" ", last, last])
    assert "".join(edit.text for edit in edits) == last
    assert all(edit.text for edit in edits), "nothing is withdrawn"


def test_snapshot_cursor_after_rewritten_blank_withdraws_it() -> None:
    assert [edit.text for edit in decoded(["a ", "a\n▌", "a\nb"])] == ["a ", "", "\nb"]


def test_snapshot_kept_cursor_is_text() -> None:
    assert applied(decoded(["▌", "▌▌", "▌▌▌"])) == "▌▌▌"


def test_snapshot_rewrite_is_sent_from_first_difference() -> None:
    assert decoded(["Hello wrold", "Hello world!"]) == [Edit(0, "Hello wrold"), Edit(7, "orld!")]


def test_snapshot_retracted_text_gives_empty_replacement() -> None:
    assert decoded(["one word", ""]) == [Edit(0, "one word"), Edit(0, "")]


@pytest.mark.parametrize(
    "placeholders",
    [["Thinking…"], ["Thinking", "Thinking.", "Thinking.."], ["⏳ *Please wait*"], ["…"], ["Qwen is thinking...", ""]],
)
def test_snapshot_retracted_placeholder_is_not_sent(placeholders: list[str]) -> None:
    assert decoded([*placeholders, "Hel", "Hello"]) == [Edit(0, "Hel"), Edit(3, "lo")]


@pytest.mark.parametrize("text", ["Well…", "Thinking is hard", "..."])
def test_snapshot_kept_placeholder_is_text(text: str) -> None:
    assert applied(decoded([text])) == text
    assert applied(decoded([text, text + " so."])) == text + " so."


def test_snapshot_placeholder_after_first_word_is_text() -> None:
    assert decoded(["So", "So…"]) == [Edit(0, "So"), Edit(2, "…")]


def test_snapshot_rewrite_before_window_is_sent_at_finish() -> None:
    long = "x" * 3 * WINDOW
    snapshots = [long, long + "y", "z" + long[1:] + "yy"]
    decoder = SnapshotDecoder()
    edits = [decoder.feed(snapshot) for snapshot in snapshots]
    assert edits[2] == Edit(3 * WINDOW + 1, "y")  # only the window was compared
    assert decoder.text == snapshots[-1]  # the text is the Space's all the same
    edits.append(decoder.finish(snapshots[-1]))
    assert applied([edit for edit in edits if edit]) == snapshots[-1]


def test_snapshot_rewrite_within_window_is_sent_at_once() -> None:
    long = "x" * 3 * WINDOW
    decoder = SnapshotDecoder()
    for snapshot in (long, long + "abc"):
        decoder.feed(snapshot)
    assert decoder.feed(long + "aXcd") == Edit(3 * WINDOW + 1, "Xcd")


class Counted(str):
    """A text that counts how many of its characters are compared or copied."""

    __slots__ = ()
    looked_at = 0

    def startswith(self, prefix: object, start: object = None, _end: object = None, /) -> bool:
        Counted.looked_at += len(prefix) if isinstance(prefix, str) else 0
        return str(self).startswith(str(prefix), int(str(start or 0)))

    def __getitem__(self, key: object) -> str:
        part = str(self)[key]  # type: ignore[index] # str's own types, which its subclass can't name
        Counted.looked_at += len(part)
        return part


def test_snapshot_cost_is_independent_of_reply_length() -> None:
    def characters_looked_at(updates: int) -> int:
        decoder, text, Counted.looked_at = SnapshotDecoder(), "x" * WINDOW, 0
        for _ in range(updates):
            text += "0123456789"
            decoder.feed(Counted(text))
        return Counted.looked_at // updates

    # With ten times the updates, and a reply ten times as long, an update costs two windows at the most.
    assert characters_looked_at(10_000) <= 2 * characters_looked_at(1_000) <= 8 * WINDOW


TEXT = st.text(alphabet=st.sampled_from("ab [0,1]\r\n`é你👩\u200d👧▌"), max_size=8)


@given(st.lists(TEXT, min_size=1))
@example([" ", "▌"])
@example(["a", " ", "▌", "\n"])
def test_snapshot_append_only_fragments_join_to_last(pieces: list[str]) -> None:
    snapshots = growing(pieces)
    edits = decoded(snapshots)
    assert "".join(edit.text for edit in edits) == snapshots[-1]
    assert all(edit.text for edit in edits)


@given(st.lists(TEXT | st.text(), min_size=1))
def test_snapshot_any_sequence_reproduces_last(snapshots: list[str]) -> None:
    assert applied(decoded(snapshots)) == snapshots[-1]


@given(st.lists(st.tuples(st.integers(0, 3 * WINDOW), st.text(max_size=3)), min_size=1, max_size=8))
def test_snapshot_any_long_sequence_reproduces_last(cuts: list[tuple[int, str]]) -> None:
    long = "long text " * WINDOW
    snapshots = [long, *(long[:at] + text + long[at + len(text) :] for at, text in cuts)]
    assert applied(decoded(snapshots)) == snapshots[-1]


def streamed(snapshots: Iterable[str]) -> str:
    """Join the text for a stream, of snapshots that the last one ends."""
    decoder, joined = SnapshotDecoder(), ""
    *others, last = snapshots
    for decode, snapshot in [*((decoder.feed, one) for one in others), (decoder.finish, last)]:
        edit = decode(snapshot)
        joined += decoder.stream_text(edit.start, edit.text) if edit else ""
    return joined


@pytest.mark.parametrize("text", [CODE, LIST, "a\n\tb\n\t\tc\nd", "a\n  b"])
def test_snapshot_indent_that_the_chatbot_removes_and_restores_is_no_rewrite(text: str) -> None:
    snapshots = [inspect.cleandoc(text[:end]) for end in range(1, len(text) + 1)]
    joined = streamed(snapshots)
    assert without_indents(joined) == without_indents(snapshots[-1])
    assert joined.replace(" ", "") == snapshots[-1].replace(" ", "")


INDENTS = st.sampled_from(["", " ", "    ", "\t", "  \t"])
LINES = st.tuples(INDENTS, st.sampled_from(["", "a", "- b", "c  d", "e\tf", "g "])).map("".join)


@given(st.lists(LINES, max_size=8).map("\n".join), st.lists(st.integers(1, 5), min_size=1, max_size=5))
@example("\n \n a\na", [1])
@example("\n\n a\nb", [1])
def test_snapshot_indents_by_cleandoc_stream_each_word_once(text: str, lengths: list[int]) -> None:
    ends = itertools.takewhile(lambda end: end < len(text), itertools.accumulate(itertools.cycle(lengths)))
    snapshots = [inspect.cleandoc(text[:end]) for end in [*ends, len(text)]]
    assert streamed(snapshots).split() == snapshots[-1].split()


def test_snapshot_replaced_word_streams_whole_text_again() -> None:
    assert streamed(["a b", "a c", "a c d"]) == "a ba c d"
    assert streamed(["a\nb c", "a\n  b d"]) == "a\nb ca\n  b d"

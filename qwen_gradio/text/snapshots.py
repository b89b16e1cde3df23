"""Snapshots of a growing reply -> edits. Pure.

A snapshot is the whole reply as the Space shows it at one moment: usually the previous snapshot with text appended.
The decoder compares only the last `WINDOW` characters of most snapshots, and the whole text whenever its length has
doubled and at the end. So the cost grows with the reply's length, not with its square. Replies up to `WINDOW`
characters are always compared whole; in longer ones, a rewrite before the window is detected at the next whole
comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WINDOW = 4096  # characters; comparing them takes less than 0.1 µs
CURSORS = ("▌", "▋", "▍", "█")  # typing cursors that chat pages draw after the latest token

# Text that chat pages show before the first token: one short line that ends in dots, or has one of these words.
PLACEHOLDER = re.compile(
    r"\W*(?:[^\n]{0,60}(?:…|\.\.)|(?:thinking|loading|generating|processing|searching|please wait)\b[^\n]{0,40})\W*",
    re.IGNORECASE,
)

LINE_INDENT = re.compile(r"^[^\S\n]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the reply: `text` replaces all from offset `start` on. Usually an append."""

    start: int
    text: str

    def apply(self, before: str) -> str:
        """Return the reply after this edit."""
        return before[: self.start] + self.text


class SnapshotDecoder:
    """A decoder of a series of snapshots into edits.

    It withholds a typing cursor at the end, with the new blanks before it, and a placeholder ("Thinking…") before the
    first word. Those that are still in the last snapshot are text.

    Attributes:
        text: the reply after the latest edit.
        before: the reply before the latest edit.
    """

    def __init__(self) -> None:
        self.text = self.before = ""
        # Together the reply so far: the snapshot that was last compared whole, and the text appended since.
        self._compared = ""
        self._appended: list[str] = []

    def feed(self, snapshot: str) -> Edit | None:
        """Decode the next snapshot; return None if it changes nothing."""
        if snapshot.endswith(CURSORS):
            snapshot = self._without_cursor(snapshot)
        return self._advance("" if not self.text and PLACEHOLDER.fullmatch(snapshot, 0, 200) else snapshot)

    def finish(self, snapshot: str) -> Edit | None:
        """Decode the last snapshot, with nothing withheld; return None if it changes nothing."""
        return self._advance(snapshot, last=True)

    def stream_text(self, start: int, text: str) -> str:
        """Convert the latest edit to text for a stream, which can only append.

        Returns:
            The text that was added; the complete text, if words were replaced.
        """
        if start == len(self.before):
            return text
        added = appended_text(self.before, self.text)
        return self.text if added is None else added

    def _without_cursor(self, snapshot: str) -> str:
        """Remove the cursor and the blanks before it, except blanks that earlier edits have sent."""
        cut = snapshot[:-1]
        stripped = cut.rstrip()
        sent = self.text[len(stripped) :]
        return stripped + sent if sent and cut.startswith(sent, len(stripped)) else stripped

    def _advance(self, snapshot: str, *, last: bool = False) -> Edit | None:
        before = self.before = self.text
        self.text = snapshot
        if last or len(before) <= WINDOW or len(snapshot) >= 2 * len(self._compared):
            return self._compare(snapshot)
        if not snapshot.startswith(before[-WINDOW:], len(before) - WINDOW):
            return self._compare(snapshot)
        new = snapshot[len(before) :]
        self._appended.append(new)
        return Edit(len(before), new) if new else None

    def _compare(self, snapshot: str) -> Edit | None:
        sent = self._compared + "".join(self._appended)
        self._compared, self._appended = snapshot, []
        start = len(sent) if snapshot.startswith(sent) else _common_prefix(sent, snapshot)
        return None if start == len(sent) == len(snapshot) else Edit(start, snapshot[start:])


def appended_text(before: str, after: str) -> str | None:
    """Return the text to append to a reply that was shown, where only white space at line starts has changed in it.

    Gradio's Chatbot removes the indent that all lines but the first have in common, and then blank lines at the start.
    It shows them again once a line without the indent follows: it passes each message through `inspect.cleandoc`
    (`Chatbot.postprocess`, 4.x to 6.x).

    Args:
        before: the reply that was shown.
        after: the reply now.

    Returns:
        The text, `""` if none was added or white space at the end was removed; None if other text has changed.
    """
    old, new = LINE_INDENT.sub("", before).lstrip(), LINE_INDENT.sub("", after)
    blank = len(new) - len(new.lstrip())
    if new.startswith(old, blank):
        return after[_offset_with_indents(after, blank + len(old)) :]
    return "" if old.rstrip() == new.strip() else None


def _offset_with_indents(text: str, offset: int) -> int:
    """Convert an offset in a text without its indents to the offset in the text."""
    for indent in LINE_INDENT.finditer(text):
        if indent.start() >= offset:
            break
        offset += len(indent[0])
    return offset


def _common_prefix(a: str, b: str) -> int:
    """Return the length of the common prefix, by bisection; each character is compared about twice."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low

"""Snapshots of a growing reply -> what is new in each. Pure.

A snapshot is the whole reply as the Space shows it now. Nearly always it is the one before with something appended,
and then only that is looked at: the decoder compares the last `WINDOW` characters at every snapshot, and the whole
each time the text has doubled and at the end. So the cost of a reply grows with its length, not with its square;
a text of up to `WINDOW` characters is compared whole every time, and a rewrite further back is found a little later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WINDOW = 4096  # characters; comparing so many costs less than 0.1 µs
CURSORS = ("▌", "▋", "▍", "█")  # what chat pages draw where the next token will stand

# What chat pages show before there is a word of the reply: one short line that ends in dots, or says so in words.
PLACEHOLDER = re.compile(
    r"\W*(?:[^\n]{0,60}(?:…|\.\.)|(?:thinking|loading|generating|processing|searching|please wait)\b[^\n]{0,40})\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to the reply: from character `start` on, the text is now `text`."""

    start: int
    text: str

    def apply(self, before: str) -> str:
        """Give the reply after this change."""
        return before[: self.start] + self.text


class SnapshotDecoder:
    """Takes snapshots in turn, and gives what is new in each.

    Attributes:
        text: the newest snapshot, less what may be no part of the reply, until `finish` has shown that it is: a typing
            cursor at its end, with the blanks before it that are new, and a placeholder ("Thinking…") before its first
            word.
        before: the one before that.
    """

    def __init__(self) -> None:
        self.text = self.before = ""
        # What the reader has: a snapshot that was compared whole, and what was appended since.
        self._whole = ""
        self._since: list[str] = []

    def feed(self, snapshot: str) -> Edit | None:
        """Take the next snapshot; None if it brings nothing new."""
        if snapshot.endswith(CURSORS):
            snapshot = self._without_cursor(snapshot)
        return self._advance("" if not self.text and PLACEHOLDER.fullmatch(snapshot, 0, 200) else snapshot)

    def finish(self, snapshot: str) -> Edit | None:
        """Take the last snapshot, which is the reply to the letter; None if it brings nothing new."""
        return self._advance(snapshot, last=True)

    def _without_cursor(self, snapshot: str) -> str:
        """Cut off the cursor and the blanks that some pages put before it, but no blank of the snapshot before."""
        cut = snapshot[:-1]
        stripped = cut.rstrip()
        known = self.text[len(stripped) :]
        return stripped + known if known and cut.startswith(known, len(stripped)) else stripped

    def _advance(self, snapshot: str, *, last: bool = False) -> Edit | None:
        before = self.before = self.text
        self.text = snapshot
        if last or len(before) <= WINDOW or len(snapshot) >= 2 * len(self._whole):
            return self._compare(snapshot)
        if not snapshot.startswith(before[-WINDOW:], len(before) - WINDOW):
            return self._compare(snapshot)
        new = snapshot[len(before) :]
        self._since.append(new)
        return Edit(len(before), new) if new else None

    def _compare(self, snapshot: str) -> Edit | None:
        sent = self._whole + "".join(self._since)
        self._whole, self._since = snapshot, []
        start = len(sent) if snapshot.startswith(sent) else _common(sent, snapshot)
        return None if start == len(sent) == len(snapshot) else Edit(start, snapshot[start:])


def _common(a: str, b: str) -> int:
    """How many characters two texts share from the start, by halving: each character is compared about twice."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low

"""A text with thinking between tags -> the answer and the thinking. Pure.

Whether a tag counts depends only on the text before it. So what was shown of a growing text stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# A code fence with its info string. The others begin with one certain character each, which makes the search fast:
# a new line, with a fence; an escaped character; a run of backticks.
_FENCE = r"[ \t>]*(?P<fence>`{3,}(?=[^`\n]*(?:\n|\Z))|~{3,})(?P<info>.*)"
_CODE = rf"\n(?:{_FENCE})?|\\[`<]|``*"
_FENCE_AT_START = re.compile(_FENCE)


class ThinkingTags:
    """The tags around thinking in a text.

    Args:
        pairs: pairs of an opening and a closing tag.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._closing = dict(pairs)
        self._openings = tuple(sorted(self._closing, key=len, reverse=True))
        self._firsts = {tag[0] for tag in self._openings}
        tags = "|".join(map(re.escape, self._openings))
        self._tag = re.compile(tags)
        self._tag_or_code = re.compile(f"{_CODE}|{tags}")
        self._partial_openings = _partial(self._openings)
        self._partial_closings = _partial(tuple(self._closing.values()))

    def split(self, text: str, *, whole: bool) -> tuple[str, str]:
        """Split a text into the answer and the thinking.

        Every block between tags is thinking, except in code. The blocks become paragraphs of the thinking, and the
        texts between them paragraphs of the answer.

        Args:
            text: the text.
            whole: False for a text that may grow: then the start of a tag, or white space alone, is left out.
        """
        if not self._has_opening(text):
            answer = text if whole else _without_end(text, self._partial_openings)
            return ("" if answer.isspace() and not whole else answer), ""
        answers: list[str] = []
        thoughts: list[str] = []
        position = 0
        for start, inner, end, after in self._blocks(text):
            answers.append(text[position:start])
            thought = text[inner:end]
            is_open = end == after
            thoughts.append((self.without_closing(thought) if is_open and not whole else thought).strip())
            position = after
        rest = text[position:]
        answers.append(rest if whole else _without_end(rest, self._partial_openings))
        return _as_paragraphs(answers), "\n\n".join(filter(None, thoughts))

    def _has_opening(self, text: str) -> bool:
        """Return True if a text has an opening tag; a single character is found much faster than a tag."""
        return any(first in text for first in self._firsts) and any(tag in text for tag in self._openings)

    def without_closing(self, thought: str) -> str:
        """Leave out the start of a closing tag at the end of a thought."""
        return _without_end(thought, self._partial_closings)

    def _blocks(self, text: str) -> Iterator[tuple[int, int, int, int]]:
        """Yield the start of each block, of its thinking, of its closing tag, and of the text after that."""
        has_code = any(mark in text for mark in ("`", "~~~", "\\<"))
        last = max(text.rfind(tag) for tag in self._openings)
        position = 0
        while position <= last:
            tag = self._tag_outside_code(text, position) if has_code else self._tag.search(text, position)
            if tag is None:
                return
            closing = self._closing[tag[0]]
            end = text.find(closing, tag.end())
            if end < 0:
                yield tag.start(), tag.end(), len(text), len(text)
                return
            position = end + len(closing)
            yield tag.start(), tag.end(), end, position

    def _tag_outside_code(self, text: str, position: int) -> re.Match[str] | None:
        """Find the next opening tag that isn't in code. A run of backticks opens code up to the end of its line."""
        opening = _FENCE_AT_START.match(text, position)
        fence, ticks = (opening["fence"], "") if opening else ("", "")
        for match in self._tag_or_code.finditer(text, opening.end() if opening else position):
            found = match[0]
            if found[0] == "\n":
                ticks = ""
                fence = _next_fence(fence, match) if match["fence"] else fence
            elif found[0] == "`":
                ticks = "" if ticks == found else ticks or found
            elif found in self._closing and not fence and not ticks:
                return match
        return None


def _next_fence(fence: str, match: re.Match[str]) -> str:
    """Return the fence that is open after a line with one; `""` if that closes it."""
    if not fence:
        return match["fence"]
    return "" if match["fence"].startswith(fence) and not match["info"].strip() else fence


def _partial(tags: Sequence[str]) -> tuple[str, ...]:
    """Return all starts of tags, the longest first."""
    starts = {tag[:length] for tag in tags for length in range(1, len(tag))}
    return tuple(sorted(starts, key=len, reverse=True))


def _without_end(text: str, ends: tuple[str, ...]) -> str:
    if not text.endswith(ends):
        return text
    return text[: -len(next(end for end in ends if text.endswith(end)))]


def _as_paragraphs(texts: Sequence[str]) -> str:
    """Join texts by a blank line, and leave out those of white space; the first keeps its indent."""
    first, *others = texts
    joined = [first if first.strip() else ""]
    for text in filter(None, (other.lstrip() for other in others)):
        before = joined[-1]
        missing = 2 - min(2, len(before) - len(before.rstrip("\n"))) if before else 0
        joined += ["\n" * missing, text]
    return "".join(joined)


_PAIRS = {"<think>": "</think>", "<thinking>": "</thinking>"}  # models write these
DEFAULT_TAGS = ThinkingTags([*_PAIRS.items()])


def parse_tags(published: object) -> ThinkingTags:
    """Return the default tags, and those that a Chatbot of Gradio 6 publishes in its `reasoning_tags`."""
    pairs = dict(_PAIRS)
    for pair in published if isinstance(published, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(tag, str) and tag for tag in pair):
            pairs.setdefault(*pair)
    return DEFAULT_TAGS if pairs == _PAIRS else ThinkingTags([*pairs.items()])

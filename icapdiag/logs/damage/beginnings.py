"""Where the next record begins in a text that is damaged: on a new line, whatever is open there.

A string, a list or an object that was cut does not end, so brackets and quotes say nothing. A line can: JSON has line
ends between tokens only, and logs have one record a line. In sound JSON such a line may stand inside of a record, so
what follows is asked only where a record is not JSON.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

_INDENT_KEPT = 80  # columns
_BLANK = " \t>[,"  # in front of a record; mail programs put the last one
_BRACE = r"\{[ \t]*[\"'}\u2018-\u201f]"
_SYSLOG = r"(?:\d{1,7} )?<\d{1,3}>(?:1 |[A-Z][a-z]{2} [ \d]\d )"
_BLANK_BYTES = b"\n\r, \t"
_BLANK_LINES = re.compile(rb"[\n\r, \t]*+")
NONE: Final = -1


@lru_cache(maxsize=_INDENT_KEPT + 1)
def _pattern(indent: int) -> re.Pattern[str]:
    return re.compile(rf"\n(?=[ \t>]{{0,{indent}}}(?:(?:[\[,][ \t]*)?{_BRACE}|{_SYSLOG}))")


@lru_cache(maxsize=_INDENT_KEPT + 1)
def _byte_pattern(indent: int) -> re.Pattern[bytes]:
    brace = _BRACE.encode().replace(rb"[\"'}\u2018-\u201f]", b"(?:[\"'}]|\xe2\x80[\x98-\x9f])")
    return re.compile(rb"\n(?=[ \t>]{0,%d}(?:(?:[\[,][ \t]*)?%b|%b))" % (indent, brace, _SYSLOG.encode()))


def indent_of(text: str | bytes | bytearray, start: int) -> int:
    """How far the line of a record that begins at ``start`` is indented; 0 for a record behind something else."""
    piece = text[max(0, start - _INDENT_KEPT - 1) : start]
    before = piece if isinstance(piece, str) else piece.decode("latin-1")
    line = before.rpartition("\n")[2]
    return min(_INDENT_KEPT, len(line)) if not line.strip(_BLANK) and (line != before or start == len(line)) else 0


def next_beginning(text: str, start: int, indent: int) -> int:
    """The index of the next line behind ``start`` that begins a record, indented no further; `NONE` without one."""
    found = _pattern(indent).search(text, start)
    return found.end() if found else NONE


def _behind_blank_lines(text: bytes | bytearray, line: int, end: int) -> int:
    """The line end at ``line``, or the last of those that follow it with only white space and commas between them."""
    found = _BLANK_LINES.match(text, line, end) if line + 1 < end and text[line + 1] in _BLANK_BYTES else None
    return line if found is None else text.rindex(b"\n", line, found.end())


class NextBeginning:
    """`next_beginning` in one text, asked for again and again: nothing is searched twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, tuple[int, int]] = {}  # by indent: from where it was searched, what was found

    def behind(self, start: int, indent: int) -> int:
        """The index, or `NONE`."""
        since, found = self._known.get(indent, (0, 0))
        if not since <= start < found:
            found = next_beginning(self._text, start, indent)
            found = len(self._text) if found == NONE else found
            self._known[indent] = start, found
        return NONE if found == len(self._text) else found


class _Searched(Struct):
    """What was searched, from ``since`` up to ``upto``, and what was found there: indices of the input."""

    since: int
    upto: int
    found: int = NONE


class Beginnings:
    """The same in bytes, of which there are more and more, and which are asked for again and again.

    Nothing is searched twice, so to ask for each of many records takes linear time. Indices count from the start of
    the input; the text that is there begins at ``base`` of it.
    """

    def __init__(self) -> None:
        self._searched: dict[int, _Searched] = {}  # by indent: records side by side on a line differ in it

    def next(self, text: bytes | bytearray, base: int, start: int, end: int, indent: int) -> int:
        """As `next_beginning`, for indices of ``text``; what begins so near to ``end`` that it is cut counts later."""
        known = self._searched.get(indent)
        if known is None or base + start < known.since:
            known = self._searched[indent] = _Searched(base + start, base + start)
        if known.found <= base + start:
            known.found = NONE
            match, line = _byte_pattern(indent).match, max(start, known.upto - base) - 1
            while (line := text.find(b"\n", line + 1, end)) >= 0 and match(text, line, end) is None:
                line = max(line, _behind_blank_lines(text, line, end) - 1)
            if line < 0:
                known.upto = base + max(start, end - 2 * _INDENT_KEPT)
                return NONE
            known.found = known.upto = base + line + 1
        return known.found - base

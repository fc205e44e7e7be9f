"""Single JSON objects in a text and their places: read by the strict decoder, or by `recovery` if that fails."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from msgspec.structs import replace

from icapdiag.logs.damage.recovery import Found, salvage_object
from icapdiag.logs.damage.tokens import SURROGATE, decode_at, sanitise

NOT_AN_OBJECT = "not a JSON object"


Place = tuple[int | None, int | None, int | None]  # line and column from 1, in characters; offset in bytes


class Places:
    """Line and column of the indices of a text that begins on ``line`` after ``column`` characters."""

    def __init__(self, text: str, line: int = 1, column: int = 0) -> None:
        self._starts = [0, *(found.end() for found in re.finditer(r"\n", text))]
        self._line = line
        self._column = column

    def of(self, index: int) -> Place:
        row = bisect_right(self._starts, index) - 1
        return self._line + row, self._column + index - self._starts[row] + 1, None


class ByteOffsets:
    """Offsets of the indices of a text that begins at ``offset`` of an input."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset

    def of(self, index: int) -> Place:
        return None, None, self._offset + len(self._text[:index].encode("utf-8", "replace"))


def read_strict(text: str, start: int) -> Found | None:
    """The object whose ``{`` is at ``start``; None if it is not JSON."""
    decoded = decode_at(text, start)
    if decoded is None:
        return None
    value, end = decoded
    if not isinstance(value, dict):
        return None
    if SURROGATE.search(text, start, end):
        sanitise(value)
    return Found(start=start, end=end, value=value)


def read_object(text: str, start: int) -> Found | None:
    """The object whose ``{`` is at ``start``, damaged or not; None if none of it can be read."""
    return read_strict(text, start) or read_damaged(text, start)


def read_damaged(text: str, start: int, stop: int | None = None) -> Found | None:
    """What can be read of a damaged object that begins at ``start`` and ends before ``stop``."""
    if stop is None or stop == len(text):
        return salvage_object(text, start)
    found = salvage_object(text[start:stop], 0)
    return shifted(found, start) if found else None


def shifted(found: Found, by: int) -> Found:
    """The piece with all its indices shifted."""
    return replace(
        found,
        start=found.start + by,
        end=found.end + by,
        repairs=tuple((what, index + by) for what, index in found.repairs),
    )


def read_line(text: str) -> dict[str, object] | None:
    """A line that is exactly one object; None if it is not."""
    found = read_strict(text, 0)
    return found.value if found and found.end == len(text) else None


def expand(found: Found, results: list[object]) -> Iterator[Found]:
    """The records of an envelope that was read as one object."""
    if found.repairs:
        yield replace(found, value=None)
    for item in results:
        if isinstance(item, dict):
            yield Found(start=found.start, end=found.end, value=item)
        else:
            yield Found(start=found.start, end=found.end, reason=NOT_AN_OBJECT)

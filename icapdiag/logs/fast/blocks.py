"""The fast path: whole entries decoded in place, block by block, straight into a `Summary`.

A block that does not decode as a whole is read record by record; a record that is no entry goes to
the caller's `Recovery`. So the counts are those of reading every record by itself:
read + skipped + unreadable == total.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.fast.bylines import LineScanner, first_line
from icapdiag.logs.fast.elements import ElementScanner, first_element
from icapdiag.logs.fast.sink import (
    BLOCK,
    MAX_RECORD,
    SKIPPED,
    Decoders,
    ReadInto,
    Recovery,
    Sink,
    Skipped,
    Tally,
    names_services,
)

__all__ = ["MAX_RECORD", "SKIPPED", "Layout", "ReadInto", "Recovery", "Skipped", "Tally", "summarise_stream"]

Progress = Callable[[int], None]


class Layout(Enum):
    """How records lie in the text."""

    LINES = auto()  # one JSON value a line
    VALUES = auto()  # arrays, envelopes and objects in any layout, also back to back


def summarise_stream(
    readinto: ReadInto,
    layout: Layout,
    summary: Summary,
    recovery: Recovery,
    *,
    offset: int = 0,
    progress: Progress | None = None,
) -> Tally:
    """Count all records of a stream into ``summary``.

    ``readinto`` fills a buffer and returns the number of bytes, 0 at the end. ``offset`` is where the
    first of them stands in the input. ``progress`` is told how far counting has come, as an offset.
    """
    head = Head(readinto)
    sink = Sink(summary, recovery, decoders_for(head.text, layout))
    scan(head.readinto, layout, sink, offset=offset).run(progress)
    return sink.tally


def scan(readinto: ReadInto, layout: Layout, sink: Sink, *, offset: int) -> LineScanner | ElementScanner:
    """The scanner for a layout."""
    scanner = LineScanner if layout is Layout.LINES else ElementScanner
    return scanner(readinto, sink, offset=offset)


def decoders_for(head: bytes, layout: Layout) -> Decoders:
    """Decoders that fit the first record, which ``head`` begins with."""
    record = first_line(head) if layout is Layout.LINES else first_element(head)
    return Decoders(named=names_services(record))


class Head:
    """Looks at the beginning of a stream; ``readinto`` then gives it all."""

    _SEEN: Final = BLOCK

    def __init__(self, readinto: ReadInto) -> None:
        self._rest = readinto
        buffer = bytearray(self._SEEN)
        filled = 0
        while filled < len(buffer) and (count := readinto(memoryview(buffer)[filled:])):
            filled += count
        self.text = bytes(buffer[:filled])
        self._given = 0

    def readinto(self, buffer: memoryview) -> int:
        """The text that was looked at, then the rest."""
        if self._given >= len(self.text):
            return self._rest(buffer)
        piece = self.text[self._given : self._given + len(buffer)]
        buffer[: len(piece)] = piece
        self._given += len(piece)
        return len(piece)

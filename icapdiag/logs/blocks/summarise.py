"""All records of a stream or a file counted into a `Summary`; a large file in two processes, whose counts are added.

Whole entries are decoded in place, block by block. A block that does not decode as a whole is read record by
record, and a record that is not an entry by the `FallbackReader`. So the counts are as if every record were
read separately: read + skipped + unreadable == total.
"""

from __future__ import annotations

import os
from enum import Enum, auto
from io import BytesIO
from typing import NamedTuple

from icapdiag.logs.blocks.decoding import (
    BLOCK,
    LOOKED_INTO_STREAM,
    FallbackReader,
    ReadInto,
    Sink,
    looked_into,
)
from icapdiag.logs.blocks.elements import ElementScanner
from icapdiag.logs.blocks.halves import FIRST, FilePart, Moved, may_fork, read_in_two
from icapdiag.logs.blocks.lines import LineScanner
from icapdiag.logs.blocks.spans import Separators
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.beginnings import NONE, Beginnings
from icapdiag.logs.notes import Tally
from icapdiag.logs.opening.source import Stop

FORK_ABOVE = 200 * 1000 * 1000  # bytes; below, a second process costs more than it saves
_SEARCHED = (64 * 1024, 4 * 1024 * 1024)  # bytes from the middle on, for a record's beginning: mostly there at once
_GLANCE = 200  # bytes of a line, in which the beginning of a record is recognised


class Layout(Enum):
    """The layout of records in the text."""

    LINES = auto()  # one JSON value a line
    VALUES = auto()  # arrays, envelopes and objects in any layout, also back to back


def summarise_stream(
    readinto: ReadInto, layout: Layout, fallback: FallbackReader, *, offset: int = 0, progress: Moved | None = None
) -> Tally:
    """Count all records of a stream into the summary of ``fallback``.

    ``readinto`` fills a buffer and returns the number of bytes, 0 at the end. ``offset`` is where the first byte
    stands in the input. ``progress`` is told how far counting has come, as an offset.
    """
    _scanner(layout)(readinto, Sink(fallback, look_into=LOOKED_INTO_STREAM), offset=offset).run(progress)
    return fallback.tally


def summarise_file(
    fd: int,
    layout: Layout,
    fallback: FallbackReader,
    *,
    start: int = 0,
    end: int | None = None,
    jobs: int | None = None,
    progress: Moved | None = None,
    stop: Stop | None = None,
) -> Tally:
    """Count all records of a regular file, from ``start`` (bytes) to ``end`` or its end, as `summarise_stream` does.

    Above `FORK_ABOVE` bytes a second process takes the second half, unless ``jobs`` is 1, there is one CPU
    only, or threads are running. ``stop`` is asked before every
    read; when it says True the input ends there. ``progress`` is told the bytes done in all.
    """
    size = os.fstat(fd).st_size if end is None else end
    sink = Sink(fallback, look_into=looked_into(size - start))
    if size - start >= FORK_ABOVE and may_fork(jobs):
        work = _Work(fd, layout, sink, start, size, progress, stop)
        if (split := work.find_split()) is not None:
            return work.in_two(split)
    _scanner(layout)(FilePart(fd, start, size, stop).readinto, sink, offset=start).run(progress)
    return sink.tally


def _scanner(layout: Layout) -> type[LineScanner | ElementScanner]:
    return LineScanner if layout is Layout.LINES else ElementScanner


class _Split(NamedTuple):
    """Where the second half begins. ``seen`` is as far as the first must read to come to that place."""

    boundary: int
    seen: int
    stack: tuple[str, ...]
    separators: Separators


class _Work(NamedTuple):
    fd: int
    layout: Layout
    sink: Sink
    start: int
    size: int
    progress: Moved | None
    stop: Stop | None

    def in_two(self, split: _Split) -> Tally:
        """The first half here, the second in a child; all here if the child fails or the place was a wrong one."""
        sink = self.sink
        part = FilePart(self.fd, self.start, split.seen, self.stop)
        scanner = _scanner(self.layout)(part.readinto, sink, offset=self.start)

        def first(moved: Moved) -> bool:
            scanner.run(moved, final=False)
            arrived = scanner.offset == split.boundary
            if isinstance(scanner, ElementScanner):
                arrived = arrived and tuple(scanner.stack) == split.stack and scanner.separators == split.separators
            return arrived

        found = read_in_two(first, lambda moved: self._second(split, moved), self.progress, self.stop)
        if found is not None:
            found.add_to(sink.fallback)
        else:
            part.end = self.size
            scanner.run(self.progress)
        return sink.tally

    def _second(self, split: _Split, moved: Moved) -> FallbackReader:
        """Count the second half."""
        fallback = type(self.sink.fallback)(Summary(self.sink.fallback.summary.filters))
        part = FilePart(self.fd, split.boundary, self.size, self.stop)
        sink = Sink(fallback, look_into=looked_into(self.size - split.boundary))
        scanner = _scanner(self.layout)(part.readinto, sink, offset=split.boundary)
        if isinstance(scanner, ElementScanner):
            scanner.stack, scanner.separators = list(split.stack), split.separators
        scanner.run(lambda offset: moved(offset - split.boundary))
        return fallback

    def find_split(self) -> _Split | None:
        """A place about the middle where a record begins; None if there seems to be none."""
        middle = self.start + int(FIRST * (self.size - self.start))
        scanner = None
        if self.layout is not Layout.LINES:  # how elements are parted at the beginning, and what is open there
            head = BytesIO(os.pread(self.fd, BLOCK, self.start))
            scanner = ElementScanner(head.readinto, Sink(FallbackReader(Summary())))
            scanner.run(final=False)
        for searched in _SEARCHED:
            text = os.pread(self.fd, searched, middle)
            if scanner is None:
                found = Beginnings().next(text, 0, 0, len(text), 0)
                if found != NONE:
                    line = text[found : found + _GLANCE].split(b"\n", 1)[0]
                    return _Split(middle + found, middle + found + len(line), (), Separators())
            elif place := scanner.separators.first(text):
                return _Split(middle + place[0], middle + place[1], tuple(scanner.stack), scanner.separators)
        return None

"""All records of a stream or a file counted into a `Summary`; a large file in two processes, whose counts are added.

Whole entries are decoded in place, block by block. A block that does not decode as a whole is read record by
record, and a record that is not an entry by the `FallbackReader`. So the counts are as if every record were
read separately: read + skipped + unreadable == total.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from io import BytesIO
from typing import NamedTuple, NoReturn

import msgspec
from msgspec import Struct

from icapdiag.logs.blocks.decoding import (
    BLOCK,
    LOOKED_INTO_SHARE,
    LOOKED_INTO_STREAM,
    LOOKED_INTO_WHOLE,
    FallbackReader,
    ReadInto,
    Sink,
)
from icapdiag.logs.blocks.elements import ElementScanner
from icapdiag.logs.blocks.lines import LineScanner
from icapdiag.logs.blocks.spans import Separators
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.beginnings import NONE, Beginnings
from icapdiag.logs.notes import Notes, Tally
from icapdiag.logs.opening.source import Stop

FORK_ABOVE = 200 * 1000 * 1000  # bytes; below, a second process costs more than it saves
_POLL = 0.2  # s between two looks at ``stop`` while the other process works
_FIRST = 0.51  # share of this process: the other one has to hand over what it counted, too
_SEARCHED = (64 * 1024, 4 * 1024 * 1024)  # bytes from the middle on, for a record's beginning: mostly there at once
_GLANCE = 200  # bytes of a line, in which the beginning of a record is recognised
_COUNTER = struct.Struct("=q")

Progress = Callable[[int], None]


class Layout(Enum):
    """The layout of records in the text."""

    LINES = auto()  # one JSON value a line
    VALUES = auto()  # arrays, envelopes and objects in any layout, also back to back


def summarise_stream(
    readinto: ReadInto, layout: Layout, fallback: FallbackReader, *, offset: int = 0, progress: Progress | None = None
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
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Tally:
    """Count all records of a regular file, from ``start`` (bytes) to ``end`` or its end, as `summarise_stream` does.

    Above `FORK_ABOVE` bytes a second process takes the second half, unless ``jobs`` is 1, there is one CPU
    only, or threads are running (fork would leave them in an unknown state). ``stop`` is asked before every
    read; when it says True the input ends there. ``progress`` is told the bytes done in all.
    """
    size = os.fstat(fd).st_size if end is None else end
    sink = Sink(fallback, look_into=_looked_into(size - start))
    wanted = len(os.sched_getaffinity(0)) if jobs is None else jobs
    can_fork = hasattr(os, "fork") and threading.active_count() == 1
    if size - start >= FORK_ABOVE and wanted > 1 and can_fork:
        work = _Work(fd, layout, sink, start, size, progress, stop)
        if (split := work.find_split()) is not None:
            return work.in_two(split)
    _scanner(layout)(_Range(fd, start, size, stop).readinto, sink, offset=start).run(progress)
    return sink.tally


def _looked_into(size: int) -> int:
    return size if size <= LOOKED_INTO_WHOLE else size // LOOKED_INTO_SHARE


def _scanner(layout: Layout) -> type[LineScanner | ElementScanner]:
    return LineScanner if layout is Layout.LINES else ElementScanner


class _Range:
    """A part of a file as a ``readinto``; asks ``stop`` before every read."""

    def __init__(self, fd: int, start: int, end: int, stop: Stop | None) -> None:
        self._fd = fd
        self._position = start
        self.end = end
        self._stop = stop

    def readinto(self, buffer: memoryview) -> int:
        if self._stop is not None and self._stop():
            return 0
        buffer = buffer[: max(0, self.end - self._position)]
        count = os.preadv(self._fd, [buffer], self._position) if buffer else 0
        self._position += count
        return count


class _Part(Struct, array_like=True):
    """What the second process found, as it comes through the pipe."""

    summary: bytes
    notes: Notes
    tally: Tally


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
    progress: Progress | None
    stop: Stop | None

    def in_two(self, split: _Split) -> Tally:
        """The first half here, the second in a child; all here if the child fails or the place was a wrong one."""
        with mmap.mmap(-1, _COUNTER.size) as shared:
            reading, writing = os.pipe()
            child = os.fork()
            if not child:
                self._be_child(split, writing, shared)
            os.close(writing)
            try:
                return self._be_parent(split, child, reading, shared)
            finally:
                os.close(reading)
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def _be_child(self, split: _Split, writing: int, shared: mmap.mmap) -> NoReturn:
        """Never returns: whatever happens, nothing of the parent's may run twice."""
        status = 1
        try:
            fallback = type(self.sink.fallback)(Summary(self.sink.fallback.summary.filters))
            part = _Range(self.fd, split.boundary, self.size, self.stop)
            sink = Sink(fallback, look_into=_looked_into(self.size - split.boundary))
            scanner = _scanner(self.layout)(part.readinto, sink, offset=split.boundary)
            if isinstance(scanner, ElementScanner):
                scanner.stack, scanner.separators = list(split.stack), split.separators
            scanner.run(lambda offset: _COUNTER.pack_into(shared, 0, offset - split.boundary))
            wire = msgspec.msgpack.encode(_Part(fallback.summary.to_wire(), fallback.notes, fallback.tally))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(wire)
            status = 0
        finally:
            os._exit(status)

    def _be_parent(self, split: _Split, child: int, reading: int, shared: mmap.mmap) -> Tally:
        def progress(offset: int) -> None:
            if self.progress is not None:
                self.progress(offset + _COUNTER.unpack_from(shared)[0])

        sink = self.sink
        part = _Range(self.fd, self.start, split.seen, self.stop)
        scanner = _scanner(self.layout)(part.readinto, sink, offset=self.start)
        scanner.run(progress, final=False)
        arrived = scanner.offset == split.boundary
        if isinstance(scanner, ElementScanner):
            arrived = arrived and tuple(scanner.stack) == split.stack and scanner.separators == split.separators
        found = self._receive(child, reading, progress, split.boundary) if arrived else None
        if found is not None:
            sink.fallback.summary.merge_wire(found.summary)
            sink.fallback.notes.merge(found.notes)
            sink.tally.add(found.tally)
        else:
            part.end = self.size
            scanner.run(self.progress)
        return sink.tally

    def _receive(self, child: int, reading: int, progress: Progress, boundary: int) -> _Part | None:
        """What the child sends; None if it died. Passes a stop on to it."""
        pieces: list[bytes] = []
        passed_on = False
        while True:
            ready, _, _ = select.select([reading], [], [], _POLL)
            if ready:
                piece = os.read(reading, 1 << 20)
                if not piece:
                    break
                pieces.append(piece)
            else:
                progress(boundary)
                if self.stop is not None and self.stop() and not passed_on:
                    passed_on = True
                    os.kill(child, signal.SIGTERM)
        try:
            return msgspec.msgpack.decode(b"".join(pieces), type=_Part)
        except msgspec.DecodeError:
            return None

    def find_split(self) -> _Split | None:
        """A place about the middle where a record begins; None if there seems to be none."""
        middle = self.start + int(_FIRST * (self.size - self.start))
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

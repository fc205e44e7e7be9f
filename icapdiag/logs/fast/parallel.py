"""A large file in two processes: each counts a part of it, and the counts are added."""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple, NoReturn

import msgspec
from msgspec import Struct

from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.fast.blocks import Layout, Progress, decoders_for, scan
from icapdiag.logs.fast.bylines import LineScanner
from icapdiag.logs.fast.elements import ElementScanner
from icapdiag.logs.fast.readahead import ReadAhead
from icapdiag.logs.fast.separators import Separators
from icapdiag.logs.fast.sink import BLOCK, Decoders, Recovery, Sink, Tally

__all__ = ["FORK_ABOVE", "ReadAhead", "summarise_file"]

FORK_ABOVE = 200 * 1000 * 1000  # bytes; below, a second process costs more than it saves
_PATIENCE = 0.2  # s between two looks at ``stop`` while the other process works
_FIRST = 0.51  # share of this process: the other one has to hand over what it counted, too
_SEARCHED = (
    64 * 1024,
    4 * 1024 * 1024,
)  # bytes from the middle on, for the beginning of a record: mostly there at once
_COUNTER = struct.Struct("=q")

Stop = Callable[[], bool]


class _Range:
    """A part of a file as a ``readinto``; asks ``stop`` before every read."""

    def __init__(self, fd: int, start: int, end: int | None, stop: Stop | None) -> None:
        self._fd = fd
        self._position = start
        self.end = end
        self._stop = stop

    def readinto(self, buffer: memoryview) -> int:
        if self._stop is not None and self._stop():
            return 0
        if self.end is not None:
            buffer = buffer[: max(0, self.end - self._position)]
        count = os.preadv(self._fd, [buffer], self._position) if buffer else 0
        self._position += count
        return count


def summarise_file(
    fd: int,
    layout: Layout,
    summary: Summary,
    recovery: Recovery,
    *,
    start: int = 0,
    end: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Tally:
    """Count all records of a regular file into ``summary``, from ``start`` (bytes) to ``end`` or the end of the file.

    Above `FORK_ABOVE` bytes a second process takes the second half, unless ``jobs`` is 1, there is one CPU
    only, or threads are running (fork would leave them in an unknown state). ``stop`` is asked before every
    read; when it says True the input ends there. ``progress`` is told the bytes done in all.
    """
    size = os.fstat(fd).st_size if end is None else end
    head = os.pread(fd, BLOCK, start)
    decoders = decoders_for(head, layout)
    work = _Work(
        fd=fd,
        layout=layout,
        summary=summary,
        recovery=recovery,
        decoders=decoders,
        start=start,
        size=size,
        progress=progress,
        stop=stop,
    )
    if size - start >= FORK_ABOVE and _may_fork(jobs) and (split := work.find_split(head)) is not None:
        return work.in_two(split)
    return work.in_one()


def _may_fork(jobs: int | None) -> bool:
    wanted = len(os.sched_getaffinity(0)) if jobs is None else jobs
    return wanted > 1 and hasattr(os, "fork") and threading.active_count() == 1


class _Part(Struct, array_like=True):
    """What the second process found, as it comes through the pipe."""

    summary: bytes
    notes: bytes
    tally: Tally


class _Split(NamedTuple):
    """Where the second half begins. ``seen`` is as far as the first must read to come to that place."""

    boundary: int
    seen: int
    stack: tuple[str, ...]
    separators: Separators


def _line_after(text: bytes) -> tuple[int, int] | None:
    """Where the next line begins, twice, as `Separators.first` has it; None if there is none."""
    found = text.find(b"\n") + 1
    return (found, found) if found else None


class _Work(NamedTuple):
    fd: int
    layout: Layout
    summary: Summary
    recovery: Recovery
    decoders: Decoders
    start: int
    size: int
    progress: Progress | None
    stop: Stop | None

    def in_one(self) -> Tally:
        sink = Sink(self.summary, self.recovery, self.decoders)
        part = _Range(self.fd, self.start, self.size, self.stop)
        scan(part.readinto, self.layout, sink, offset=self.start).run(self.progress)
        return sink.tally

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
            summary, recovery = Summary(self.summary.filters), self.recovery.fresh()
            sink = Sink(summary, recovery, self.decoders)
            part = _Range(self.fd, split.boundary, self.size, self.stop)
            scanner = self._second(part, sink, split)
            scanner.run(lambda offset: _COUNTER.pack_into(shared, 0, offset - split.boundary))
            wire = msgspec.msgpack.encode(_Part(summary.to_wire(), recovery.to_wire(), sink.tally))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(wire)
            status = 0
        finally:
            os._exit(status)

    def _second(self, part: _Range, sink: Sink, split: _Split) -> LineScanner | ElementScanner:
        if self.layout is Layout.LINES:
            return LineScanner(part.readinto, sink, offset=split.boundary)
        scanner = ElementScanner(part.readinto, sink, offset=split.boundary, stack=split.stack)
        scanner.separators = split.separators
        return scanner

    def _be_parent(self, split: _Split, child: int, reading: int, shared: mmap.mmap) -> Tally:
        def progress(offset: int) -> None:
            if self.progress is not None:
                self.progress(offset + _COUNTER.unpack_from(shared)[0])

        sink = Sink(self.summary, self.recovery, self.decoders)
        part = _Range(self.fd, self.start, split.seen, self.stop)
        scanner = scan(part.readinto, self.layout, sink, offset=self.start)
        if isinstance(scanner, LineScanner):
            scanner.run(progress)
            arrived = True
        else:
            scanner.run(progress, final=False)
            arrived = scanner.offset == split.boundary and tuple(scanner.stack) == split.stack
        found = self._receive(child, reading, progress, split.boundary) if arrived else None
        if found is not None:
            self.summary.merge_wire(found.summary)
            self.recovery.merge_wire(found.notes)
            sink.tally.add(found.tally)
            return sink.tally
        part.end = self.size
        scanner.run(self.progress)
        return sink.tally

    def _receive(self, child: int, reading: int, progress: Progress, boundary: int) -> _Part | None:
        """What the child sends; None if it died. A stop is passed on to it."""
        pieces: list[bytes] = []
        told = False
        while True:
            ready, _, _ = select.select([reading], [], [], _PATIENCE)
            if ready:
                piece = os.read(reading, 1 << 20)
                if not piece:
                    break
                pieces.append(piece)
            else:
                progress(boundary)
                if self.stop is not None and self.stop() and not told:
                    told = True
                    os.kill(child, signal.SIGINT)
        try:
            return msgspec.msgpack.decode(b"".join(pieces), type=_Part)
        except msgspec.DecodeError:
            return None

    # --- where to split -----------------------------------------------------------------------

    def find_split(self, head: bytes) -> _Split | None:
        """A place about the middle where a record begins; None if there seems to be none."""
        middle = self.start + int(_FIRST * (self.size - self.start))
        stack: tuple[str, ...] = ()
        separators = Separators()
        find = _line_after
        if self.layout is not Layout.LINES:
            scanner = self._look_at(head)
            stack, separators, find = tuple(scanner.stack), scanner.separators, scanner.separators.first
        for searched in _SEARCHED:
            place = find(os.pread(self.fd, searched, middle))
            if place is not None:
                boundary, seen = place
                return _Split(middle + boundary, middle + seen, stack, separators)
        return None

    def _look_at(self, head: bytes) -> ElementScanner:
        """How elements are parted at the beginning, and what is open there; nothing is counted."""
        sink = Sink(Summary(), self.recovery.fresh(), self.decoders)
        scanner = ElementScanner(BytesIO(head).readinto, sink)
        scanner.run(final=False)
        return scanner

"""Reads a source of CSV, a large file in two processes, with its notes."""

from __future__ import annotations

import os
import sys

from icapdiag.logs.blocks.decoding import LOOKED_INTO_STREAM, FallbackReader, Sink, looked_into
from icapdiag.logs.blocks.halves import FIRST, FilePart, Moved, may_fork, read_in_two
from icapdiag.logs.blocks.row_pattern import Header
from icapdiag.logs.blocks.rows import RowScanner
from icapdiag.logs.containers.sniff import header_row
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account
from icapdiag.logs.opening.source import Source, Stop, Tick

FORK_ABOVE = 20 * 1000 * 1000  # bytes; below, a second process costs more than it saves
_SEARCHED = 1024 * 1024  # bytes from the middle on, for the beginning of a row


def read_table(
    source: Source, summary: Summary, account: Account, tick: Tick, *, jobs: int | None, stop: Stop | None
) -> None:
    """Read the rows to the end. ``jobs`` and ``stop`` as for `read_logs`."""
    header = Header(source.head, header_row(source.head))
    fallback = FallbackReader(summary)
    size = LOOKED_INTO_STREAM if source.fd is None else looked_into(source.stored_size or 0)
    scanner = RowScanner(source.read, header, Sink(fallback, look_into=size))
    if not _read_in_two(source, header, scanner, fallback, tick, jobs=jobs, stop=stop):
        scanner.run(lambda _: tick())
    account.tally.add(fallback.tally)
    account.notes.merge(fallback.notes)


def _read_in_two(
    source: Source,
    header: Header,
    scanner: RowScanner,
    fallback: FallbackReader,
    tick: Tick,
    *,
    jobs: int | None,
    stop: Stop | None,
) -> bool:
    """Read a large file in two processes; False if some of it, or all, is left to ``scanner``."""
    fd, mark, stored = source.fd, source.mark, source.stored_size or 0
    if fd is None or stored < FORK_ABOVE or not may_fork(jobs):
        return False
    border = _row_behind(fd, mark + int(FIRST * (stored - mark)), header)
    if border is None:
        return False

    def first(moved: Moved) -> bool:
        scanner.run(moved, end=border - mark + 1)
        return scanner.offset == border - mark

    def second(moved: Moved) -> FallbackReader:
        found = FallbackReader(Summary(fallback.summary.filters))
        sink = Sink(found, look_into=looked_into(stored - border))
        RowScanner(FilePart(fd, border, sys.maxsize, stop).read, header, sink).run(moved)
        return found

    def progress(done: int) -> None:
        source.stored_done = mark + done
        tick()

    half = read_in_two(first, second, progress, stop)
    source.stored_done = mark + scanner.offset if half is None else stored
    if half is not None:
        half.add_to(fallback, lines=scanner.line - 1)
        source.size = stored - mark
    return half is not None


def _row_behind(fd: int, offset: int, header: Header) -> int | None:
    """Where a row begins behind an offset, as far as the text shows; None if there is none nearby."""
    text = os.pread(fd, _SEARCHED, offset)
    at = text.find(b"\n") + 1
    while at:
        row = header.plain.match(text, at)
        if row and row.end() < len(text):
            return offset + at
        at = text.find(b"\n", at) + 1
    return None

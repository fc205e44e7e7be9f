"""JSON Lines: one value a line, cut at line ends, decoded a block at a time.

Where a block does not decode, its lines are taken one by one, sound ones together again. A line that does not decode
may be the beginning of a value in several lines; else it is damaged, and the record goes on to the next line that
begins one. What becomes of a line depends on the text only, never on where blocks end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from icapdiag.logs.blocks.batch import Batch
from icapdiag.logs.blocks.decoding import BLOCK, MAX_RECORD, UNDECODABLE, ReadInto, Sink, is_cut
from icapdiag.logs.blocks.spans import MISMATCHED, UNFINISHED, broken_place, may_be_lenient, sound_end
from icapdiag.logs.damage.beginnings import NONE, Beginnings, indent_of
from icapdiag.logs.notes import ProblemKind

_BLANK: Final = b" \t\r\n,"
_BRACKETS: Final = (b"[", b"]", b"]}")  # lines that only open or close a list
_OPENERS: Final = b"{["
_STRETCH: Final = 1024 * 1024  # bytes of a damaged record that goes over many lines
_SHORT: Final = 16  # bytes of a line on average; no log entry is as short
_ODD_KEPT: Final = 64  # of short lines without an entry, each of which may come a million times
_ODD_LENGTH: Final = 64
_EQUAL_AT_ONCE: Final = 1024  # lines


class LineScanner:
    """Reads lines to the end of ``read``, into one buffer that only a long line makes larger."""

    def __init__(self, read: ReadInto, sink: Sink, *, offset: int = 0) -> None:
        self._read = read
        self._sink = sink
        self._base = offset  # of the buffer's first byte in the input
        self._buffer = bytearray(2 * BLOCK)
        self._filled = 0
        self._beginnings = Beginnings()
        self._waiting = False  # for the end of a record
        self._batch = Batch(sink, self._take_alone)
        self._odd: dict[bytes, ProblemKind] = {}  # short lines without an entry, of which there were some already

    @property
    def offset(self) -> int:
        """Of the next byte to be counted, from the start of the input."""
        return self._base

    def run(self, on_block: Callable[[int], None] | None = None, *, final: bool = True) -> None:
        """Read to the end. ``on_block`` is told how many bytes are done.

        With ``final`` False the text goes on after it, and a record that may do so, too, stays uncounted.
        """
        while self._step(final=final):
            if on_block:
                on_block(self._base)
        self._sink.tally.end_offset = self._base

    def _step(self, *, final: bool) -> bool:
        start = self._filled
        if start + BLOCK > len(self._buffer) and not self._grow():
            return True
        view = memoryview(self._buffer)
        count = self._read(view[start : start + BLOCK])
        end = start + count
        ended = final and not count
        cut = end if ended else self._buffer.rfind(b"\n", 0 if self._waiting else start, end) + 1
        if ended and end:
            self._sink.tally.truncated = is_cut(bytes(view[:end]).strip(_BLANK).rpartition(b"\n")[2] or b"{}")
        if cut:
            cut = self._block(view[:end], cut, ended=ended)
            view[: end - cut] = view[cut:end]
            self._base += cut
        self._filled = end - cut
        return count > 0

    def _grow(self) -> bool:
        """Room for a long line; False if it was too long and has been dropped up to its end."""
        if self._filled <= MAX_RECORD:
            self._buffer = self._buffer.ljust(2 * len(self._buffer), b"\0")
            return True
        self._sink.fallback.read(self._base, bytes(self._buffer[:MAX_RECORD]))
        self._base += self._filled
        self._buffer = bytearray(2 * BLOCK)
        self._filled = 0
        view = memoryview(self._buffer)
        while count := self._read(view[:BLOCK]):
            found = self._buffer.find(b"\n", 0, count)
            if found >= 0:
                self._filled = count - found - 1
                view[: self._filled] = view[found + 1 : count]
                self._base += found + 1
                break
            self._base += count
        return False

    def _block(self, text: memoryview, cut: int, *, ended: bool) -> int:
        """Count the lines that end before ``cut``; the index behind the last one that is known to be complete."""
        if cut > _SHORT * self._buffer.count(b"\n", 0, cut):
            try:
                if self._sink.take(self._sink.lines(text[:cut])):
                    self._waiting = False
                    return cut
            except UNDECODABLE:
                pass
        raw = bytes(text)
        at = 0
        self._waiting = False
        while at < cut and not self._waiting:
            following = self._line(raw, at, ended=ended)
            self._waiting = following == UNFINISHED
            at = at if self._waiting else following
        self._batch.count()
        return at

    def _line(self, text: bytes, at: int, *, ended: bool) -> int:
        """Take the record at ``at``, the beginning of a line. The index behind it, or `UNFINISHED`."""
        end = text.find(b"\n", at) + 1 or len(text)
        record = text[at:end].strip(_BLANK)
        if not record or record in _BRACKETS:
            return _behind_equal(text, at, end)
        if len(record) <= _ODD_LENGTH and record in self._odd:
            following = _behind_equal(text, at, end)
            self._sink.fallback.refuse_again(self._odd[record], (following - at) // (end - at))
            return following
        start = text.index(record[:1], at)
        broken = broken_place(record)
        if broken is None:
            self._batch.sound(self._base + start, record)
            return end
        return self._damaged(text, start, end, broken, ended=ended)

    def _damaged(self, text: bytes, start: int, end: int, broken: int, *, ended: bool) -> int:
        """A line that does not decode, from ``start`` to ``end``, with those that belong to it."""
        if text[start] in _OPENERS:
            whole = sound_end(text, start, len(text)) if broken == UNFINISHED else MISMATCHED
            if whole == UNFINISHED and not ended and len(text) - start <= MAX_RECORD:
                return UNFINISHED
            if whole > 0:
                self._batch.sound(self._base + start, text[start:whole])
                return whole
            stop = self._beginnings.next(text, self._base, start, len(text), indent_of(text, start))
            if stop == NONE and not ended and len(text) - start <= _STRETCH:
                return UNFINISHED
            stop = len(text) if stop == NONE else stop
            if stop - start > _STRETCH:
                stop = text.rfind(b"\n", end, start + _STRETCH) + 1
            end = max(end, stop)
        record = text[start:end].rstrip(_BLANK)
        offset = self._base + start
        if not (may_be_lenient(record, broken) and self._batch.take_object(offset, record)):
            self._batch.damaged(offset, record, last=ended and end == len(text))
        return end

    def _take_alone(self, offset: int, record: bytes) -> None:
        sink, tally = self._sink, self._sink.tally
        if record in self._odd:
            sink.fallback.refuse_again(self._odd[record], 1)
            return
        before = tally.skipped, tally.unreadable
        total = tally.total
        sink.take_alone(offset, record)
        if len(record) > _ODD_LENGTH or len(self._odd) == _ODD_KEPT or tally.total != total + 1:
            return
        kind: ProblemKind
        for kind, more in (("skipped", tally.skipped - before[0]), ("unreadable", tally.unreadable - before[1])):
            if more and sink.fallback.notes.is_full(kind):
                self._odd[record] = kind


def _behind_equal(text: bytes, at: int, end: int) -> int:
    """The index behind the line from ``at`` to ``end`` and all equal ones that follow it."""
    line, times = text[at:end], 1
    at = end
    while text.startswith(line, at):
        at += len(line)
        line, times = (line * 2, times * 2) if times < _EQUAL_AT_ONCE else (line, times)
    while times > 1:
        times //= 2
        line = line[: len(line) // 2]
        if text.startswith(line, at):
            at += len(line)
    return at

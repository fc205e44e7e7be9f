"""JSON Lines: one value a line, cut at line ends, decoded a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from icapdiag.logs.blocks.decoding import BLOCK, MAX_RECORD, UNDECODABLE, ReadInto, Sink, is_cut

_BLANK: Final = b" \t\r\n"


class LineScanner:
    """Reads lines to the end of ``read``, into one buffer that only a long line makes larger."""

    def __init__(self, read: ReadInto, sink: Sink, *, offset: int = 0) -> None:
        self._read = read
        self._sink = sink
        self._base = offset  # of the buffer's first byte in the input
        self._buffer = bytearray(2 * BLOCK)
        self._filled = 0

    def run(self, on_block: Callable[[int], None] | None = None) -> None:
        """Read to the end. ``on_block`` is told how many bytes are done."""
        while self._step():
            if on_block:
                on_block(self._base)
        self._sink.tally.end_offset = self._base

    def _step(self) -> bool:
        start = self._filled
        if start + BLOCK > len(self._buffer) and not self._grow():
            return True
        view = memoryview(self._buffer)
        count = self._read(view[start : start + BLOCK])
        end = start + count
        cut = self._buffer.rfind(b"\n", start, end) + 1 if count else end
        if not count and end:
            self._sink.tally.truncated = is_cut(bytes(view[:end]).strip(_BLANK) or b"{}")
        if cut:
            self._block(view[:cut])
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

    def _block(self, block: memoryview) -> None:
        try:
            if self._sink.take(self._sink.lines(block)):
                return
        except UNDECODABLE:
            pass
        offset = self._base
        for line in bytes(block).split(b"\n"):
            record = line.strip(_BLANK)
            at = offset + line.index(record[:1])
            if record and not self._sink.take_object(at, record):
                self._sink.fallback.read(at, record)
            offset += len(line) + 1

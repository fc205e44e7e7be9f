"""Large JSON Lines of which few entries have an icap_log: only those are decoded.

The others are looked at from outside: each line begins with the same key, as entries of one log do, and ends
with ``}``. A block of another shape is decoded whole, and so is the beginning of every log: what is broken
inside of a line without an icap_log goes unseen, and only in large logs.

This needs a search that is much faster than decoding, which `stringzilla` has (extra ``fast``) and
Python's own `bytes.find` has not.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Final

from icapdiag.logs.fast.sink import UNDECODABLE, Sink

Find = Callable[[memoryview, bytes, int, int], int]
Count = Callable[[memoryview, bytes], int]

SPARSE_FROM: Final = 16 * 1024 * 1024  # bytes from the start of the input

_KEY: Final = b'"icap_log"'
_FIRST_KEY = re.compile(rb'\{"[^"\\]{1,64}":')
_INSIGNIFICANT: Final = (b'"adf":false', b'"adf": false', b'"adf":0', b'"adf": 0')
_DENSE = 0.55  # share of lines with the key, above which decoding whole blocks is quicker
_PATIENCE = 4  # blocks; twice as many are decoded before another look, and twice as many again
_DENSE_BLOCKS = 512  # at most


def searches() -> tuple[Find, Count] | None:
    """stringzilla's search, if it is installed."""
    try:
        found = importlib.import_module("stringzilla")
    except ImportError:
        return None
    return found.find, found.count


class SparseLines:
    """Counts blocks of lines into a sink without decoding what has no icap_log."""

    def __init__(self, sink: Sink, find: Find, count: Count) -> None:
        self._sink = sink
        self._find = find
        self._count = count
        self._dense_for = 0
        self._patience = _PATIENCE

    def take(self, buffer: bytearray, size: int) -> bool:
        """Count ``buffer[:size]``, whole lines; False, and nothing counted, if it must be decoded."""
        if self._dense_for:
            self._dense_for -= 1
            return False
        block = memoryview(buffer)[:size]
        found = self._apart(buffer, block)
        if found is None:
            return False
        chosen, others = found
        if len(chosen) > _DENSE * (len(chosen) + others):
            self._dense_for = self._patience = min(2 * self._patience, _DENSE_BLOCKS)
        else:
            self._patience = _PATIENCE
        return self._take(block, chosen, others)

    def _apart(self, buffer: bytearray, block: memoryview) -> tuple[list[memoryview], int] | None:
        """The lines that the key occurs in, wherever in them, and the number of the others.

        None if those are not all alike from outside.
        """
        size = len(block)
        first = _FIRST_KEY.match(buffer)
        if first is None or not buffer.endswith(b"\n", 0, size):
            return None
        last = b"}\r\n" if buffer.endswith(b"\r\n", 0, size) else b"}\n"
        chosen: list[memoryview] = []
        others = done = 0
        while done < size:
            place = self._find(block, _KEY, done, size)
            start = size if place < 0 else buffer.rfind(b"\n", done, place) + 1 or done
            if start > done:
                between = block[done:start]
                lines = self._count(between, b"\n")
                alike = buffer.startswith(first[0], done) and buffer.endswith(last, done, start)
                if not alike or self._count(between, last + first[0]) != lines - 1:
                    return None
                others += lines
            done = start if place < 0 else buffer.index(b"\n", place, size) + 1
            if place >= 0:
                chosen.append(block[start:done])
        return chosen, others

    def _take(self, block: memoryview, chosen: list[memoryview], others: int) -> bool:
        try:
            entries = self._sink.decoders.lines(b"".join(chosen)) if chosen else ()
        except UNDECODABLE:
            return False
        if len(entries) != len(chosen) or not self._sink.take(entries):
            return False
        summary = self._sink.summary
        size = len(block)
        insignificant = (
            others > 0
            and not summary.insignificant
            and any(self._find(block, text, 0, size) >= 0 for text in _INSIGNIFICANT)
        )
        summary.add_uncounted(others, insignificant=insignificant)
        self._sink.tally.read += others
        return True

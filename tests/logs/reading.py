"""Feeding bytes to the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from icapdiag.logs.blocks import elements, lines
from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.summarise import Layout, summarise_stream
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import ProblemKind, Tally


class Odd(FallbackReader):
    """Recovers nothing: objects are skipped, the rest is unreadable; what it was given is noted and kept."""

    def __init__(self, summary: Summary) -> None:
        super().__init__(summary)
        self.seen: list[tuple[int, bytes]] = []

    def mend(self, raw: bytes) -> None:
        return None

    def splice(self, raw: bytes) -> None:
        return None

    def read(self, offset: int, raw: bytes, *, last: bool = False) -> None:
        self.seen.append((offset, raw))
        try:
            value = msgspec.json.decode(raw)
        except (ValueError, RecursionError):
            value = None
        kind: ProblemKind = "skipped" if isinstance(value, dict) else "unreadable"
        self.refuse(kind, "odd", (None, None, offset), raw[:80].decode("utf-8", "replace"))


class Pieces:
    """Bytes that come in pieces of given sizes, over and over."""

    def __init__(self, data: bytes, sizes: tuple[int, ...] = (1 << 20,)) -> None:
        self._data = data
        self._sizes = sizes
        self._position = self._turn = 0

    def readinto(self, buffer: memoryview) -> int:
        size = min(self._sizes[self._turn % len(self._sizes)], len(buffer), len(self._data) - self._position)
        self._turn += 1
        buffer[:size] = self._data[self._position : self._position + size]
        self._position += size
        return size


@contextmanager
def block_size(size: int) -> Iterator[None]:
    """Work in small blocks, so that a small text has many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        patch.setattr(elements, "BLOCK", size)
        patch.setattr(lines, "_ODD_KEPT", 0)  # every record is to be seen
        yield


def read(
    data: bytes,
    layout: Layout,
    *,
    block: int = 1 << 19,
    sizes: tuple[int, ...] = (1 << 20,),
    filters: Filters | None = None,
) -> tuple[Summary, Tally, Odd]:
    summary = Summary(filters)
    odd = Odd(summary)
    with block_size(block):
        tally = summarise_stream(Pieces(data, sizes).readinto, layout, odd)
    assert tally.total == tally.read + tally.skipped + tally.unreadable
    assert summary.entries == tally.read
    return summary, tally, odd

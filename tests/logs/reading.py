"""Feeding bytes to the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import msgspec
import pytest

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.fast import bylines, elements
from icapdiag.logs.fast.blocks import SKIPPED, Layout, Skipped, Tally, summarise_stream


class Odd:
    """A recovery that recovers nothing: objects are skipped, the rest is unreadable."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []

    def __call__(self, offset: int, raw: bytes) -> LogEntry | Skipped | None:
        self.seen.append((offset, raw))
        try:
            value = msgspec.json.decode(raw)
        except (ValueError, RecursionError):
            return None
        return SKIPPED if isinstance(value, dict) else None

    def fresh(self) -> Self:
        return type(self)()

    def to_wire(self) -> bytes:
        return msgspec.msgpack.encode(self.seen)

    def merge_wire(self, wire: bytes) -> None:
        self.seen += msgspec.msgpack.decode(wire, type=list[tuple[int, bytes]])


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
        patch.setattr(bylines, "BLOCK", size)
        patch.setattr(elements, "BLOCK", size)
        yield


def read(
    data: bytes,
    layout: Layout,
    *,
    block: int = 1 << 19,
    sizes: tuple[int, ...] = (1 << 20,),
    filters: Filters | None = None,
) -> tuple[Summary, Tally, Odd]:
    summary, odd = Summary(filters), Odd()
    with block_size(block):
        tally = summarise_stream(Pieces(data, sizes).readinto, layout, summary, odd)
    assert tally.total == tally.read + tally.skipped + tally.unreadable
    assert summary.entries == tally.read
    return summary, tally, odd

"""Records that were found one by one, decoded and counted together, in the order of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from icapdiag.logs.blocks.decoding import UNDECODABLE, Mended, Sink

_TOGETHER: Final = 64 * 1024  # bytes of records that are decoded as one
_MANY: Final = 1000  # the same in records

TakeAlone = Callable[[int, bytes], None]  # offset, record


class _Record(NamedTuple):
    offset: int  # in the input
    raw: bytes
    mended: Mended | None = None


class Batch:
    """Records that are JSON, or are so after mending, and not yet counted.

    ``take_alone`` counts one that is JSON and can't be counted together with the others.
    """

    def __init__(self, sink: Sink, take_alone: TakeAlone) -> None:
        self._sink = sink
        self._take_alone = take_alone
        self._kept: list[_Record] = []
        self._size = 0

    def sound(self, offset: int, raw: bytes) -> None:
        """Take a record that is JSON."""
        self._keep(_Record(offset, raw))

    def mended(self, offset: int, raw: bytes, mended: Mended) -> None:
        """Take a record that was damaged."""
        self._keep(_Record(offset, raw, mended))

    def damaged(self, offset: int, raw: bytes, *, last: bool = False) -> None:
        """Take a damaged record, or several. ``last``: the input ends behind it."""
        mended = None if last else self._sink.fallback.mend(raw)
        if mended is not None:
            self.mended(offset, raw, mended)
        else:
            self.leave(offset, raw, last=last)

    def take_object(self, offset: int, raw: bytes) -> bool:
        """`Sink.take_object` behind what was kept."""
        self.count()
        return self._sink.take_object(offset, raw)

    def leave(self, offset: int, raw: bytes, *, last: bool = False) -> None:
        """Leave to the fallback, behind what was kept, a record or several. ``last`` as for `damaged`."""
        self.count()
        self._sink.fallback.read(offset, raw, last=last)

    def _keep(self, record: _Record) -> None:
        self._kept.append(record)
        self._size += len(record.raw)
        if self._size > _TOGETHER or len(self._kept) == _MANY:
            self.count()

    def count(self) -> None:
        """Count all of them now: what comes next is counted otherwise."""
        kept, self._kept, self._size = self._kept, [], 0
        if not kept:
            return
        together = self._count([record.mended.text if record.mended else record.raw for record in kept])
        for record in kept:
            if record.mended:
                if together or (len(kept) > 1 and self._count([record.mended.text])):
                    self._sink.fallback.note_mended(record.offset, record.mended)
                else:
                    self._sink.fallback.read(record.offset, record.raw)
            elif not together:
                self._take_alone(record.offset, record.raw)

    def _count(self, texts: list[bytes]) -> bool:
        """False, and nothing counted, where these are not all log entries."""
        try:
            return self._sink.take(self._sink.lines(b"\n".join(texts)))
        except UNDECODABLE:
            return False

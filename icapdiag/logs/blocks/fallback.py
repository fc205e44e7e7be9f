"""What decoding block by block can't take, record by record: repaired, recognised as something else, or given up."""

from __future__ import annotations

from typing import Final

from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account, excerpt_of

MAX_RECORD: Final = 16 * 1024 * 1024  # bytes; a longer record is cut and unreadable
MAX_OBJECTS: Final = 100_000  # and lists, of a long record; an object of 2 bytes takes a hundred in memory
OVERFULL: Final = f"more than {MAX_OBJECTS:,} objects in one record"
_LONG: Final = 1024 * 1024  # bytes


def overfull(text: bytes | memoryview) -> bool:
    """Whether a long text holds so many objects that it would be many times as large when it is read."""
    if len(text) <= _LONG:
        return False
    raw = bytes(text)
    return raw.count(b"{") + raw.count(b"[") > MAX_OBJECTS


class FallbackReader(Account):
    """Takes what is in stretches of one large input; notes have byte offsets for places."""

    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary

    def read(self, offset: int, raw: bytes) -> None:
        """Take the records in ``raw``, one at least; ``offset`` counts bytes from the start of the decompressed input.

        There are several where a line end was lost, and in an envelope on a line.
        """
        if len(raw) >= MAX_RECORD or overfull(raw):
            reason = f"a record of more than {MAX_RECORD >> 20} MiB" if len(raw) >= MAX_RECORD else OVERFULL
            self.refuse("unreadable", reason, (None, None, offset), excerpt_of(raw))
            return
        from icapdiag.logs.containers.recordwise import read_stretch  # noqa: PLC0415 - most logs have no such record

        read_stretch(raw, offset, self.summary, self)

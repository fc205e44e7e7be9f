"""What decoding block by block can't take, record by record: repaired, recognised as something else, or given up."""

from __future__ import annotations

from typing import Final

from icapdiag.logs.containers.classify import is_syslog
from icapdiag.logs.containers.collector import Collector, collect
from icapdiag.logs.containers.values import lines, region
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.records import ByteOffsets, Place
from icapdiag.logs.notes import excerpt_of

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


class FallbackReader(Collector):
    """Collects what is in stretches of one large input; notes have byte offsets for places."""

    def __init__(self, summary: Summary) -> None:
        super().__init__(summary, logs_only=True)

    def read(self, offset: int, raw: bytes) -> None:
        """Take the records in ``raw``, one at least; ``offset`` counts bytes from the start of the decompressed input.

        There are several where a line end was lost, and in an envelope on a line.
        """
        place: Place = (None, None, offset)
        excerpt = excerpt_of(raw)
        if len(raw) >= MAX_RECORD or overfull(raw):
            reason = f"a record of more than {MAX_RECORD >> 20} MiB" if len(raw) >= MAX_RECORD else OVERFULL
            self.refuse("unreadable", reason, place, excerpt)
            return
        text, places = self.decoded(raw, lambda text: ByteOffsets(text, offset))
        before = self.tally.total
        collect(lines(text) if is_syslog(raw.lstrip()) else region(text), text, places, self)
        if self.tally.total == before:
            self.refuse("unreadable", "not a JSON object", place, excerpt)

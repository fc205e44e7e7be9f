"""What the fast path can't take, record by record: repaired, recognised as something else, or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.containers.interpret import Skip
from icapdiag.logs.containers.lines import lines
from icapdiag.logs.containers.settle import DAMAGED, settle
from icapdiag.logs.containers.syslog import is_syslog
from icapdiag.logs.containers.values import region
from icapdiag.logs.fast.blocks import MAX_RECORD, SKIPPED, Skipped
from icapdiag.logs.fast.sink import OVERFULL, overfull
from icapdiag.logs.notes import EXCERPT, Counts, Notes, Problem, ProblemKind, Repair
from icapdiag.logs.opening.encoding import to_text

if TYPE_CHECKING:
    from icapdiag.logs.damage.records import Found


class _Wire(msgspec.Struct):
    notes: Notes
    entries: list[LogEntry]
    extra: Counts


class Rescue:
    """The `Recovery` of one source. ``entries`` and ``extra`` are what single calls found too much.

    The fast path counts one record for each call; where a stretch held several (a lost line end, an
    envelope on a line), the others wait in ``entries`` and are counted in ``extra``.
    """

    def __init__(self) -> None:
        self.notes = Notes()
        self.entries: list[LogEntry] = []
        self.extra = Counts()

    def __call__(self, offset: int, raw: bytes) -> LogEntry | Skipped | None:
        if len(raw) >= MAX_RECORD:
            self._problem("unreadable", f"a record of more than {MAX_RECORD >> 20} MiB", offset, raw)
            return None
        if overfull(raw):
            self._problem("unreadable", OVERFULL, offset, raw)
            return None
        text, stray = to_text(raw)
        if stray is not None:
            self.notes.repair(Repair("bytes that are no UTF-8 were read as Windows-1252", offset=offset + stray))
        pieces = lines(text) if is_syslog(raw.lstrip()) else region(text)
        results = [self._settled(found, offset, text) for found in pieces]
        known = [result for result in results if result is not None]
        entries = [result for result in known if isinstance(result, LogEntry)]
        skipped = sum(result == "skipped" for result in known)
        unreadable = sum(result == "unreadable" for result in known)
        if entries:
            self.entries += entries[1:]
            self.extra.read += len(entries) - 1
            self.extra.skipped += skipped
            self.extra.unreadable += unreadable
            return entries[0]
        if skipped:
            self.extra.skipped += skipped - 1
            self.extra.unreadable += unreadable
            return SKIPPED
        self.extra.unreadable += max(0, unreadable - 1)
        if not unreadable:
            self._problem("unreadable", "not a JSON object", offset, raw)
        return None

    def fresh(self) -> Self:
        return type(self)()

    def to_wire(self) -> bytes:
        return msgspec.msgpack.encode(_Wire(self.notes, self.entries, self.extra))

    def merge_wire(self, wire: bytes) -> None:
        other = msgspec.msgpack.decode(wire, type=_Wire)
        self.notes.merge(other.notes)
        self.entries += other.entries
        self.extra.read += other.extra.read
        self.extra.skipped += other.extra.skipped
        self.extra.unreadable += other.extra.unreadable

    def _settled(self, found: Found, offset: int, text: str) -> LogEntry | ProblemKind | None:
        """One piece: an entry, what else it counts as, or nothing that counts."""
        for what, index in found.repairs:
            self.notes.repair(Repair(what, offset=offset + _bytes(text, index)))
        if found.value is None and not found.reason:
            return None
        kind: ProblemKind = "skipped" if found.skip else "unreadable"
        reason = found.reason
        if found.value is not None:
            settled = settle(found.value)
            if isinstance(settled, LogEntry):
                return settled
            kind = "unreadable" if found.repairs else "skipped"
            reason = DAMAGED if found.repairs else _reason(settled)
        excerpt = text[found.start : found.start + EXCERPT].encode("utf-8", "replace")
        self._problem(kind, reason, offset + _bytes(text, found.start), excerpt)
        return kind

    def _problem(self, kind: ProblemKind, reason: str, offset: int, raw: bytes) -> None:
        excerpt = raw[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
        self.notes.problem(Problem(kind, reason, offset=offset, excerpt=excerpt))


def _reason(settled: object) -> str:
    return settled.reason if isinstance(settled, Skip) else "an ICAP answer among log entries"


def _bytes(text: str, index: int) -> int:
    return len(text[:index].encode("utf-8", "replace"))

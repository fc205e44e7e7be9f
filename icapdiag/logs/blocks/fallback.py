"""What decoding block by block can't take, record by record: repaired, recognised as something else, or given up."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.containers.classify import Skip, classify, is_syslog
from icapdiag.logs.containers.collector import DAMAGED
from icapdiag.logs.containers.values import lines, region
from icapdiag.logs.damage.records import Found
from icapdiag.logs.notes import EXCERPT, Notes, Problem, ProblemKind, Repair
from icapdiag.logs.opening.source import to_text

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


class Recovered(Struct, frozen=True):
    """What a stretch of text held after all; a lost line end makes several records of one."""

    entries: list[LogEntry] = []
    skipped: int = 0
    unreadable: int = 0


class FallbackReader:
    """Reads stretches of one source and notes what it took for granted, or could not read."""

    def __init__(self) -> None:
        self.notes = Notes()

    def read(self, offset: int, raw: bytes) -> Recovered:
        """The records in ``raw``, one at least; ``offset`` counts bytes from the start of the decompressed input."""
        if len(raw) >= MAX_RECORD:
            return self._refused(f"a record of more than {MAX_RECORD >> 20} MiB", offset, raw)
        if overfull(raw):
            return self._refused(OVERFULL, offset, raw)
        text, stray = to_text(raw)
        if stray is not None:
            self.notes.repair(Repair("bytes that are no UTF-8 were read as Windows-1252", offset=offset + stray))
        pieces = lines(text) if is_syslog(raw.lstrip()) else region(text)
        results = [result for found in pieces if (result := self._taken(found, offset, text)) is not None]
        if not results:
            return self._refused("not a JSON object", offset, raw)
        entries = [result for result in results if isinstance(result, LogEntry)]
        return Recovered(entries, results.count("skipped"), results.count("unreadable"))

    def _refused(self, reason: str, offset: int, raw: bytes) -> Recovered:
        self._problem("unreadable", reason, offset, raw)
        return Recovered(unreadable=1)

    def _taken(self, found: Found, offset: int, text: str) -> LogEntry | ProblemKind | None:
        """One piece: an entry, what else it counts as, or nothing that counts."""
        for what, index in found.repairs:
            self.notes.repair(Repair(what, offset=offset + _bytes(text, index)))
        if found.value is None and not found.reason:
            return None
        kind: ProblemKind = "skipped" if found.skip else "unreadable"
        reason = found.reason
        if found.value is not None:
            classified = classify(found.value)
            if isinstance(classified, LogEntry):
                return classified
            kind = "unreadable" if found.repairs else "skipped"
            reason = DAMAGED if found.repairs else _reason(classified)
        excerpt = text[found.start : found.start + EXCERPT].encode("utf-8", "replace")
        self._problem(kind, reason, offset + _bytes(text, found.start), excerpt)
        return kind

    def _problem(self, kind: ProblemKind, reason: str, offset: int, raw: bytes) -> None:
        excerpt = raw[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
        self.notes.problem(Problem(kind, reason, offset=offset, excerpt=excerpt))


def _reason(classified: object) -> str:
    return classified.reason if isinstance(classified, Skip) else "an ICAP answer among log entries"


def _bytes(text: str, index: int) -> int:
    return len(text[:index].encode("utf-8", "replace"))

"""The records of one source: counted, noted, and their entries put into the summary; CSV and syslog line by line."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import msgspec

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.containers.answers import FoundAnswer, observe
from icapdiag.logs.containers.classify import AnswerBytes, JSONObject, Payload, classify, payload_of, read_payload
from icapdiag.logs.containers.csvexport import rows
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.records import Found, Places
from icapdiag.logs.notes import EXCERPT, Counts, Notes, Problem, ProblemKind, Repair
from icapdiag.logs.opening.source import STRAY, Source, to_text
from icapdiag.model import Observation

DAMAGED = "damaged, and no field of a log entry is left"
ANSWERS_KEPT = 10_000  # raw answers of one source
RECORD_LIMIT = 16 << 20  # bytes or characters of one record
_BUFFER = 1 << 18
_TICK = 1000  # records between two calls of ``tick``

Tick = Callable[[], None]


class Collector:
    """Takes the records of one source: entries go to the summary, everything is counted, oddities are noted."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        self.counts = Counts()
        self.notes = Notes()
        self.answers: list[Observation] = []

    def found(self, found: Found, places: Places, text: str) -> LogEntry | None:
        """One piece of a text. Returns the entry, if it is one."""
        for what, index in found.repairs:
            line, column = places.of(index)
            self.notes.repair(Repair(what, line, column))
        if found.value is None and not found.reason:
            return None
        line, column = places.of(found.start)
        excerpt = text[found.start : min(found.end, found.start + EXCERPT)]
        if found.value is None:
            self.refuse("skipped" if found.skip else "unreadable", found.reason, line, column, excerpt)
            return None
        return self.value(found.value, line, column, excerpt, damaged=bool(found.repairs))

    def value(
        self, value: JSONObject, line: int, column: int | None, excerpt: str, *, damaged: bool = False
    ) -> LogEntry | None:
        """One decoded record. Returns the entry, if it is one."""
        found = classify(value)
        if isinstance(found, LogEntry):
            self.entry(found)
            return found
        if isinstance(found, AnswerBytes):
            self.answer(observe(found.data, form="parsed"))
        elif damaged:
            self.refuse("unreadable", DAMAGED, line, column, excerpt)
        else:
            self.refuse("skipped", found.reason, line, column, excerpt)
        return None

    def entry(self, entry: LogEntry) -> None:
        self.counts.read += 1
        self.summary.add(entry)

    def answer(self, observation: Observation) -> None:
        self.counts.read += 1
        self.answers.append(observation)

    def take_answers(self, found: Iterable[FoundAnswer]) -> list[FoundAnswer]:
        """Raw answers, up to a number that can still be shown one by one."""
        taken: list[FoundAnswer] = []
        for one in found:
            if len(self.answers) >= ANSWERS_KEPT:
                self.notes.problem(Problem("input", f"only the first {ANSWERS_KEPT} ICAP answers were read"))
                break
            self.answer(one.observation)
            taken.append(one)
        return taken

    def refuse(self, kind: ProblemKind, reason: str, line: int | None, column: int | None, excerpt: str) -> None:
        """A record that is none, or can't be read."""
        if kind == "skipped":
            self.counts.skipped += 1
        else:
            self.counts.unreadable += 1
        self.notes.problem(Problem(kind, reason, line, column, None, excerpt))


def collect(pieces: Iterable[Found], text: str, places: Places, collector: Collector) -> Found | None:
    """Take all pieces of a text; the last record is returned."""
    last = None
    for piece in pieces:
        collector.found(piece, places, text)
        last = piece if piece.value is not None else last
    return last


def read_csv(source: Source, delimiter: str, collector: Collector, tick: Tick) -> None:
    """The rows of a CSV export."""
    file = io.TextIOWrapper(io.BufferedReader(source, _BUFFER), "utf-8", errors=STRAY, newline="")
    pieces = iter(lambda: file.readline(RECORD_LIMIT), "")
    for number, row in enumerate(rows(pieces, delimiter)):
        for what, line in row.repairs:
            collector.notes.repair(Repair(what, line))
        if row.value is None:
            collector.refuse("unreadable", row.reason, row.line, None, row.excerpt)
        else:
            collector.value(row.value, row.line, None, row.excerpt, damaged=bool(row.repairs))
        if number % _TICK == 0:
            tick()
    file.detach().detach()


def read_syslog(source: Source, collector: Collector, tick: Tick) -> None:
    """Lines of a syslog stream; blank ones count for nothing."""
    file = io.BufferedReader(source, _BUFFER)
    number = 0
    while line := file.readline(RECORD_LIMIT + 1):
        number += 1
        if len(line) > RECORD_LIMIT:
            collector.refuse("unreadable", f"a line of more than {RECORD_LIMIT >> 20} MiB", number, 1, _excerpt(line))
            while line and not line.endswith(b"\n"):
                line = file.readline(_BUFFER)
        elif line := line.rstrip(b"\r\n \0"):
            _syslog_line(line, number, collector)
        if number % _TICK == 0:
            tick()
    file.detach()


def _syslog_line(line: bytes, number: int, collector: Collector) -> None:
    payload = payload_of(line)
    if not isinstance(payload, Payload):
        collector.refuse("skipped", payload, number, 1, _excerpt(line))
        return
    column = payload.start + 1
    excerpt = _excerpt(line[payload.start :])
    try:
        value = msgspec.json.decode(payload.object)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        value = None
    if isinstance(value, dict):
        collector.value(value, number, column, excerpt)
        return
    text, stray = to_text(payload.text)
    found = read_payload(payload)
    if stray is not None:
        collector.notes.repair(Repair("bytes that are no UTF-8 were read as Windows-1252", number, column + stray))
    if found is None or found.value is None:
        collector.refuse("unreadable", "JSON that can't be read", number, column, excerpt)
        return
    places = Places(text, number)
    for what, index in found.repairs:
        row, inside = places.of(index)
        collector.notes.repair(Repair(what, row, inside + payload.start))
    collector.value(found.value, number, column, excerpt, damaged=bool(found.repairs))


def _excerpt(line: bytes) -> str:
    return line[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]

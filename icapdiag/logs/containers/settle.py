"""From a decoded record to a log entry, through the wrappings of collectors; the counting of one source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.containers.interpret import Answer, JSONObject, Skip, Wrapped, interpret
from icapdiag.logs.damage.records import Found, Places, read_members, read_object
from icapdiag.logs.notes import EXCERPT, Counts, Notes, Problem, ProblemKind, Repair

if TYPE_CHECKING:
    from icapdiag.logs.containers.answer import Seen
    from icapdiag.logs.containers.syslog import Payload
    from icapdiag.logs.counting.summary import Summary
    from icapdiag.model import Observation

DAMAGED = "damaged, and no field of a log entry is left"
ANSWERS_KEPT = 10_000  # raw answers of one source
_WRAPPINGS = 3  # messages inside messages


def settle(value: JSONObject) -> LogEntry | Skip | Answer:
    """Tell what the object is, looking into the messages that collectors wrap. Raises nothing."""
    for _ in range(_WRAPPINGS):
        found = interpret(value)
        if not isinstance(found, Wrapped):
            return found
        inner = _message(found.text)
        if inner is None:
            break
        value = inner
    return Skip("a collector's record whose message is no log entry")


def _message(text: str) -> JSONObject | None:
    """The object in a message: a line as a Service Engine sends it, or JSON."""
    from icapdiag.logs.containers.syslog import payload_of  # noqa: PLC0415 - seldom needed

    payload = payload_of(text.strip().encode("utf-8", "replace"))
    if isinstance(payload, str):
        return None
    found = read_payload(payload)
    return found.value if found else None


def read_payload(payload: Payload) -> Found | None:
    """The object of a syslog line, damaged or not; indices are those of the payload's text."""
    text = payload.text.decode("utf-8", "replace")
    return read_members(text, 0) if payload.bare else read_object(text, 0)


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
        settled = settle(value)
        if isinstance(settled, LogEntry):
            self.entry(settled)
            return settled
        if isinstance(settled, Answer):
            from icapdiag.logs.containers.answer import observe  # noqa: PLC0415 - rare, and takes a while to import

            self.answer(observe(settled.data, form="parsed"))
        elif damaged:
            self.refuse("unreadable", DAMAGED, line, column, excerpt)
        else:
            self.refuse("skipped", settled.reason, line, column, excerpt)
        return None

    def entry(self, entry: LogEntry) -> None:
        self.counts.read += 1
        self.summary.add(entry)

    def answer(self, observation: Observation) -> None:
        self.counts.read += 1
        self.answers.append(observation)

    def take_answers(self, seen: Iterable[Seen]) -> list[Seen]:
        """Raw answers, up to a number that can still be shown one by one."""
        taken: list[Seen] = []
        for one in seen:
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

"""Collects the records of one source: counts them, notes problems, adds entries to the summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from icapdiag.avi.entry import LogEntry
from icapdiag.doubled import Ambiguous
from icapdiag.logs.containers.answers import FoundAnswer, observe
from icapdiag.logs.containers.classify import JSONObject, classify
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.records import ByteOffsets, Place, Places
from icapdiag.logs.damage.recovery import Found
from icapdiag.logs.notes import BEGIN, EXCERPT, STRAY_READ, Account, Problem, Repair
from icapdiag.logs.opening.source import to_text
from icapdiag.model import Observation

DAMAGED = "damaged, and no log entry field is left"
CUT = "cut off; its icap_log may be missing"
LAST_BRACE = "missing } added at the end"  # and nothing else: a sample that was not copied to its end
ANSWERS_KEPT = 10_000  # raw answers of one source
RECORD_LIMIT = 16 << 20  # bytes or characters of one record

_NOTHING = re.compile(r"\s*\Z")

AnyPlaces = Places | ByteOffsets


class Collector:
    """Takes the records of one source: entries go to the summary, everything else to its account.

    With ``logs_only`` an ICAP response in a record is not an entry.
    """

    def __init__(self, summary: Summary, account: Account, *, logs_only: bool = False) -> None:
        self.summary = summary
        self.tally = account.tally
        self.notes = account.notes
        self.refuse = account.refuse
        self.answers = account.answers
        self._logs_only = logs_only

    def decoded(self, raw: bytes, places_of: Callable[[str], AnyPlaces]) -> tuple[str, AnyPlaces]:
        """The bytes as text, and the places in it; bytes that are not UTF-8 are noted."""
        text, stray = to_text(raw)
        places = places_of(text)
        if stray is not None:
            self.notes.repair(Repair(STRAY_READ, *places.of(stray)))
        return text, places

    def found(self, found: Found, places: AnyPlaces, text: str, *, last: bool = False) -> None:
        """One piece of a text. ``last``: if it has no end, the input is cut off there."""
        cut = last and found.open_end and text.startswith("{", found.start)
        if cut and [what for what, _ in found.repairs] == [LAST_BRACE]:
            cut = text.find("ICAP_", found.start, found.end) < 0
        self.tally.truncated = self.tally.truncated or cut
        if found.page is not None:
            self.page(found.page)
        for what, index in found.repairs:
            self.notes.repair(Repair(what, *places.of(index)))
        excerpt = text[found.start : min(found.end, found.start + EXCERPT)]
        if found.value is not None:
            self.value(found.value, places.of(found.start), excerpt, damaged=bool(found.repairs), cut=cut)
        elif found.reason:
            self.refuse("skipped" if found.skip else "unreadable", found.reason, places.of(found.start), excerpt)

    def page(self, members: Iterable[tuple[str, str]]) -> None:
        """Note the beginning of an API response, or one more of its members."""
        for key, text in members:
            if key == BEGIN:
                self.notes.page.begin()
            else:
                self.notes.page.note(key, text)

    def value(self, value: JSONObject, place: Place, excerpt: str, *, damaged: bool = False, cut: bool = False) -> None:
        """One decoded record. ``cut``: its end is missing, so that nobody knows whether it had an icap_log."""
        try:
            found = classify(value)
        except Ambiguous as error:
            self.refuse("unreadable", str(error), place, excerpt)
            return
        if isinstance(found, LogEntry) and cut and found.icap_log is None:
            self.refuse("unreadable", CUT, place, excerpt)
        elif isinstance(found, LogEntry):
            self.tally.read += 1
            self.summary.add(found)
        elif isinstance(found, bytes) and not self._logs_only:
            self.answer(observe(found))
        elif damaged:
            self.refuse("unreadable", DAMAGED, place, excerpt)
        else:
            reason = found if isinstance(found, str) else "an ICAP response among log entries"
            self.refuse("skipped", reason, place, excerpt)

    def answer(self, observation: Observation) -> None:
        self.tally.read += 1
        self.answers.append(observation)

    def take_answers(self, found: Iterable[FoundAnswer]) -> list[FoundAnswer]:
        """Take raw answers, up to a number that can still be shown one by one."""
        taken: list[FoundAnswer] = []
        for one in found:
            if len(self.answers) >= ANSWERS_KEPT:
                self.notes.problem(Problem("input", f"only the first {ANSWERS_KEPT} ICAP responses were read"))
                break
            self.answer(one.observation)
            taken.append(one)
        return taken


def collect(
    pieces: Iterable[Found], text: str, places: AnyPlaces, collector: Collector, *, whole: bool = False
) -> Found | None:
    """Take all pieces of a text; returns the last record. ``whole``: the input ends with the text."""
    last = None
    for piece in pieces:
        ends = whole and piece.open_end and _NOTHING.match(text, piece.end) is not None
        collector.found(piece, places, text, last=ends)
        last = piece if piece.value is not None else last
    return last

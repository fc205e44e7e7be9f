"""What is reported about a log besides the counts: what was fixed, problems, one report per source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.model import Observation

KEPT = 5  # notes of a kind that are shown for one source; the rest is counted
EXCERPT = 120  # characters of the file shown with a problem

STRAY_READ = "bytes that are not UTF-8 were read as Windows-1252"

ProblemKind = Literal["unreadable", "skipped", "input"]


def excerpt_of(raw: bytes) -> str:
    """The beginning of a record, to be shown with a problem."""
    return raw[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]


class Repair(Struct, frozen=True):
    """What was assumed to read a damaged text; the text itself is not changed.

    ``line`` and ``column`` count from 1, characters; None where only the byte ``offset`` in the
    decompressed input is known.
    """

    what: str
    line: int | None = None
    column: int | None = None
    offset: int | None = None

    @property
    def place(self) -> str:
        return _place(self.line, self.column, self.offset)


class Problem(Struct, frozen=True):
    """A record that was not read, or something about the input as a whole (``input``: counts no record).

    ``excerpt`` is raw text of the file, at most 120 characters: whoever shows it escapes it.
    """

    kind: ProblemKind
    reason: str
    line: int | None = None
    column: int | None = None
    offset: int | None = None
    excerpt: str = ""

    @property
    def place(self) -> str:
        return _place(self.line, self.column, self.offset)


_Note = TypeVar("_Note", Repair, Problem)


def _place(line: int | None, column: int | None, offset: int | None) -> str:
    if line is not None:
        return f"line {line}, column {column}" if column is not None else f"line {line}"
    return f"byte {offset}" if offset is not None else ""


def _placed(note: _Note, places: Mapping[int, tuple[int, int]]) -> _Note:
    line, column = places.get(note.offset or 0, (None, None))
    return replace(note, line=line, column=column)


def _below(note: _Note, lines: int) -> _Note:
    return note if note.line is None else replace(note, line=note.line + lines)


PAGE_KEYS: Final = ("count", "next", "more", "percent_remaining")  # of an API response, beside its results
BEGIN: Final = ""  # in the place of a key: an answer begins
_WHOLE = re.compile(r'"?([0-9]{1,15})"?')
_PERCENT = re.compile(r'"?([0-9]{1,3}(?:\.[0-9]{1,30})?)"?')


class Page(Struct):
    """What API responses say of the entries that they do not hold."""

    answers: int = 0
    matching: int = 0  # entries that matched the query; 0: not said
    more: bool = False  # the last answer has a successor
    remaining: float = 0.0  # % that was still to be searched

    def begin(self) -> None:
        """One more answer: a page in the middle has a successor, and that is here."""
        self.answers += 1
        self.more = False
        self.remaining = 0.0

    def note(self, key: str, text: str) -> None:
        """A member of an answer, one of `PAGE_KEYS`, and its value as JSON has it."""
        text = text.strip()
        if key == "count":
            found = _WHOLE.fullmatch(text)
            self.matching = max(self.matching, int(found[1]) if found else 0)
        elif key == "percent_remaining":
            found = _PERCENT.fullmatch(text)
            self.remaining = max(self.remaining, min(float(found[1]), 100.0) if found else 0.0)
        elif text == "true" or (text[:1] == '"' and text != '""'):  # an address, as a rule
            self.more = True

    def merge(self, later: Page) -> None:
        """Add what a later part of the same source says."""
        self.matching = max(self.matching, later.matching)
        if later.answers:  # else it begins within the last one of this part
            self.more, self.remaining = later.more, later.remaining
        else:
            self.more, self.remaining = self.more or later.more, max(self.remaining, later.remaining)
        self.answers += later.answers


class Notes(Struct):
    """The first few fixes and problems of one source, and how many there were in all."""

    page: Page = field(default_factory=Page)
    repairs: list[Repair] = []
    repairs_total: int = 0
    problems: list[Problem] = []
    problems_total: int = 0

    def repair(self, note: Repair) -> None:
        self.repairs_total += 1
        if len(self.repairs) < KEPT:
            self.repairs.append(note)

    def problem(self, note: Problem) -> None:
        """Keep the note if it is among the first; what could not be read comes before what was skipped."""
        self.problems_total += 1
        if len(self.problems) == KEPT and note.kind != "skipped":
            last = max((index for index, one in enumerate(self.problems) if one.kind == "skipped"), default=KEPT)
            del self.problems[last : last + 1]
        if len(self.problems) < KEPT:
            self.problems.append(replace(note, excerpt=note.excerpt[:EXCERPT].strip()))

    @property
    def repairs_kept(self) -> bool:
        """Whether there are as many fixes as are kept."""
        return len(self.repairs) == KEPT

    def is_full(self, kind: ProblemKind) -> bool:
        """Whether one more problem of this kind would only be counted."""
        if len(self.problems) < KEPT:
            return False
        return kind == "skipped" or all(one.kind != "skipped" for one in self.problems)

    def offsets(self) -> set[int]:
        """The byte offsets that the notes name."""
        offsets = [*(note.offset for note in self.repairs), *(note.offset for note in self.problems)]
        return {offset for offset in offsets if offset is not None}

    def set_places(self, places: Mapping[int, tuple[int, int]]) -> None:
        """Line and column for each offset, where they are known."""
        self.repairs = [_placed(repair, places) for repair in self.repairs]
        self.problems = [_placed(problem, places) for problem in self.problems]

    def merge(self, other: Notes, *, lines: int = 0) -> None:
        """Add the notes of a later part of the same source, before which there are so many lines."""
        repairs, problems = self.repairs_total + other.repairs_total, self.problems_total + other.problems_total
        for repair in other.repairs:
            self.repair(_below(repair, lines))
        for problem in other.problems:
            self.problem(_below(problem, lines))
        self.repairs_total, self.problems_total = repairs, problems
        self.page.merge(other.page)


class Tally(Struct):
    """Records of a source: ``read + skipped + unreadable == total``, always.

    ``truncated``: the text ends inside a record or an open array. Of large JSON also ``end_offset``: where reading
    ended, in bytes; and of how many that were read nobody saw whether a key appears twice.
    """

    read: int = 0
    skipped: int = 0
    unreadable: int = 0
    truncated: bool = False
    end_offset: int = 0
    not_looked_into: int = 0

    @property
    def total(self) -> int:
        return self.read + self.skipped + self.unreadable

    def add(self, later: Tally) -> None:
        """Add what was counted in the following part of the input."""
        self.read += later.read
        self.skipped += later.skipped
        self.unreadable += later.unreadable
        self.truncated = later.truncated
        self.end_offset = later.end_offset
        self.not_looked_into += later.not_looked_into


class Account:
    """What became of the records of one source: how many were read, notes on the odd ones, raw ICAP responses."""

    def __init__(self) -> None:
        self.answers: list[Observation] = []
        self.tally = Tally()
        self.notes = Notes()
        self._full: set[ProblemKind] = set()  # kinds of which no more are noted

    def refuse(
        self, kind: ProblemKind, reason: str, place: tuple[int | None, int | None, int | None], excerpt: str
    ) -> None:
        """A record that is none, or can't be read, at this line, column and offset."""
        if kind in self._full:
            self.refuse_again(kind, 1)
            return
        if kind == "skipped":
            self.tally.skipped += 1
        else:
            self.tally.unreadable += 1
        self.notes.problem(Problem(kind, reason, *place, excerpt))
        if self.notes.is_full(kind):
            self._full.add(kind)

    def refuse_again(self, kind: ProblemKind, times: int) -> None:
        """Records of which there were many already: counted, and not noted."""
        if kind == "skipped":
            self.tally.skipped += times
        else:
            self.tally.unreadable += times
        self.notes.problems_total += times


class SourceReport(Struct, frozen=True, kw_only=True):
    """What was made of one input. ``container`` is a `Container` value, ``label`` the words for it.

    ``bytes`` counts decompressed bytes. ``compressed`` names the compression, outermost first
    (``""``, ``gzip``, ``zstd``, ``gzip, gzip``). ``instead`` says of an input in which nothing was read what it is, if
    that is known, and what to do with it.
    """

    name: str
    container: str
    label: str
    compressed: str
    bytes: int
    total: int
    read: int
    skipped: int
    unreadable: int
    repairs: tuple[Repair, ...] = ()
    repairs_total: int = 0
    problems: tuple[Problem, ...] = ()
    problems_total: int = 0
    matching: int | None = None  # see `Page`
    more: bool | None = None
    percent_remaining: float | None = None
    keys_not_checked: int | None = None
    cut_off: bool | None = None  # its end is missing
    instead: str = ""

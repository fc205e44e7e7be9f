"""What a document is made of: text, tables, findings and the data of charts, in no format.

Text is one line and free of what drives a terminal or reorders text; each format escapes it for its own sink besides.
Names of members and data of charts are as the report has them, so that they can be told apart: whoever draws one makes
it safe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from icapdiag.facts.deep import LoadStep, SizedUpload
from icapdiag.vocabulary import Health, Severity

# --- text ------------------------------------------------------------------------------------------


class Said(Struct, frozen=True):
    """What a server, a log or a file says: never to be read as markup."""

    text: str


Inline = str | Said  # str is prose: the program's and the runbooks' own words, with `commands` in backticks


class Heading(Struct, frozen=True):
    level: int  # 1 to 3
    text: tuple[Inline, ...]


class Paragraph(Struct, frozen=True):
    text: tuple[Inline, ...]


class Items(Struct, frozen=True):
    """A list; numbered where the order matters."""

    items: tuple[tuple[Inline, ...], ...]
    numbered: bool = False


class Verbatim(Struct, frozen=True):
    """Lines in a fixed width, some of them a server's. ``summary`` names what a reader may want to unfold."""

    lines: tuple[str, ...]
    summary: str = ""


class Table(Struct, frozen=True):
    """Columns under headings, each row with as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]


Block = Heading | Paragraph | Items | Verbatim | Table


# --- tables of figures -----------------------------------------------------------------------------


class Figures(Struct, frozen=True, kw_only=True):
    """A table of measurements: ``title`` above it, ``below`` it a line each."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: range  # columns whose cells end flush
    below: tuple[str, ...] = ()
    omitted: tuple[int, ...] = ()  # columns that go first where there is no room
    cut: tuple[tuple[int, int], ...] = ((0, 10),)  # columns that may be cut, and the least that stays of each
    screen: tuple[tuple[str, ...], ...] = ()  # rows for a screen, where there are too many for one
    left_out: str = ""  # below them


class Cell(Struct, frozen=True):
    """What became of a probe, in three lengths, and the shape that stands for it on a page; "" for nothing."""

    terse: str
    brief: str  # no times, no threats, no root of a blocked probe
    full: str
    shape: str = ""


class MatrixLine(Struct, frozen=True):
    """A member in the matrix, or one of its addresses; ``verdict`` is "" for what stands below a member."""

    name: str
    cells: tuple[Cell, ...]
    verdict: str


class MatrixMember(Struct, frozen=True):
    """A member's lines. ``endpoint`` is its name with host and port, where these do not stand in it."""

    endpoint: str
    verdict: Health
    lines: tuple[MatrixLine, ...]


class Matrix(Struct, frozen=True):
    """The members and what became of each probe, in the pool's order; ``screen`` are the lines for one screen."""

    probes: tuple[str, ...]
    members: tuple[MatrixMember, ...]
    screen: tuple[MatrixLine, ...]


class ValueOf(Struct, frozen=True):
    """One value of a fact and the members that have it."""

    value: str
    members: tuple[str, ...]
    odd: bool = False  # they are not of the majority


class DifferenceBlock(Struct, frozen=True):
    """A fact in which members differ; the value of most members first. ``apart`` says how, such as "two camps"."""

    label: str
    apart: str
    outlier: bool
    values: tuple[ValueOf, ...]


class Comparison(Struct, frozen=True):
    """Members side by side. ``members`` are all that are named, as they are met; ``order`` the pool's."""

    members: tuple[str, ...]
    order: tuple[str, ...]
    differences: tuple[DifferenceBlock, ...]


class Deviating(Struct, frozen=True):
    """A way of deviating from a rule, and who does it."""

    breaks: bool
    words: str
    weight: str  # what it does to clients
    members: tuple[str, ...]


class RuleBlock(Struct, frozen=True, kw_only=True):
    """A rule of the standard: how many members keep to it, deviate, or were not tested."""

    number: int
    name: str
    section: str
    asks: str
    tolerance: str
    kept: int
    deviating: int
    not_tested: int
    ways: tuple[Deviating, ...]
    rest: int  # members that deviate in rarer ways

    @property
    def kind(self) -> str:
        """The shape that stands for it."""
        if self.deviating:
            return "warning" if any(way.breaks for way in self.ways) else "info"
        return "ok" if self.kept else "disabled"


# --- data of charts --------------------------------------------------------------------------------


class AnswerTimes(Struct, frozen=True):
    """How long a member took to answer, in ms: by probe, the extremes of repeated steps, and what was given up."""

    member: str
    health: Health
    answers: tuple[tuple[str, float], ...]
    extremes: tuple[float, ...]
    silent_ms: float | None  # waited so long for an answer that did not come

    @property
    def times(self) -> tuple[float, ...]:
        return (*(ms for _, ms in self.answers), *self.extremes)

    @property
    def slowest(self) -> float:
        return max([*self.times, self.silent_ms or 0.0])


Limits = tuple[tuple[str, float], ...]  # thresholds of the profile in ms, by Avi's names, the lower first


class SizeCurve(Struct, frozen=True):
    """Uploads to a member, by size."""

    member: str
    limits: Limits
    uploads: tuple[SizedUpload, ...]


class LoadCurve(Struct, frozen=True):
    """Scans of a member, by how many at a time."""

    member: str
    limits: Limits
    steps: tuple[LoadStep, ...]


class Counts(Struct, frozen=True):
    """Requests over time, by outcome: a column for each ``step_s`` seconds from ``start`` on."""

    start: datetime  # UTC
    end: datetime
    step_s: int
    rows: tuple[tuple[str, tuple[int, ...]], ...]  # only outcomes that came
    caption: str


# --- findings --------------------------------------------------------------------------------------


class SeenBlock(Struct, frozen=True):
    """One observation: whose, what it says, and all that is known about it (of the first few)."""

    where: str
    words: str
    facts: tuple[tuple[str, str], ...] = ()


class FindingBlock(Struct, frozen=True, kw_only=True):
    """A finding. ``requests`` is how many there were in a log, else ""; ``span`` when."""

    id: str
    severity: Severity
    title: str
    members: tuple[str, ...]
    count: int
    requests: str
    span: str
    moments: tuple[str, ...]
    meaning: str
    remedy: tuple[str, ...]
    seen: tuple[SeenBlock, ...]
    more_seen: int  # observations that are not among ``seen``
    command: str  # prints the whole runbook
    filled: str  # the same, filled in for the first member

    @property
    def summary(self) -> str:
        """How many members and requests, and when."""
        who = f"{len(self.members):,} member{'' if len(self.members) == 1 else 's'}" if self.members else ""
        return ", ".join(part for part in (who, self.requests, self.span) if part)

    def command_within(self, room: int) -> str:
        """The longer of the two commands that has at most ``room`` characters: a broken one can't be pasted."""
        return self.filled if len(self.filled) <= room else self.command


class Unexplained(Struct, frozen=True):
    """What no runbook explains."""

    count: int
    noun: str  # request, observation
    seen: tuple[SeenBlock, ...]


# --- logs ------------------------------------------------------------------------------------------


class GroupBlock(Struct, frozen=True):
    """Requests that went alike."""

    cells: tuple[str, ...]
    kind: str  # the severity of the worst finding that explains them; ok without one
    reason: str
    details: str


class Groups(Struct, frozen=True):
    """Groups, the most frequent first. ``counts`` are their requests."""

    head: tuple[str, ...]
    listed: tuple[GroupBlock, ...]
    counts: tuple[int, ...]
    right: tuple[int, ...]  # columns whose cells end flush


class SourceBlock(Struct, frozen=True):
    """A file that was read: its name, what it was taken for, its records, and what was repaired or lost."""

    name: str
    form: str
    records: tuple[str, ...]  # total, read, skipped, unreadable
    remarks: tuple[str, ...]


class AnswerBlock(Struct, frozen=True):
    """A raw ICAP answer: labels, each with its values."""

    title: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]


# --- at the top -------------------------------------------------------------------------------------


class Headline(Struct, frozen=True):
    """What a reader of a page sees first. ``kind`` is a severity or a health."""

    kind: str
    eyebrow: str
    title: str
    where: str = ""
    text: str = ""
    step: str = ""
    of_finding: bool = False  # of the first, which has the rest


class MemberLine(Struct, frozen=True):
    """A member, or a server that a log names, with its worst finding."""

    name: str
    verdict: Health
    worst: str


def written(parts: Sequence[Inline], said: Callable[[str], str], prose: Callable[[str], str]) -> str:
    """The parts in a row, what was said and what is prose each as a format writes it."""
    return "".join(said(part.text) if isinstance(part, Said) else prose(part) for part in parts)


def text_of(parts: Sequence[Inline]) -> str:
    """The words without what tells prose from what was said."""
    return written(parts, str, str)

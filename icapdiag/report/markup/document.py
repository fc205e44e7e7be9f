"""The report as a text of headings, paragraphs, lists and tables: what Markdown and ticket bodies are written from.

Blocks come in the order in which a reader wants them, so that a body with a limit can stop at any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from icapdiag.report.redact.report import REDACTED_NOTE
from icapdiag.report.sections import suppressed
from icapdiag.report.sections.cells import NOTHING, Detail, cell, member_rows, probes_used
from icapdiag.report.sections.clocks import draw_clocks
from icapdiag.report.sections.comparison import draw_comparison
from icapdiag.report.sections.conformance import draw_conformance
from icapdiag.report.sections.connections import draw_load
from icapdiag.report.sections.evidence import telling, where
from icapdiag.report.sections.logtable import draw_body, draw_groups
from icapdiag.report.sections.place import surroundings
from icapdiag.report.sections.repeats import draw_samples
from icapdiag.report.sections.sizes import draw_sizes
from icapdiag.report.text.lines import count, names, prose, shown
from icapdiag.report.text.paint import Paint
from icapdiag.report.text.words import (
    HEALTH_ORDER,
    endpoint,
    gap,
    named,
    tally,
    title,
    vantage,
)
from icapdiag.report.untyped import Finding, MemberReport, Report
from icapdiag.text import visible

WIDTH = 110  # columns of what is drawn in plain text
_ROWS = 200  # of a table
_EVIDENCE = 3


@dataclass(frozen=True, slots=True)
class Said:
    """What a server, a log or a file says: never to be read as markup. One line, safe for a terminal."""

    text: str


Inline = str | Said  # str is prose: the program's and the runbooks' own words, with `commands` in backticks


@dataclass(frozen=True, slots=True)
class Heading:
    level: int  # 1 to 3
    text: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; numbered where the order matters."""

    items: tuple[tuple[Inline, ...], ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Lines in a fixed width, some of them a server's. ``summary`` names what a reader may want to unfold."""

    lines: tuple[str, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]


Block = Heading | Paragraph | Items | Verbatim | Table


def document(report: Report) -> Iterator[Block]:
    """The blocks of the report, the most useful first."""
    state = f" ({gap(report)})" if gap(report) else ""
    yield Heading(1, (f"{report.verdict.value.upper()}: ", Said(title(report)), state))
    yield Paragraph((tally(report) + ". ", Said(vantage(report))))
    if said := surroundings(report):
        yield Paragraph((Said(said),))
    if caveat := shown(report.vantage.get("caveat")):
        yield Paragraph((prose(caveat),))
    if REDACTED_NOTE in report.notes:  # who reads a part of it must know
        yield Paragraph((REDACTED_NOTE,))
    if report.findings:
        yield Heading(2, (f"Findings ({len(report.findings)})",))
        yield _overview(report.findings)
    yield from _members(report.members)
    for finding in report.findings:
        yield from _finding(finding)
    yield from _figures(report)
    yield from _unmatched(report)
    if report.suppressed:
        yield Heading(2, (suppressed.heading(report),))
        yield Items(tuple((Said(line),) for line in suppressed.lines(report)))
    notes = [note for note in report.notes if note != REDACTED_NOTE]
    if notes:
        yield Heading(2, ("Notes",))
        yield Items(tuple((Said(visible(note, 400)),) for note in notes))


def _overview(findings: Sequence[Finding]) -> Table:
    rows = [
        (finding.severity.value, f"{prose(finding.title)} (`{finding.id}`)", _who(finding))
        for finding in findings[:_ROWS]
    ]
    return Table(("Severity", "Finding", "Members"), (*rows, *_rest(len(findings), 3)))


def _who(finding: Finding) -> Inline:
    return Said(names(finding.members)) if finding.members else ""


def _rest(number_of: int, columns: int) -> list[tuple[Inline, ...]]:
    more = number_of - _ROWS
    return [("", f"and {more:,} more", *([""] * (columns - 2)))] if more > 0 else []


def _members(members: Sequence[MemberReport]) -> Iterator[Block]:
    """The matrix, the sickest first."""
    if not members:
        return
    probes = probes_used(members)
    ordered = sorted(members, key=lambda member: HEALTH_ORDER.index(member.verdict))
    rows: list[tuple[Inline, ...]] = []
    for member in ordered[:_ROWS]:
        for row in member_rows(member):
            name = endpoint(member) if row.verdict else row.name
            cells = [cell(row.probes.get(probe), Detail.FULL) for probe in probes]
            rows.append((Said(name), row.verdict, *(Said(text) if text != NOTHING else "" for text in cells)))
    yield Heading(2, (f"Members ({len(members)})",))
    head = ("Member", "Verdict", *(visible(probe, 40) for probe in probes))
    yield Table(head, (*rows, *_rest(len(members), len(head))))


def _finding(finding: Finding) -> Iterator[Block]:
    yield Heading(3, (f"{finding.severity.value.upper()}: {named(finding)}",))
    who: tuple[Inline, ...] = ("Members: ", Said(names(finding.members, 20)), ". ") if finding.members else ()
    when = tuple(shown(value) for value in (finding.first_seen, finding.last_seen) if value)
    span: tuple[Inline, ...] = ("Seen: ", Said(" to ".join(dict.fromkeys(when))), ". ") if when else ()
    times = f"{count(finding.count, 'observation')}. " if finding.count > 1 else ""
    yield Paragraph((*who, times, *span, prose(finding.meaning)))
    seen = tuple(f"{where(facts)}: {telling(facts)}" for facts in finding.evidence[:_EVIDENCE])
    if seen:
        yield Verbatim(seen, "What was seen")
    if finding.remedy:
        yield Items(tuple((prose(step),) for step in finding.remedy), numbered=True)
    yield Paragraph((f"More: `icapdiag runbooks show {finding.id}`",))


def _figures(report: Report) -> Iterator[Block]:
    """What the table draws as well, in plain text."""
    over_time, *answers = draw_body(report, WIDTH, Paint(color=False), plain=False)
    drawn = (
        ("Members side by side", draw_comparison(report.comparison, WIDTH)),
        ("Clocks", draw_clocks(report.members, WIDTH)),
        ("Several rounds", draw_samples(report.members, WIDTH)),
        ("Sizes", draw_sizes(report.members, WIDTH)),
        ("Load", draw_load(report.members, WIDTH)),
        ("RFC 3507", draw_conformance(report.conformance, WIDTH)),
        ("Over time", over_time),
        *(("ICAP answer", answer) for answer in answers),
        ("Requests alike", draw_groups(report, WIDTH)),
    )
    for heading, lines in drawn:
        if lines:
            yield Heading(2, (heading,))
            yield Verbatim(tuple(lines))


def _unmatched(report: Report) -> Iterator[Block]:
    if report.unmatched.count:
        yield Heading(2, (f"Not explained by any runbook ({report.unmatched.count:,})",))
        examples = report.unmatched.examples[:_EVIDENCE]
        if examples:
            yield Verbatim(tuple(f"{where(facts)}: {telling(facts)}" for facts in examples))

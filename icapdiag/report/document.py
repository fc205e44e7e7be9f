"""The report as a text of headings, paragraphs, lists and tables: what Markdown and ticket bodies are written from.

Blocks come in the order in which a reader wants them, so that a body with a limit can stop at any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.model import Facts, Finding, JSONValue, MemberReport, Observation, Report
from icapdiag.report import suppressed
from icapdiag.report.cells import NOTHING, Detail, cell, member_rows, probes_used
from icapdiag.report.comparison import draw_comparison
from icapdiag.report.evidence import telling, where
from icapdiag.report.lines import count, milliseconds, names, prose, shown
from icapdiag.report.logtable import draw_body, draw_groups
from icapdiag.report.paint import Paint
from icapdiag.report.place import surroundings
from icapdiag.report.repeats import draw_samples
from icapdiag.report.words import (
    HEALTH_ORDER,
    endpoint,
    gap,
    mapping,
    mappings,
    named,
    number,
    tally,
    title,
    vantage,
)
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
    if report.notes:
        yield Heading(2, ("Notes",))
        yield Items(tuple((Said(visible(note, 400)),) for note in report.notes))


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
    """What is drawn in plain text, and the tables of the deep probes."""
    compared = draw_comparison(report.comparison, WIDTH)
    if compared:
        yield Heading(2, ("Members side by side",))
        yield Verbatim(tuple(compared[1:]))
    rounds = draw_samples(report.members, WIDTH)
    if rounds:
        yield Heading(2, ("Several rounds",))
        yield Verbatim(tuple(rounds))
    for member in report.members:
        for probe in member.probes:
            yield from _series(member, probe)
    for block in draw_body(report, WIDTH, Paint(color=False), plain=False):
        if block:
            yield Verbatim(tuple(block))
    groups = draw_groups(report, WIDTH)
    if groups:
        yield Heading(2, ("Requests alike",))
        yield Verbatim(tuple(groups[1:]))


_SERIES: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "ladder": (
        "Bodies of growing size",
        (
            ("size", "Bytes"),
            ("status", "Status"),
            ("icap_status", "ICAP"),
            ("answer_ms", "Answer"),
            ("verdict", "Verdict"),
        ),
    ),
    "steps": (
        "Growing load",
        (
            ("concurrency", "At a time"),
            ("requests", "Requests"),
            ("errors", "Errors"),
            ("p50_ms", "p50"),
            ("p95_ms", "p95"),
            ("max_ms", "Max"),
        ),
    ),
}


def _series(member: MemberReport, probe: Observation) -> Iterator[Block]:
    """Deep probes tell a series of measurements each."""
    for fact, (heading, columns) in _SERIES.items():
        records = mappings(probe.facts.get(fact))
        if records:
            yield Heading(3, (f"{heading}: ", Said(endpoint(member))))
            head = tuple(name for _, name in columns)
            rows = [tuple(_figure(record, key) for key, _ in columns) for record in records[:_ROWS]]
            yield Table(head, (*rows, *_rest(len(records), len(head))))


def _figure(record: Facts, key: str) -> Inline:
    value: JSONValue = mapping(record).get(key)
    found = number(value)
    if key.endswith("_ms"):
        return milliseconds(found) or "-"
    if found is not None:
        return f"{found:,.0f}" if found == int(found) else f"{found:g}"
    return Said(shown(value)) if shown(value) else "-"


def _unmatched(report: Report) -> Iterator[Block]:
    if report.unmatched.count:
        yield Heading(2, (f"Not explained by any runbook ({report.unmatched.count:,})",))
        examples = report.unmatched.examples[:_EVIDENCE]
        if examples:
            yield Verbatim(tuple(f"{where(facts)}: {telling(facts)}" for facts in examples))

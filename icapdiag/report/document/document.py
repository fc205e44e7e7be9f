"""The document of a report: all that it says to people, by section. A format takes those that it has room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from icapdiag.facts.logs import Bucket
from icapdiag.model import Finding, Report
from icapdiag.report.document import findings, logs, measured, members, pool, vantage, words
from icapdiag.report.document.blocks import (
    AnswerBlock,
    AnswerTimes,
    Comparison,
    Figures,
    FindingBlock,
    Groups,
    Headline,
    Limits,
    LoadCurve,
    Matrix,
    MemberLine,
    RuleBlock,
    SizeCurve,
    SourceBlock,
    Unexplained,
)
from icapdiag.text import visible
from icapdiag.vocabulary import HEALTH_ORDER, SEVERITY_ORDER, Health, Severity

V = TypeVar("V", Health, Severity)

# As sick as its worst finding, for a server of which a log tells nothing else.
_OF_SEVERITY = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING, Severity.INFO: Health.OK}


class Summary(Struct, frozen=True, kw_only=True):
    """The least that there is to say: of the whole, and of each member."""

    whole: MemberLine
    members: tuple[MemberLine, ...]


class Document(Struct, frozen=True, kw_only=True):
    """What a format draws, in its own order, and derives nothing."""

    # at the top
    verdict: Health
    title: str
    gap: str  # why the report is not whole; empty if it is
    tally: str
    members_tally: str  # of a check
    entries: str  # what a log holds, as a sentence
    entries_read: bool  # whether there is something to say of entries: pasted answers have none
    span: str  # from the first entry of a log to the last
    of_logs: bool
    headline: Headline
    verdicts: tuple[tuple[Health, int], ...]  # how many members are how healthy, worst first
    severities: tuple[tuple[Severity, int], ...]  # how many findings are how severe, worst first

    # how it was made
    seen_from: str
    seen_from_in_brief: str
    surroundings: str
    caveat: str
    about: tuple[tuple[str, str], ...]  # the same as labels and values
    profile: tuple[tuple[str, str], ...]  # settings of the ICAP profile, as labels and values
    finished: str  # the time of day
    imprint: tuple[str, str, str]  # program and version of the report, command, end
    notes: tuple[str, ...]

    # members
    matrix: Matrix
    clocks: str
    rounds: Figures
    sizes: Figures
    load: Figures
    answer_times: tuple[AnswerTimes, ...]
    limits: Limits
    size_curves: tuple[SizeCurve, ...]
    load_curves: tuple[LoadCurve, ...]
    comparison: Comparison
    rules: tuple[RuleBlock, ...]

    # logs
    timeline: tuple[Bucket, ...]
    sources: tuple[SourceBlock, ...]
    records: tuple[str, ...]  # of all files: total, read, skipped, unreadable
    answers: tuple[AnswerBlock, ...]
    groups: Groups

    # what is wrong
    findings: tuple[FindingBlock, ...]
    unexplained: Unexplained | None
    suppressed: tuple[str, ...]


def document_of(report: Report) -> Document:
    """The document of a report."""
    of_logs, checked, budget = words.logs_of(report), report.members, findings.Budget()
    entries = of_logs.entries if of_logs else None
    end = words.moment(report.finished_at)
    program = f"{words.safe_text(report.tool.name) or 'icapdiag'} {words.safe_text(report.tool.version)}"
    answers = logs.answers(report)
    return Document(
        verdict=report.verdict,
        title=words.title(report),
        gap=words.gap(report),
        tally=words.tally(report),
        members_tally=words.members_tally(checked),
        entries=f"{words.entry_counts(entries)}." if of_logs else "",
        entries_read=bool(entries and entries.entries_total) or not answers,
        span=words.span(entries.first_seen, entries.last_seen) if entries else "",
        of_logs=of_logs is not None,
        headline=findings.headline(report),
        verdicts=_counted([member.verdict for member in checked], HEALTH_ORDER),
        severities=_counted([finding.severity for finding in report.findings], SEVERITY_ORDER),
        seen_from=vantage.seen_from(report),
        seen_from_in_brief=vantage.seen_from(report, brief=True),
        surroundings=vantage.surroundings(report),
        caveat=vantage.caveat(report),
        about=tuple((label, value) for label, value in vantage.about(report) if value),
        profile=tuple(vantage.profile(report)),
        finished="" if end is None else f"{end:%T} UTC",
        imprint=(f"{program}, report version {report.schema_version}", report.command, report.finished_at),
        notes=tuple(visible(note, 400) for note in report.notes),
        matrix=members.matrix(checked),
        clocks=members.clocks(checked),
        rounds=measured.rounds_table(checked),
        sizes=measured.sizes_table(checked),
        load=measured.load_table(checked),
        answer_times=measured.answer_times(checked),
        limits=measured.limits(checked),
        size_curves=measured.size_curves(checked),
        load_curves=measured.load_curves(checked),
        comparison=pool.comparison(report.comparison, [member.name for member in checked]),
        rules=pool.rules(report.conformance),
        timeline=report.timeline,
        sources=logs.sources(of_logs.sources if of_logs else ()),
        records=logs.record_counts(of_logs.records if of_logs else None),
        answers=answers,
        groups=logs.groups(report),
        findings=findings.findings(report, budget),
        unexplained=findings.unexplained(report, budget),
        suppressed=tuple(map(findings.suppressed_line, report.suppressed)),
    )


def summary_of(report: Report) -> Summary:
    """The summary of a report."""
    state = f" ({words.gap(report)})" if words.gap(report) else ""
    name = f"{words.title(report)}: {words.tally(report)}{state}"
    return Summary(
        whole=MemberLine(name, report.verdict, _worst(report.findings)), members=tuple(_member_lines(report))
    )


def _member_lines(report: Report) -> Iterator[MemberLine]:
    """Each member, or each server that a log names, with its worst finding."""
    own: dict[str, list[Finding]] = {}
    for finding in report.findings:
        for name in dict.fromkeys(finding.members):
            own.setdefault(name, []).append(finding)
    if words.logs_of(report):
        named = dict.fromkeys(name for group in report.groups for name in group.members or ())
        for name in named | dict.fromkeys(own):
            worst = words.worst_of(own.get(name, ()))
            health = Health.OK if worst is None else _OF_SEVERITY[worst.severity]
            yield MemberLine(words.safe_text(name), health, _worst(own.get(name, ())))
    for member in report.members:
        yield MemberLine(words.endpoint(member), member.verdict, _worst(own.get(member.name, ())))


def _worst(found: Sequence[Finding]) -> str:
    """The worst finding, and how many there are beside it."""
    finding = words.worst_of(found)
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return "" if finding is None else words.named(finding) + more


def _counted(found: Sequence[V], order: Sequence[V]) -> tuple[tuple[V, int], ...]:
    counts = Counter(found)
    return tuple((each, counts[each]) for each in order if counts[each])

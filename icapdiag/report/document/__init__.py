"""A report in words, by section, made from its facts. Formats render it and derive nothing.

Text is one line, without terminal controls and bidirectional controls; each format also escapes it for its own sink.
Names of members and data of charts are unchanged from the report, so that they stay distinct: the renderer escapes
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from icapdiag.model import Finding, Report
from icapdiag.report.document import (
    configuration,
    findings,
    joined,
    logs,
    measured,
    members,
    overview,
    pool,
    problems,
    scanner,
    sources,
    vantage,
    who,
    words,
)
from icapdiag.text import visible
from icapdiag.vocabulary import HEALTH_ORDER, SEVERITY_ORDER, Health, Severity

V = TypeVar("V", Health, Severity)

# As sick as its worst finding, for a server of which a log tells nothing else.
_OF_SEVERITY = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING, Severity.INFO: Health.OK}


class Document:
    """The whole report in words. A format uses what it has room for, in its own order."""

    def __init__(self, report: Report) -> None:
        of_logs, checked, budget = words.logs_of(report), report.members, findings.Budget()
        entries = of_logs.entries if of_logs else None
        end = words.moment(report.finished_at)
        program = f"{words.safe_text(report.tool.name) or 'icapdiag'} {words.safe_text(report.tool.version)}"
        answers = [logs.AnswerBlock(group) for group in report.groups if group.probe == logs.PASTED]
        service_uri = words.pool_of(report).service_uri or ""

        # what is wrong
        self.findings = [
            findings.FindingBlock(each, service_uri, budget, words.noun(words.by_source(report, each)))
            for each in report.findings
        ]
        # what does most harm first; and what is only worth knowing
        self.problems, self.informing = problems.problems(report, self.findings)
        self.unexplained = findings.Unexplained(report, budget)
        self.suppressed = tuple(map(findings.suppressed_line, report.suppressed))

        # the first line, without the verdict before it, and the last
        self.overview = overview.Overview(report, self.problems)

        # at the top
        self.verdict, self.title = report.verdict, joined.heading(report)
        self.untested = words.untested(report)  # a sentence, or empty
        self.tally = words.tally(report)
        self.entries = f"{words.entry_counts(report, entries)}." if of_logs else ""  # what a log holds, as a sentence
        # whether there is something to say of entries: pasted answers have none
        self.entries_read = bool(entries and entries.entries_total) or not (answers or scanner.is_there(report))
        # from the first entry of a log to the last
        self.span = words.span(entries.first_seen, entries.last_seen) if entries else ""
        self.of_logs = of_logs is not None
        # virtual services with whether their uploads are scanned, a sentence each, where there are several
        self.services = configuration.lines(words.lint_of(report), beside_others=words.joined_of(report) is not None)
        # members by source, and what happened when, of several sources
        self.evidence, self.events = sources.evidence(report), sources.events(report)
        # how many members are how healthy, worst first
        self.verdicts = _counted([member.verdict for member in checked], HEALTH_ORDER)
        # how many findings are how severe, worst first
        self.severities = _counted([finding.severity for finding in report.findings], SEVERITY_ORDER)

        # how it was made
        self.seen_from = vantage.seen_from(report)
        self.seen_from_in_brief = vantage.seen_from(report, brief=True)
        self.surroundings = vantage.surroundings(report)
        self.caveat = vantage.caveat(report)
        # the same as labels and values
        self.about = tuple((label, value) for label, value in vantage.about(report) if value)
        self.profile = tuple(vantage.profile(report))  # settings of the ICAP profile, as labels and values
        self.finished = "" if end is None else f"{end:%T} UTC"  # the time of day
        # program and version of the report, command, end
        self.imprint = (f"{program}, report version {report.schema_version}", report.command, report.finished_at)
        self.redacted = visible(report.redacted or "", 400)
        self.notes = tuple(visible(note, 400) for note in report.notes)

        # members
        self.matrix = members.Matrix(checked, _ranks(self.problems))
        self.clocks = vantage.packet_times(report.vantage) or members.clocks(checked)
        self.rounds = measured.rounds_table(checked)
        self.sizes = measured.sizes_table(checked)
        self.load = measured.load_table(checked)
        self.answer_times = measured.answer_times(checked)
        self.limits = measured.limits(checked)  # thresholds of the profile
        self.size_curves = measured.size_curves(checked)
        self.load_curves = measured.load_curves(checked)
        self.comparison = pool.Comparison(report.comparison, [member.name for member in checked])
        self.rules = tuple(map(pool.RuleBlock, report.conformance))

        # logs
        self.timeline, self.marks = report.timeline, sources.marks(report)
        self.sources = tuple(map(logs.SourceBlock, of_logs.sources)) if of_logs else ()
        # of all files: total, read, skipped, unreadable
        self.records = logs.record_counts(of_logs.records if of_logs else None)
        self.answers = answers
        # what clients got, the most harm first
        self.outcomes, self.outcome_head = logs.outcomes(report), logs.outcome_head(report)
        self.scanner_events, self.scanner_requests = scanner.events_table(report), scanner.requests_table(report)
        # the most harm first; failures by member, pool and virtual service; who and what did not simply pass
        self.groups, self.rates, self.counts = logs.groups(report), who.rates(report), who.counts(report)

    @property
    def closing(self) -> tuple[str, ...]:
        """The sentences at the end, without the brief one on what was not tested, beside `untested`, which has all."""
        said = self.untested.partition(": ")[0]
        return tuple(each for each in self.overview.closing if not said or not each.startswith(f"{said}: "))


class MemberLine(NamedTuple):
    """The shortest summary of a member, or of a server named in a log: its worst finding."""

    name: str
    verdict: Health
    worst: str


def summary(report: Report) -> Iterator[MemberLine]:
    """The report as a whole, then each member, or each server that a log names."""
    state = f" ({words.gap(report)})" if words.gap(report) else ""
    yield MemberLine(f"{joined.heading(report)}: {words.tally(report)}{state}", report.verdict, _worst(report.findings))
    own: dict[str, list[Finding]] = {}
    for finding in report.findings:
        for name in dict.fromkeys(finding.members):
            own.setdefault(name, []).append(finding)
    if lint := words.lint_of(report):
        several = words.joined_of(report)
        for service in lint.services:
            if several is not None and service.scanned == "yes" != several.scanning:
                continue  # what it is meant to do is not what happens
            health = {"yes": Health.OK, "no": Health.CRITICAL}.get(service.scanned or "", Health.UNKNOWN)
            yield MemberLine(words.safe_text(service.name), health, "")
    if words.logs_of(report):
        named = dict.fromkeys(name for group in report.groups for name in group.members or ())
        for name in named | dict.fromkeys(own):
            worst = words.worst_of(own.get(name, ()))
            health = Health.OK if worst is None else _OF_SEVERITY[worst.severity]
            yield MemberLine(words.safe_text(name), health, _worst(own.get(name, ())))
    for member in report.members:
        yield MemberLine(words.endpoint(member), member.verdict, _worst(own.get(member.name, ())))


def _worst(found: Sequence[Finding]) -> str:
    """The worst finding, and how many others there are."""
    finding = words.worst_of(found)
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return "" if finding is None else words.named(finding) + more


def _ranks(found: Sequence[problems.ProblemBlock]) -> dict[str, int]:
    """The rank of each member: that of its first problem."""
    ranks: dict[str, int] = {}
    for problem in found:
        for name in problem.members:
            ranks.setdefault(name, problem.number)
    return ranks


def _counted(found: Sequence[V], order: Sequence[V]) -> tuple[tuple[V, int], ...]:
    counts = Counter(found)
    return tuple((each, counts[each]) for each in order if counts[each])

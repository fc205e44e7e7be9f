"""The document of a report: all that it says to people, by section, each made when a format asks for it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from icapdiag.model import Report
from icapdiag.report.document import comparison, conformance, curves, deep, findings, logs, members, vantage, words
from icapdiag.report.document.blocks import (
    AnswerBlock,
    Answers,
    Comparison,
    Counts,
    Figures,
    FindingBlock,
    Groups,
    Headline,
    Limits,
    LoadCurve,
    Matrix,
    MemberLine,
    Rule,
    SizeCurve,
    Source,
    Unexplained,
)
from icapdiag.text import visible
from icapdiag.vocabulary import SEVERITY_ORDER, Health, Severity


class Document:
    """What a format draws: it takes the sections that it has room for, in its own order, and derives nothing."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._budget = findings.Budget()
        self.verdict = report.verdict
        self.of_logs = words.logs_of(report) is not None

    # --- at the top

    @cached_property
    def title(self) -> str:
        return words.title(self._report)

    @cached_property
    def gap(self) -> str:
        """Why the report is not whole; empty if it is."""
        return words.gap(self._report)

    @cached_property
    def tally(self) -> str:
        return words.tally(self._report)

    @cached_property
    def members_tally(self) -> str:
        return words.members_tally(self._report.members)

    @cached_property
    def entries(self) -> str:
        """What a log holds, as a sentence; empty for a check."""
        found = words.logs_of(self._report)
        return f"{words.entry_counts(found.entries)}." if found else ""

    @cached_property
    def entries_read(self) -> bool:
        """Whether there is something to say of entries: pasted answers have none."""
        found = words.logs_of(self._report)
        return bool(found and found.entries and found.entries.entries_total) or not self.answers

    @cached_property
    def span(self) -> str:
        """From the first entry of a log to the last."""
        found = words.logs_of(self._report)
        return words.span(found.entries.first_seen, found.entries.last_seen) if found and found.entries else ""

    @cached_property
    def headline(self) -> Headline:
        return findings.headline(self._report)

    @cached_property
    def verdicts(self) -> tuple[tuple[Health, int], ...]:
        """How many members are how healthy, worst first."""
        counts = Counter(member.verdict for member in self._report.members)
        return tuple((health, counts[health]) for health in words.HEALTH_ORDER if counts[health])

    @cached_property
    def severities(self) -> tuple[tuple[Severity, int], ...]:
        """How many findings are how severe, worst first."""
        counts = Counter(finding.severity for finding in self._report.findings)
        return tuple((severity, counts[severity]) for severity in SEVERITY_ORDER if counts[severity])

    @cached_property
    def worst(self) -> str:
        """The worst finding, and how many there are beside it."""
        return self._worst(None)

    @cached_property
    def lines(self) -> tuple[MemberLine, ...]:
        """Each member, or each server that a log names, with its worst finding."""
        logged = words.logged_members(self._report) if self.of_logs else {}
        named = [(words.safe_text(name), health, name) for name, health in logged.items()]
        named += [(words.endpoint(member), member.verdict, member.name) for member in self._report.members]
        return tuple(MemberLine(shown, health, self._worst(name)) for shown, health, name in named)

    def _worst(self, member: str | None) -> str:
        found = self._report.findings
        finding = words.worst_of(found, member)
        if finding is None:
            return ""
        more = sum(member is None or member in other.members for other in found) - 1
        return words.named(finding) + (f" and {more} more" if more else "")

    # --- how it was made

    @cached_property
    def seen_from(self) -> str:
        return vantage.seen_from(self._report)

    @cached_property
    def seen_from_in_brief(self) -> str:
        return vantage.seen_from(self._report, brief=True)

    @cached_property
    def surroundings(self) -> str:
        return vantage.surroundings(self._report)

    @cached_property
    def caveat(self) -> str:
        return vantage.caveat(self._report)

    @cached_property
    def about(self) -> tuple[tuple[str, str], ...]:
        """Where the program ran and when, as labels and values."""
        return tuple((label, value) for label, value in vantage.about(self._report) if value)

    @cached_property
    def profile(self) -> tuple[tuple[str, str], ...]:
        """The settings of the ICAP profile, as labels and values."""
        return tuple(vantage.profile(self._report))

    @cached_property
    def finished(self) -> str:
        """The time of day at which the run ended."""
        end = words.moment(self._report.finished_at)
        return "" if end is None else f"{end:%T} UTC"

    @cached_property
    def imprint(self) -> str:
        tool = self._report.tool
        name, version = words.safe_text(tool.name) or "icapdiag", words.safe_text(tool.version)
        return f"{name} {version}, report version {self._report.schema_version}"

    @property
    def command(self) -> str:
        return words.safe_text(self._report.command)

    @property
    def finished_at(self) -> str:
        return words.safe_text(self._report.finished_at)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know, without that it is redacted."""
        return tuple(visible(note, 400) for note in self._report.notes)

    @cached_property
    def redacted(self) -> str:
        """The one among the notes that says that the report is redacted; or empty."""
        from icapdiag.report.redact.report import REDACTED_NOTE  # noqa: PLC0415 - few reports are, and it takes 30 ms

        return REDACTED_NOTE if REDACTED_NOTE in self._report.notes else ""

    # --- members

    @cached_property
    def matrix(self) -> Matrix | None:
        return members.matrix(self._report.members)

    @cached_property
    def clocks(self) -> str:
        return members.clocks(self._report.members)

    @cached_property
    def rounds(self) -> Figures | None:
        return deep.rounds_table(self._report.members)

    @cached_property
    def sizes(self) -> Figures | None:
        return deep.sizes_table(self._report.members)

    @cached_property
    def load(self) -> Figures | None:
        return deep.load_table(self._report.members)

    @cached_property
    def answer_times(self) -> tuple[Answers, ...]:
        return curves.answer_times(self._report.members)

    @cached_property
    def limits(self) -> Limits:
        return curves.limits(self._report.members)

    @cached_property
    def size_curves(self) -> tuple[SizeCurve, ...]:
        return curves.size_curves(self._report.members)

    @cached_property
    def load_curves(self) -> tuple[LoadCurve, ...]:
        return curves.load_curves(self._report.members)

    @cached_property
    def comparison(self) -> Comparison | None:
        return comparison.comparison(self._report.comparison, [member.name for member in self._report.members])

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return conformance.rules(self._report.conformance)

    # --- logs

    def over_time(self, room: int, outcomes: logs.Outcomes) -> Counts | None:
        """The requests of a log over time, in at most ``room`` columns."""
        return logs.over_time(self._report.timeline, room, outcomes)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        found = words.logs_of(self._report)
        return logs.sources(found.sources) if found else ()

    @cached_property
    def records(self) -> tuple[str, ...]:
        """Records of all files: total, read, skipped, unreadable."""
        found = words.logs_of(self._report)
        return logs.record_counts(found.records if found else None)

    @cached_property
    def answers(self) -> tuple[AnswerBlock, ...]:
        return logs.answers(self._report)

    @cached_property
    def groups(self) -> Groups | None:
        return logs.groups(self._report)

    # --- what is wrong

    @cached_property
    def findings(self) -> tuple[FindingBlock, ...]:
        return findings.findings(self._report, self._budget)

    @cached_property
    def unexplained(self) -> Unexplained | None:
        return findings.unexplained(self._report, self._budget)

    @cached_property
    def suppressed(self) -> tuple[str, ...]:
        return tuple(map(findings.suppressed_line, self._report.suppressed))

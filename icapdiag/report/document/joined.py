"""What a report of `icapdiag diagnose` answers: is traffic being scanned, why not, and what it was seen in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from icapdiag.facts.joined import EvidenceSource, JoinedSubject, JoinedWhole
from icapdiag.facts.logs import EntryCounts
from icapdiag.model import Report
from icapdiag.report.document.log_answer import harmed, since_when
from icapdiag.report.document.logs import WRONGLY
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.document.sources import KINDS
from icapdiag.report.document.words import (
    blocked_wrongly,
    count,
    joined_of,
    moment,
    names,
    refused_by_failure,
    safe_text,
    span,
    title,
    unscanned,
)
from icapdiag.vocabulary import Severity

_ANSWERS = MappingProxyType(
    {
        "yes": "Uploads are being scanned",
        "no": "Uploads are not being scanned",
        "partly": "Only some uploads are being scanned",
        "refused": "Uploads are being refused",
    }
)
_UNKNOWN = "Whether uploads are being scanned is not known"
_NAMED = 2
_SOURCES = 8


def headline(subject: JoinedSubject) -> str:
    """The answer, and by what: ``Uploads are not being scanned (check, 2026-11-30 11:02:03 UTC)``."""
    at = moment(subject.scanning_at)
    by = ", ".join(filter(None, (KINDS.get(subject.scanning_by or "", ""), f"{at:%F %T} UTC" if at else "")))
    answer = _ANSWERS.get(subject.scanning or "", _UNKNOWN)
    if subject.scanning_services:
        before, found, after = answer.partition(" are ")
        answer = f"{before} to {names(subject.scanning_services, _NAMED)}{found}{after}"
    return answer + (f" ({by})" if by else "")


def heading(report: Report) -> str:
    """The answer of a diagnosis; of any other report what it is about."""
    subject = joined_of(report)
    return title(report) if subject is None else headline(subject)


def answer(report: Report, problems: Sequence[ProblemBlock]) -> str:
    """Why, and how many requests it concerned."""
    subject = joined_of(report) or JoinedSubject()
    worst = next((each for each in problems if each.severity is not Severity.INFO), None)
    parts = []
    if subject.configuration is not None and not subject.configuration.services:
        without = subject.configuration.without_icap or ()
        parts += [f"no ICAP profile and no ICAP rule at {names(without, _NAMED)}"] if without else []
    if worst is not None and not parts:
        at = worst.where_within(60).removeprefix(worst.requests) if worst.members else ""
        parts.append(f"{worst.title} {at.strip()}".rstrip())
    parts += _logged(report, subject)
    if subject.scanning == "yes" and not subject.detection_tested:
        parts.append("detection not tested")
    return "; ".join(parts) or "no problem found"


def _logged(report: Report, subject: JoinedSubject) -> Iterator[str]:
    whole = subject.whole or JoinedWhole()
    entries = (subject.log.entries if subject.log else None) or EntryCounts()
    past, refused = unscanned(report).total, refused_by_failure(report)
    opened = " (fail open)" if past == entries.unscanned_failed else ""
    said = [
        f"{number:,} {words}"
        for number, words in (
            (past, f"passed unscanned{opened}"),
            (refused, "refused"),
            (blocked_wrongly(report), WRONGLY),
        )
        if number
    ]
    if said:
        least = "at least " if entries.throttled_at else ""
        of = f" of {count(entries.entries_total, 'logged request')}"
        first, *more = said
        number, _, words = first.partition(" ")
        told = f"{least}{number}{'' if least else of} {words}"
        when = since_when([*harmed(report)]) or span(entries.first_seen, entries.last_seen)
        yield ", ".join([told, *more, *([when] if when else [])])
    if whole.failures_not_logged:
        yield f"the log holds {whole.log_failures or 0:,} of {count(whole.measured_failures or 0, 'failure')}"


def closing(report: Report, subject: JoinedSubject, problems: Sequence[ProblemBlock]) -> Iterator[str]:
    """How many problems, what they were seen in, and what would say more."""
    if problems:
        yield f"{count(len(problems), 'problem')}."
    if subject.evidence:
        yield f"Seen in: {names([_source(each) for each in subject.evidence], _SOURCES)}."
    if missing := list(_missing(subject)):
        yield f"Missing: {'; '.join(missing)}."
    if report.not_tested:
        yield f"Not tested: {'; '.join(safe_text(each, 200) for each in report.not_tested[:_NAMED])}."


def _source(each: EvidenceSource) -> str:
    at = f" at {safe_text(each.seen_from, 60)}" if each.seen_from else ""
    return f"{KINDS.get(each.kind, safe_text(each.kind, 20))} {safe_text(each.name, 80)}{at}"


def _missing(subject: JoinedSubject) -> Iterator[str]:
    kinds = {each.kind for each in subject.evidence}
    if "log" not in kinds:
        yield "a log, so what users got is not known"
    if "configuration" not in kinds:
        yield "a configuration, so whether a rule sends all uploads to ICAP is not known"
    if not kinds & {"check", "script"}:
        yield "a check, so whether members work now is not known (--check)"

"""The report of `icapdiag diagnose`: what several sources say together first, then what each of them says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict, replace

from icapdiag import __version__
from icapdiag.facts.joined import JoinedSubject
from icapdiag.facts.run import Configuration, PoolSubject, ProbingVantage, Tool
from icapdiag.model import Finding, Problem, Report, Unmatched
from icapdiag.report.build import reading_vantage, timestamp
from icapdiag.vocabulary import EFFECT_ORDER, HEALTH_ORDER, SEVERITY_ORDER, CauseStatus, Health, Severity

_EVIDENCE = 5  # observations kept with a finding
_EXAMPLES = 5
_SICK = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING}


class Judgement(Struct, frozen=True, kw_only=True):
    """What all sources together lead to. ``explains``: what each finding is the reason of, by ids.

    ``names``: how members are called whose ``host:port`` a log has. Not ``complete``: more is missing than the single
    reports say.
    """

    findings: Sequence[Finding]
    problems: Sequence[Problem]
    explains: Mapping[str, frozenset[str]]
    names: Mapping[str, str]
    notes: Sequence[str] = ()
    complete: bool = True


def build_joined_report(
    *,
    subject: JoinedSubject,
    shown: Report | None,
    parts: Sequence[Report],
    judgement: Judgement,
    configuration: Configuration,
    digest: str,
    started_at: datetime,
    finished_at: datetime,
) -> Report:
    """``shown`` is the report whose members are listed. Times must be aware."""
    reasons = _Reasons(judgement)
    findings = [reasons.note(each) for each in judgement.findings]
    listed = _together(reasons.note(each) for part in parts for each in part.findings)
    every = (*findings, *listed)
    rest = _problems([each for part in parts for each in _problems_of(part)], listed)
    explained = {each.id for each in findings if each.because_of}
    found = [_with_consequences(each, every) for each in judgement.problems if each.finding not in explained]
    complete = judgement.complete and all(part.complete for part in parts)
    unmatched = [part.unmatched for part in parts]
    return Report(
        tool=Tool(name="icapdiag", version=__version__, runbooks=digest),
        command="diagnose",
        started_at=timestamp(started_at),
        finished_at=timestamp(finished_at),
        complete=complete,
        vantage=_vantage(shown),
        subject=subject,
        configuration=configuration,
        verdict=_verdict(subject, every, complete=complete),
        members=shown.members if shown else (),
        comparison=shown.comparison if shown else (),
        conformance=shown.conformance if shown else (),
        groups=tuple(group for part in parts for group in part.groups),
        scanner_events=tuple(each for part in parts for each in part.scanner_events or ()) or None,
        scanner_requests=tuple(each for part in parts for each in part.scanner_requests or ()) or None,
        timeline=tuple(bucket for part in parts for bucket in part.timeline),
        findings=tuple(sorted(every, key=_rank)),
        problems=tuple(_specific_first(_by_harm(found, rest), shown)) or None,
        suppressed=tuple(each for part in parts for each in part.suppressed),
        unmatched=Unmatched(
            count=sum(each.count for each in unmatched),
            examples=tuple(one for each in unmatched for one in each.examples)[:_EXAMPLES],
        ),
        notes=tuple(dict.fromkeys((*judgement.notes, *(note for part in parts for note in part.notes)))),
        not_tested=tuple(dict.fromkeys(_not_tested(parts, shown))) or None,
    )


def _rank(found: Finding | Problem) -> tuple[int, int]:
    """By harm; what several sources say together comes first, as the sort is stable."""
    effect = len(EFFECT_ORDER) if found.effect is None else EFFECT_ORDER.index(found.effect)
    return SEVERITY_ORDER.index(found.severity), effect


def _by_harm(found: Sequence[Problem], rest: Sequence[Problem]) -> list[Problem]:
    """What several sources say together comes first; of warnings, too, whose effect is only what it may come to."""
    later = [each for each in rest if each.severity is Severity.WARNING]
    return sorted((*found, *rest), key=lambda each: (_rank(each)[0], each in later, _rank(each)[1]))


def _specific_first(problems: Sequence[Problem], shown: Report | None) -> Sequence[Problem]:
    """Of problems of the same harm, what the latest test shows now goes before what is known less well.

    Before a member's problem without a proven cause goes what the test found there: it says what the member answers.
    Before a problem of no particular member, such as a log with gaps, goes that of members that fail in the test.
    """
    tested = {(each.finding, each.members) for each in _problems_of(shown)} if shown else set()
    failing = {each.name for each in shown.members if each.verdict is Health.CRITICAL} if shown else set()
    ordered = list(problems)
    for each in problems:
        if (each.finding, each.members) in tested or (each.members and _is_proven(each)):
            continue
        at = ordered.index(each)
        specific = [
            one
            for one in ordered[at + 1 :]
            if _rank(one) == _rank(each)
            and (
                (one.finding, one.members) in tested and {*each.members} <= {*one.members}
                if each.members
                else one.members and {*one.members} <= failing
            )
        ]
        ordered = [*ordered[:at], *specific, *(one for one in ordered[at:] if one not in specific)]
    return ordered


def _is_proven(problem: Problem) -> bool:
    return any(each.status is CauseStatus.PROVEN for each in problem.causes or ())


def _not_tested(parts: Sequence[Report], shown: Report | None) -> Iterable[str]:
    """What is missing of logs and configurations, and in the latest test: it stands for the earlier and other ones."""
    for part in parts:
        if part is shown or not isinstance(part.subject, PoolSubject):
            yield from part.not_tested or ()


def _vantage(shown: Report | None) -> ProbingVantage:
    if shown is not None and type(shown.vantage) is ProbingVantage:
        return shown.vantage
    return ProbingVantage(**asdict(reading_vantage()))


def _verdict(subject: JoinedSubject, findings: Sequence[Finding], *, complete: bool) -> Health:
    found = {_SICK[each.severity] for each in findings if each.severity in _SICK}
    if subject.scanning in {"no", "refused"}:
        found.add(Health.WARNING)
    if subject.scanning == "unknown" or not complete:
        found.add(Health.UNKNOWN)
    return next((each for each in HEALTH_ORDER if each in found), Health.OK)


def _problems_of(part: Report) -> Iterable[Problem]:
    if part.problems is not None:
        return part.problems
    names = ("severity", "title", "members", "count", "effect", "causes", "steps", "places")
    return tuple(
        Problem(finding=each.id, **{name: getattr(each, name) for name in names})
        for each in part.findings
        if not each.because_of
    )


class _Reasons:
    """Which findings of several sources are the reason of a finding, at all of its members."""

    def __init__(self, judgement: Judgement) -> None:
        self._findings, self._explains, self._names = judgement.findings, judgement.explains, judgement.names

    def note(self, finding: Finding) -> Finding:
        """The finding with its reasons. It is no more severe than these: what is over does no harm now."""
        reasons = [each for each in self._findings if self._explain(each, finding)]
        if not reasons:
            return finding
        names = dict.fromkeys((*(finding.because_of or ()), *(each.id for each in reasons)))
        severity = max(finding.severity, min((each.severity for each in reasons), key=_grave), key=_grave)
        return replace(finding, because_of=tuple(names), severity=severity)

    def _explain(self, one: Finding, other: Finding) -> bool:
        if other.id not in self._explains.get(one.id, ()):
            return False
        members = {self._names.get(name, name) for name in other.members}
        return not one.members or not members or members <= {*one.members}


def _grave(severity: Severity) -> int:
    return SEVERITY_ORDER.index(severity)


def _together(found: Iterable[Finding]) -> list[Finding]:
    """Findings of one runbook in several sources as one."""
    known: dict[str, Finding] = {}
    for each in found:
        known[each.id] = _sum(known[each.id], each) if each.id in known else each
    return list(known.values())


def _sum(one: Finding, other: Finding) -> Finding:
    first = min(filter(None, (one.first_seen, other.first_seen)), default=None)
    last = max(filter(None, (one.last_seen, other.last_seen)), default=None)
    return replace(
        one,
        members=tuple(dict.fromkeys((*one.members, *other.members))),
        count=one.count + other.count,
        severity=min(one.severity, other.severity, key=SEVERITY_ORDER.index),
        first_seen=first,
        last_seen=last,
        evidence=(*one.evidence, *other.evidence)[:_EVIDENCE],
        because_of=one.because_of if one.because_of and other.because_of else None,
    )


def _problems(found: Iterable[Problem], findings: Sequence[Finding]) -> list[Problem]:
    """Those that nothing above explains, each once."""
    explained = {each.id for each in findings if each.because_of}
    known: dict[tuple[str, tuple[str, ...]], Problem] = {}
    for each in found:
        if each.finding not in explained:
            known.setdefault((each.finding, each.members), each)
    return list(known.values())


def _with_consequences(problem: Problem, findings: Sequence[Finding]) -> Problem:
    follows = (each.id for each in findings if problem.finding in (each.because_of or ()))
    return replace(problem, consequences=tuple(dict.fromkeys((*(problem.consequences or ()), *follows))) or None)

"""From what was collected and what matched to the one value that every format is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from icapdiag import __version__
from icapdiag.report.untyped import Facts, Finding, MemberReport, Observation, Report, Unmatched
from icapdiag.vocabulary import Health, Severity, Status

NOTHING_LEARNT = "Nothing here went through ICAP, so nothing can be said about it."
NOTHING_PROBED = "Nothing was probed: no member of the pool is enabled."

_WORST_FIRST = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK)
_SICK = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING}  # info makes nobody sick


class ProbedMember(Struct, frozen=True, kw_only=True):
    """One member as the probes left it. ``host`` and ``port`` as configured, observations in order."""

    name: str
    host: str
    port: int
    observations: tuple[Observation, ...]
    line: int | None = None  # of the pool file
    accepted: bool = False  # some finding about it is suppressed, which explains a failure and makes nobody sick


class ReadLogs(Struct, frozen=True, kw_only=True):
    """What was read out of logs and pasted answers.

    ``groups`` are the requests that went alike, and the raw answers, each with the ids of its ``findings``.
    """

    subject: Facts
    groups: tuple[Facts, ...]
    timeline: tuple[Facts, ...]


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-01-01T00:00:00.000Z``. ``moment`` must be aware."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def empty_report(*notes: str) -> Report:
    """A report of nothing: drawn, it shows what a format says of itself."""
    never = timestamp(datetime.fromtimestamp(0, UTC))
    return Report(
        command="check",
        started_at=never,
        finished_at=never,
        complete=True,
        verdict=Health.OK,
        vantage={},
        subject={},
        notes=notes,
    )


def build_check_report(
    *,
    subject: Facts,
    vantage: Facts,
    members: Sequence[ProbedMember],
    findings: tuple[Finding, ...],
    unmatched: Unmatched,
    started_at: datetime,
    finished_at: datetime,
    complete: bool,
    notes: Iterable[str] = (),
) -> Report:
    """The report of ``icapdiag check``. Times must be aware; ``findings`` come worst first.

    A member is as sick as its worst finding. Without one it is ``unknown`` when a probe could not
    run or failed in a way that no runbook explains: silence must not look like health.
    ``complete`` says that the run was not cut short; a probe that could not run makes the report
    incomplete as well.
    """
    from icapdiag.report.sections.conformance import conformance_of  # noqa: PLC0415 - logs have none, and start faster without

    complete = complete and not any(o.status is Status.ERROR for member in members for o in member.observations)
    unexplained = {str(example.get("member")) for example in unmatched.examples}
    own: dict[str, list[Finding]] = {}
    for finding in findings:
        for name in finding.members:
            own.setdefault(name, []).append(finding)
    reports = tuple(
        MemberReport(
            name=member.name,
            address=member.host,
            port=member.port,
            verdict=_member_verdict(member, own.get(member.name, []), unexplained),
            probes=member.observations,
            line=member.line,
        )
        for member in members
    )
    all_notes = list(notes)
    if reports and all(report.verdict is Health.DISABLED for report in reports):
        all_notes.append(NOTHING_PROBED)
    return Report(
        command="check",
        started_at=timestamp(started_at),
        finished_at=timestamp(finished_at),
        complete=complete,
        verdict=_report_verdict(reports, findings, complete),
        vantage=vantage,
        subject=subject,
        tool={"name": "icapdiag", "version": __version__},
        members=reports,
        conformance=conformance_of(reports),
        findings=findings,
        unmatched=unmatched,
        notes=tuple(all_notes),
    )


def build_explain_report(
    *,
    logs: ReadLogs,
    vantage: Facts,
    findings: tuple[Finding, ...],
    unmatched: Unmatched,
    started_at: datetime,
    finished_at: datetime,
    complete: bool,
    notes: Iterable[str] = (),
) -> Report:
    """The report of ``icapdiag explain``. Times must be aware; ``findings`` come worst first.

    The verdict is that of the worst finding; without one it is ``unknown`` when something went wrong
    that no runbook explains, when only a part was read, or when there was nothing to judge.
    """
    verdicts = [_SICK[finding.severity] for finding in findings if finding.severity in _SICK]
    if unmatched.count or not complete or not logs.groups:
        verdicts.append(Health.UNKNOWN)
    return Report(
        command="explain",
        started_at=timestamp(started_at),
        finished_at=timestamp(finished_at),
        complete=complete,
        verdict=_worst(verdicts),
        vantage=vantage,
        subject=logs.subject,
        tool={"name": "icapdiag", "version": __version__},
        groups=logs.groups,
        timeline=logs.timeline,
        findings=findings,
        unmatched=unmatched,
        notes=(*notes, *(() if logs.groups else (NOTHING_LEARNT,))),
    )


def is_disabled(observations: Sequence[Observation]) -> bool:
    """Whether these observations of one member say that it is switched off in the pool."""
    return any(o.status is Status.SKIPPED and o.reason == "disabled" and not o.probe for o in observations)


def _worst(verdicts: Iterable[Health]) -> Health:
    found = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in found), Health.OK)


def _member_verdict(member: ProbedMember, own: Sequence[Finding], unexplained: set[str]) -> Health:
    if is_disabled(member.observations):
        return Health.DISABLED
    verdicts = [_SICK[finding.severity] for finding in own if finding.severity in _SICK]
    statuses = {observation.status for observation in member.observations}
    if (
        Status.ERROR in statuses
        or (Status.FAILED in statuses and not own and not member.accepted)
        or member.name in unexplained
        or not member.observations
    ):
        verdicts.append(Health.UNKNOWN)
    return _worst(verdicts)


def _report_verdict(members: Sequence[MemberReport], findings: Sequence[Finding], complete: bool) -> Health:
    verdicts: list[Health] = [member.verdict for member in members if member.verdict is not Health.DISABLED]
    if not verdicts or not complete:
        verdicts.append(Health.UNKNOWN)
    # A finding may name no member (it is about the pool as a whole) and counts all the same.
    verdicts += [_SICK[finding.severity] for finding in findings if finding.severity in _SICK]
    return _worst(verdicts)

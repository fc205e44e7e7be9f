"""Builds the report, from which every format is rendered, from what was collected and what matched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from icapdiag import __version__
from icapdiag.facts.config import LIKELY_NOT, LintSubject
from icapdiag.facts.connection import TCP
from icapdiag.facts.deep import Conformance, RuleResult
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import Bucket
from icapdiag.facts.pool import MemberDeviation, RuleOverview
from icapdiag.facts.run import (
    CaptureVantage,
    LogSubject,
    PoolSubject,
    ProbingVantage,
    Route,
    ScriptVantage,
    Tool,
    Vantage,
)
from icapdiag.facts.scanner import ReportedEvent, ReportedRequests
from icapdiag.icap.conformance import RULES
from icapdiag.model import Finding, MemberReport, Observation, Problem, Report, Unmatched
from icapdiag.vocabulary import HEALTH_ORDER, SEVERITY_ORDER, ExitStatus, Health, Severity, Status

NOTHING_LEARNT = "No request in it went through ICAP, and no ICAP response was found."
NOTHING_PROBED = "Nothing was probed: no member of the pool is enabled."
CAVEAT = (
    "This was tested from this host, not from the Service Engine: "
    "routes, firewalls, DNS and source address may differ there. "
    "What works from here may fail there, and vice versa."
)
SCRIPT_CAVEAT = (
    "A script in the shell of a Service Engine uses the kernel's network stack, not that of the data path: Avi calls "
    "such checks unreliable. What the data path does is in a packet capture (Operations > Traffic Capture)."
)

_SICK = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING}  # info makes nobody sick


class ProbedMember(Struct, frozen=True, kw_only=True):
    """One member with its observations in order. ``host`` and ``port`` as configured."""

    name: str
    host: str
    port: int
    observations: tuple[Observation, ...]
    line: int | None = None  # of the pool file
    accepted: bool = False  # some finding about it is suppressed, which explains a failure and makes nobody sick


class ReadLogs(Struct, frozen=True, kw_only=True):
    """What was read from logs and pasted answers.

    ``groups`` are requests with identical results, and the raw responses, each with the ids of its ``findings``.
    """

    subject: LogSubject
    groups: tuple[ReportedGroup, ...]
    timeline: tuple[Bucket, ...]
    events: tuple[ReportedEvent, ...] = ()  # of scanners' own logs, as the next ones
    requests: tuple[ReportedRequests, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether there is something to judge."""
        return bool(self.groups or self.events or self.requests)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-01-01T00:00:00.000Z``. ``moment`` must be aware."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def empty_report() -> Report:
    """A report without content: rendered, it shows the fixed words of a format."""
    never = timestamp(datetime.fromtimestamp(0, UTC))
    return Report(
        command="check",
        started_at=never,
        finished_at=never,
        complete=True,
        verdict=Health.OK,
        vantage=ProbingVantage(),
        subject=PoolSubject(),
    )


def build_check_report(
    *,
    subject: PoolSubject,
    vantage: ProbingVantage,
    members: Sequence[ProbedMember],
    findings: tuple[Finding, ...],
    unmatched: Unmatched,
    started_at: datetime,
    finished_at: datetime,
    complete: bool,
    notes: Iterable[str] = (),
) -> Report:
    """The report of ``icapdiag check``. Times must be aware; ``findings`` come worst first.

    A member's verdict is that of its worst finding. Without one it is ``unknown`` when a probe could not
    run or failed in a way that no runbook explains: silence must not look like health.
    ``complete`` says that the run was not cut short; a probe that could not run makes the report
    incomplete as well.
    """
    complete = complete and not any(o.status is Status.ERROR for member in members for o in member.observations)
    unexplained = {example.member for example in unmatched.examples}
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
        tool=Tool(name="icapdiag", version=__version__),
        members=reports,
        conformance=_conformance(reports),
        findings=findings,
        unmatched=unmatched,
        notes=tuple(all_notes),
    )


def build_explain_report(
    *,
    logs: ReadLogs,
    vantage: Vantage,
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
    if unmatched.count or not complete or not logs.anything:
        verdicts.append(Health.UNKNOWN)
    left_out = logs.subject.entries is not None and logs.subject.entries.filtered  # perhaps what it is about
    return Report(
        command="explain",
        started_at=timestamp(started_at),
        finished_at=timestamp(finished_at),
        complete=complete,
        verdict=_worst(verdicts),
        vantage=vantage,
        subject=logs.subject,
        tool=Tool(name="icapdiag", version=__version__),
        groups=logs.groups,
        scanner_events=logs.events or None,
        scanner_requests=logs.requests or None,
        timeline=logs.timeline,
        findings=findings,
        unmatched=unmatched,
        notes=(*notes, *(() if logs.anything or left_out else (NOTHING_LEARNT,))),
    )


def build_lint_report(
    *,
    subject: LintSubject,
    vantage: Vantage,
    findings: tuple[Finding, ...],
    problems: tuple[Problem, ...],
    started_at: datetime,
    finished_at: datetime,
    complete: bool = True,
    notes: Iterable[str] = (),
    not_tested: Iterable[str] = (),
) -> Report:
    """The report of ``icapdiag lint``. Times must be aware; ``findings`` come worst first.

    The verdict is that of the worst finding; it is ``unknown`` where the files do not show whether uploads reach ICAP,
    unless something critical was found.
    """
    verdict = _worst(_SICK[finding.severity] for finding in findings if finding.severity in _SICK)
    if verdict is not Health.CRITICAL and (_not_visible(subject) or not complete):
        verdict = Health.UNKNOWN
    return Report(
        command="lint",
        started_at=timestamp(started_at),
        finished_at=timestamp(finished_at),
        complete=complete,
        verdict=verdict,
        vantage=vantage,
        subject=subject,
        tool=Tool(name="icapdiag", version=__version__),
        findings=findings,
        problems=problems or None,
        notes=tuple(notes),
        not_tested=tuple(not_tested) or None,
    )


def _not_visible(subject: LintSubject) -> bool:
    """Whether of some virtual service, or of all, the files do not show if uploads reach ICAP.

    Where something is wrong that most likely keeps them from it, a finding says so.
    """
    return not subject.services or any(
        each.scanned == "unknown" and each.why not in LIKELY_NOT for each in subject.services
    )


def is_disabled(observations: Sequence[Observation]) -> bool:
    """Whether these observations of one member say that it is disabled in the pool."""
    return any(o.status is Status.SKIPPED and o.reason == "disabled" and not o.probe for o in observations)


def _worst(verdicts: Iterable[Health]) -> Health:
    found = set(verdicts)
    return next((verdict for verdict in HEALTH_ORDER if verdict in found), Health.OK)


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


def exit_status(report: Report, fail_on: Severity = Severity.CRITICAL) -> ExitStatus:
    """`FINDINGS` when a finding is at or above ``fail_on``; else `INCOMPLETE` or `OK`."""
    counted = SEVERITY_ORDER[: SEVERITY_ORDER.index(fail_on) + 1]
    if any(finding.severity in counted for finding in report.findings):
        return ExitStatus.FINDINGS
    if _has_gaps(report):
        return ExitStatus.INCOMPLETE
    return ExitStatus.OK


def _has_gaps(report: Report) -> bool:
    # The verdict alone would not do: a warning hides the unknown of the same member or of another.
    return (
        not report.complete
        or report.verdict is Health.UNKNOWN
        or report.unmatched.count > 0
        or any(member.verdict is Health.UNKNOWN for member in report.members)
        or (isinstance(report.subject, LintSubject) and _not_visible(report.subject))
    )


# --- the rules of RFC 3507 -------------------------------------------------------------------------


def _conformance(members: Sequence[MemberReport]) -> tuple[RuleOverview, ...]:
    """Each rule in order; empty unless a member was checked against them. Each of several addresses is named."""
    judged = [each for member in members for each in _judged(member)]
    return tuple(_overview(name, judged) for name in RULES) if judged else ()


def _judged(member: MemberReport) -> list[tuple[str, dict[str, RuleResult]]]:
    """Name and results by rule."""
    found = [sheet for probe in member.probes if (sheet := probe.facts.part(Conformance)) and sheet.rules is not None]
    return [
        (
            member.name if len(found) == 1 else f"{member.name} at {sheet.endpoint.address}",
            {result.rule or "": result for result in sheet.rules or ()},
        )
        for sheet in found
    ]


def _overview(name: str, judged: Sequence[tuple[str, Mapping[str, RuleResult]]]) -> RuleOverview:
    rule = RULES[name]
    found = [(member, results[name]) for member, results in judged if name in results]
    return RuleOverview(
        rule=rule.name,
        number=rule.number,
        section=rule.section,
        asks=rule.asks,
        tolerance=rule.tolerance,
        takes=rule.takes,
        passed=tuple(member for member, result in found if result.result == "pass"),
        deviating=tuple(
            MemberDeviation(member=member, detail=each.detail, seen=each.seen, breaks=each.breaks is True)
            for member, each in found
            if each.result == "deviates"
        ),
        not_tested=tuple(member for member, result in found if result.result == "not-tested"),
    )


# --- where the program ran -------------------------------------------------------------------------


def source_addresses(observations: Iterable[Observation]) -> list[str]:
    """Our addresses on the connections to the members, in the order in which they were first seen."""
    found = (tcp.local_address for each in observations if (tcp := each.facts.part(TCP)) is not None)
    return list(dict.fromkeys(address for address in found if address is not None))


def probing_vantage(observations: Sequence[Observation], kernel: ProbingVantage) -> ProbingVantage:
    """This host, which stands in for the Service Engine; ``kernel``: its answers. No traffic."""
    found = kernel | ProbingVantage(**_host(source_addresses(observations)))
    return replace(found, caveat=CAVEAT, routes=tuple(_routes(observations)))


def captured_vantage(clients: Sequence[str], place: str, *, avi_form: bool | None) -> CaptureVantage:
    """Where a capture was made; ``clients`` connected to the members, the most frequent first."""
    own = _host([])
    return CaptureVantage(
        host=clients[0] if clients and place == "client" else None,
        source_address=clients[0] if clients else None,
        source_addresses=tuple(clients),
        platform=own["platform"],
        python=own["python"],
        icapdiag=own["icapdiag"],
        place=place,
        avi_form=avi_form,
    )


def script_vantage(host: str, namespace: str, shell: str) -> ScriptVantage:
    """Where a script ran."""
    return ScriptVantage(
        **_host([]) | {"host": host or None},
        namespace=namespace or None,
        shell=shell or None,
        caveat=SCRIPT_CAVEAT,
    )


def reading_vantage() -> Vantage:
    """This host, which only read logs from elsewhere."""
    return Vantage(**_host([]))


def _routes(observations: Iterable[Observation]) -> list[Route]:
    """The routes to the members, most used first."""
    members: dict[tuple[str, str | None], set[str]] = {}
    for each in observations:
        tcp = each.facts.part(TCP)
        if tcp is not None and tcp.route_interface is not None:
            members.setdefault((tcp.route_interface, tcp.route_gateway), set()).add(each.member)
    ways = sorted(members.items(), key=lambda way: -len(way[1]))
    return [Route(interface=way[0], gateway=way[1], members=len(own)) for way, own in ways]


def _host(sources: Sequence[str]) -> dict[str, Any]:
    """``source_address`` is the first of the sources, None when no connection was made."""
    system = os.uname()  # socket and platform would say the same and take 4 ms to import
    return {
        "host": system.nodename,
        "source_address": sources[0] if sources else None,
        "source_addresses": tuple(sources),
        "platform": f"{system.sysname} {system.release} {system.machine}",
        "python": ".".join(map(str, sys.version_info[:3])),
        "icapdiag": __version__,
    }

"""The report as it was before facts had types: for what is not drawn from typed facts yet. To be gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from icapdiag import model
from icapdiag.facts import JSONValue, from_plain, logs, pool, run, to_plain
from icapdiag.facts.fields import sheet_type
from icapdiag.model import Facts, flatten
from icapdiag.vocabulary import Health, Severity, Status

__all__ = ["Facts", "JSONValue"]

SCHEMA_VERSION = 1


class Observation(Struct, frozen=True, kw_only=True):
    """One fact sheet about one member (``check``) or one request (``explain``).

    ``facts`` maps documented field names (``icapdiag runbooks fields``) to JSON values.
    ``elapsed_ms`` is wall time of the step in milliseconds, None if it never ran.
    ``reason`` is a `Reason`; for ``blocked`` the name of the probe that blocked it;
    for ``skipped`` a word such as ``disabled`` or ``not-asked``; None for ``ok``.
    ``transcript``: what was sent and received, where that was asked for, and what happened beside it.
    """

    source: str  # "probe" | "log" | "config"
    probe: str  # "dns" | "tcp" | "tls" | "options" | "clean" | "eicar"; "" for logs
    pool: str
    member: str
    status: Status
    reason: str | None = None
    elapsed_ms: float | None = None
    facts: Facts = {}
    transcript: tuple[Facts, ...] = ()


class Finding(Struct, frozen=True, kw_only=True):
    """A runbook and the observations that matched it."""

    id: str
    severity: Severity
    title: str
    members: tuple[str, ...]
    count: int  # observations that matched
    first_seen: str | None = None  # ISO 8601, UTC
    last_seen: str | None = None
    evidence: tuple[Facts, ...] = ()  # the first few observations, flat
    meaning: str = ""  # the runbook's "What it means"
    remedy: tuple[str, ...] = ()  # first steps, most useful first
    runbook: str = ""  # "runbooks/<id>.md"


class MemberReport(Struct, frozen=True, kw_only=True):
    """One pool member with everything that was tried on it, in order."""

    name: str
    address: str  # the host as configured: an address or a DNS name
    port: int
    verdict: Health
    probes: tuple[Observation, ...]
    line: int | None = None  # of the pool file, from 1


class Unmatched(Struct, frozen=True, kw_only=True):
    """Failed observations that no runbook explains: gaps made visible."""

    count: int = 0
    examples: tuple[Facts, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """What every output format is drawn from (design section 7)."""

    command: str
    started_at: str  # ISO 8601, UTC, milliseconds
    finished_at: str
    complete: bool
    verdict: Health
    vantage: Facts
    subject: Facts
    tool: Facts = {}
    members: tuple[MemberReport, ...] = ()
    comparison: tuple[Facts, ...] = ()  # the members side by side: fact, kind, camps, odd, unknown
    conformance: tuple[Facts, ...] = ()  # rules of RFC 3507: who keeps to each, who deviates, of whom it isn't known
    groups: tuple[Facts, ...] = ()  # requests of a log that went alike, the most frequent first
    timeline: tuple[Facts, ...] = ()  # counts by outcome, a bucket a minute, hour or day
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Facts, ...] = ()  # findings that the pool file accepts: id, members, owner, until, …
    unmatched: Unmatched = Unmatched()
    configuration: Facts = {}  # the pool as it was in force, and the options of the run
    notes: tuple[str, ...] = ()  # what the reader must know: interrupted, replaced runbooks, TLS not verified
    schema_version: int = SCHEMA_VERSION


def untyped_observations(observations: Iterable[model.Observation]) -> tuple[Observation, ...]:
    """Observations with their facts as dicts."""
    return tuple(Observation(**{**asdict(one), "facts": to_plain(one.facts)}) for one in observations)


def untyped_findings(findings: Iterable[model.Finding]) -> tuple[Finding, ...]:
    """Findings with their evidence as flat dicts."""
    return tuple(Finding(**{**asdict(one), "evidence": tuple(map(flatten, one.evidence))}) for one in findings)


def untyped_unmatched(unmatched: model.Unmatched) -> Unmatched:
    """The same of what no runbook explains."""
    return Unmatched(count=unmatched.count, examples=tuple(map(flatten, unmatched.examples)))


def retyped(report: Report | model.Report) -> model.Report:
    """The report with its facts of the classes in `icapdiag.facts`, for what is drawn from these."""
    if isinstance(report, model.Report):
        return report
    check = "sources" not in report.subject
    of_run = {
        "vantage": from_plain(run.ProbingVantage if check else run.Vantage, report.vantage),
        "subject": from_plain(run.PoolSubject if check else run.LogSubject, report.subject),
        "tool": from_plain(run.Tool, report.tool),
        "configuration": from_plain(run.Configuration, report.configuration),
        "comparison": tuple(from_plain(pool.ComparedFact, each) for each in report.comparison),
        "conformance": tuple(from_plain(pool.RuleOverview, each) for each in report.conformance),
        "groups": tuple(
            from_plain(logs.ReportedAnswer if each.get("probe") == "answer" else logs.ReportedGroup, each)
            for each in report.groups
        ),
        "timeline": tuple(from_plain(logs.Bucket, each) for each in report.timeline),
        "suppressed": tuple(from_plain(pool.SuppressedFinding, each) for each in report.suppressed),
    }
    found: dict[str, Any] = {
        **asdict(report),
        **of_run,
        "members": tuple(map(_member, report.members)),
        "findings": retyped_findings(report.findings),
        "unmatched": model.Unmatched(
            count=report.unmatched.count, examples=tuple(map(model.unflatten, report.unmatched.examples))
        ),
    }
    return model.Report(**found)


def retyped_findings(findings: Iterable[Finding]) -> tuple[model.Finding, ...]:
    """Findings with their evidence typed."""
    return tuple(
        model.Finding(**{**asdict(each), "evidence": tuple(map(model.unflatten, each.evidence))}) for each in findings
    )


def _member(member: MemberReport) -> model.MemberReport:
    probes = tuple(
        model.Observation(**{**asdict(each), "facts": from_plain(sheet_type("probe", each.probe), each.facts)})
        for each in member.probes
    )
    return model.MemberReport(**{**asdict(member), "probes": probes})

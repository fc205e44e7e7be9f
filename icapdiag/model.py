"""What every part of the program passes on: observations in, findings and reports out.

Frozen data without behaviour that needs anything else of ours, so that collecting
(``probe``), judging (``runbook``) and drawing (``report``) never import each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from icapdiag.facts.fields import sheet_type
from icapdiag.facts.logs import Bucket, ReportedGroup
from icapdiag.facts.pool import ComparedFact, RuleOverview, SuppressedFinding
from icapdiag.facts.run import Configuration, Subject, Tool, Vantage
from icapdiag.facts.sheet import JSONValue, Sheet, facts_of, from_plain, to_plain
from icapdiag.vocabulary import Health, Severity, Status

__all__ = ["JSONValue"]

SCHEMA_VERSION = 1

Facts = Mapping[str, JSONValue]


class Observation(Struct, frozen=True, kw_only=True):
    """One fact sheet about one member (``check``) or one request (``explain``).

    ``facts`` are of the class that `sheet_type` has for ``source`` and ``probe``.
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
    facts: Sheet
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
    evidence: tuple[Observation, ...] = ()  # the first few
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
    examples: tuple[Observation, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """What every output format is drawn from (design section 7)."""

    command: str
    started_at: str  # ISO 8601, UTC, milliseconds
    finished_at: str
    complete: bool
    verdict: Health
    vantage: Vantage
    subject: Subject
    tool: Tool = field(default_factory=Tool)
    members: tuple[MemberReport, ...] = ()
    comparison: tuple[ComparedFact, ...] = ()  # the members side by side
    conformance: tuple[RuleOverview, ...] = ()  # rules of RFC 3507 and who keeps to each
    groups: tuple[ReportedGroup, ...] = ()  # requests of a log that went alike, the most frequent first
    timeline: tuple[Bucket, ...] = ()  # counts by outcome, a bucket a minute, hour or day
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[SuppressedFinding, ...] = ()  # findings that the pool file accepts
    unmatched: Unmatched = Unmatched()
    configuration: Configuration = field(
        default_factory=Configuration
    )  # the pool as it was in force, and the options of the run
    notes: tuple[str, ...] = ()  # what the reader must know: interrupted, replaced runbooks, TLS not verified
    schema_version: int = SCHEMA_VERSION


def sheet_of(source: str, probe: str, facts: Mapping[str, Any]) -> Sheet:
    """The sheet of an observation of this source and probe, of facts by name.

    Raises TypeError for a fact that the sheet does not have, and msgspec.ValidationError for one of another type.
    """
    cls = sheet_type(source, probe)
    if strange := facts.keys() - {fact.key for fact in facts_of(cls)}:
        raise TypeError(f"{cls.__name__} has no {', '.join(sorted(strange))}")
    return from_plain(cls, to_plain(facts))


def flatten(observation: Observation) -> dict[str, JSONValue]:
    """The flat record that conditions look at: the observation's own fields, and its facts.

    A fact never hides a field of the observation itself.
    """
    return {
        **to_plain(observation.facts),
        "source": observation.source,
        "probe": observation.probe,
        "pool": observation.pool,
        "member": observation.member,
        "status": str(observation.status),
        "reason": observation.reason if observation.reason is None else str(observation.reason),
        "elapsed_ms": observation.elapsed_ms,
    }


def unflatten(record: Mapping[str, Any]) -> Observation:
    """The observation that `flatten` made ``record`` of. Raises msgspec.ValidationError where it can't be one."""
    source, probe = str(record.get("source", "")), str(record.get("probe", ""))
    reason = record.get("reason")
    return Observation(
        source=source,
        probe=probe,
        pool=str(record.get("pool", "")),
        member=str(record.get("member", "")),
        status=Status(str(record.get("status", Status.OK))),
        reason=None if reason is None else str(reason),
        elapsed_ms=record.get("elapsed_ms"),
        facts=from_plain(sheet_type(source, probe), record),
    )

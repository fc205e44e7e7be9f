"""From what was probed to the report: members, comparison, findings, notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from icapdiag.cli.check.suppressing import judge
from icapdiag.model import Facts, Report
from icapdiag.probe.host import host_facts
from icapdiag.probe.running.catalogue import left_out
from icapdiag.report.build import ProbedMember, build_check_report
from icapdiag.report.vantage import routes_seen, source_addresses, vantage_facts

if TYPE_CHECKING:
    from icapdiag.pool import Pool
    from icapdiag.probe import Probe, Results
    from icapdiag.runbook import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """What came of probing."""

    pool: Pool
    results: Results
    started_at: datetime
    finished_at: datetime
    probes: tuple[Probe, ...]
    resolvers: tuple[str, ...]  # that were given
    configuration: Facts
    thresholds: Facts  # after how many ms an answer is slow, and too slow
    correlation_id: str = ""  # of the EICAR that was sent; empty if none was
    interrupted: bool = False


def build_report(run: CheckRun, library: Library) -> Report:
    """Judge what was probed."""
    observations = run.results.observations
    judged = judge(library, run.pool, observations, run.started_at.date(), complete=run.results.complete)
    members = [
        ProbedMember(
            name=result.member.name,
            host=result.member.host,
            port=result.member.port,
            observations=tuple(result.observations),
            line=result.member.line,
            accepted=result.member.name in judged.accepted,
        )
        for result in run.results.members
    ]
    sources = source_addresses(observations)
    report = build_check_report(
        subject={**_subject(run.pool), **run.thresholds},
        vantage=vantage_facts(sources, {**host_facts(sources, run.resolvers), "routes": routes_seen(observations)}),
        members=members,
        findings=judged.findings,
        unmatched=judged.unmatched,
        started_at=run.started_at,
        finished_at=run.finished_at,
        complete=run.results.complete,
        notes=_notes(run, library),
    )
    tool = {**report.tool, "runbooks": library.digest}
    return replace(
        report,
        comparison=run.results.comparison,
        configuration=run.configuration,
        suppressed=judged.suppressed,
        tool=tool,
    )


def _subject(pool: Pool) -> Facts:
    profile = pool.profile
    return {
        "pool": pool.name,
        "service_uri": profile.service_uri,
        "source": pool.source,
        "vendor": profile.vendor,
        "preview_size": profile.preview_size,
        "allow_204": profile.allow_204,
        "response_timeout": profile.response_timeout,
    }


def _notes(run: CheckRun, library: Library) -> list[str]:
    notes = list(run.pool.notes)
    if names := left_out(run.probes):
        notes.append(f"Left out, so nothing is known of what they would show: {', '.join(names)}.")
    if run.interrupted:
        notes.append("Interrupted: what had not been probed by then is unknown.")
    if (cap := run.results.in_flight_cap) < min(1024, len(run.pool.members)):
        notes.append(f"Only {cap} members were probed at a time: this process may not open more files (ulimit -n).")
    if run.correlation_id:
        notes.append(f"The EICAR test virus was sent with X-Correlation-ID {run.correlation_id}.")
    unverified = [member.name for member in run.pool.members if member.tls is not None and not member.tls.verify]
    if unverified:
        notes.append(f"TLS certificates were not verified (tls.verify: false) for {', '.join(unverified)}.")
    notes += [f"A runbook of yours replaces the built-in {name}." for name in library.replaced]
    return notes

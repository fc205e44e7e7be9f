"""`check`: probe a pool, judge the facts by the runbooks, report."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

import trio
from msgspec.structs import asdict, replace

from icapdiag.api.suppressing import judge, resolve
from icapdiag.api.untested import not_tested
from icapdiag.facts.connection import DNS
from icapdiag.facts.run import (
    Configuration,
    ConfiguredMember,
    ConfiguredSuppression,
    PoolSubject,
    ProfileSettings,
    RunOptions,
    TLSSettings,
)
from icapdiag.model import Report
from icapdiag.pool import TLS, Pool, load_pool, pool_from_urls
from icapdiag.probe import PROBES, Observer, Probe, Results, Settings, probe_pool
from icapdiag.probe.connection.answer import thresholds
from icapdiag.probe.host import host_facts
from icapdiag.probe.running.catalogue import choose, chosen_names, in_rounds, left_out
from icapdiag.report.build import ProbedMember, build_check_report, probing_vantage, source_addresses
from icapdiag.runbook import Library, load_runbooks

_NAMED = 8  # addresses that were not tested


async def check(
    pool: Pool | str | PathLike[str],
    *,
    settings: Settings | None = None,
    probes: tuple[Probe, ...] | None = None,
    runbooks: Library | None = None,
    observer: Observer | None = None,
    cancel_scope: trio.CancelScope | None = None,
) -> Report:
    """Probe every enabled member of a pool and say what is wrong and what to do. Runs under trio.

    ``pool`` is a pool file or an export of Avi's, the URL of one server (``icap://HOST:PORT/SERVICE``, ``icaps://``),
    or an `icapdiag.pool.Pool`. ``settings`` say how to probe (times in seconds), and whether the EICAR test virus may
    be sent: it is also sent if the pool file asks for it. ``probes`` are those of a usual run if they are None,
    ``runbooks`` (`icapdiag.runbook.load_runbooks`) the program's own. ``observer`` is notified of progress. Cancel
    ``cancel_scope`` to stop early: the report then contains the results so far, and is not `complete`. Failing servers
    raise nothing: they are in the report.

    Raises `icapdiag.pool.PoolError` for a pool that can't be used, with every mistake and its place, before anything
    is sent.
    """
    library = load_runbooks() if runbooks is None else runbooks
    if not isinstance(pool, Pool):
        pool = pool_from_urls([pool]) if isinstance(pool, str) and "://" in pool else load_pool(Path(pool))
    resolve(pool, library)
    settings = settings or Settings()
    if probes is None:
        probes = in_rounds(choose(PROBES), settings.count)
    settings = in_force(pool, settings, probes)
    scope = cancel_scope or trio.CancelScope()
    started_at = datetime.now(UTC)
    results = await probe_pool(pool, settings, observer, cancel_scope=scope, probes=probes)
    finished_at = datetime.now(UTC)
    judged = judge(library, pool, results.observations, started_at.date(), complete=results.complete)
    members = [
        ProbedMember(
            name=result.member.name,
            host=result.member.host,
            port=result.member.port,
            observations=tuple(result.observations),
            line=result.member.line,
            accepted=result.member.name in judged.accepted,
        )
        for result in results.members
    ]
    host = host_facts(source_addresses(results.observations), settings.resolvers)
    report = build_check_report(
        subject=_subject(pool, settings),
        vantage=probing_vantage(results.observations, host),
        members=members,
        findings=judged.findings,
        unmatched=judged.unmatched,
        started_at=started_at,
        finished_at=finished_at,
        complete=results.complete,
        notes=_notes(pool, settings, probes, results, library, interrupted=scope.cancel_called),
    )
    return replace(
        report,
        comparison=results.comparison,
        configuration=_configuration(pool, settings, probes),
        problems=judged.problems or None,
        suppressed=judged.suppressed,
        not_tested=tuple(not_tested(pool, settings, probes, results.members)),
        tool=replace(report.tool, runbooks=library.digest),
    )


def in_force(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Settings:
    """The settings with EICAR as requested by them or by the pool, and a correlation id."""
    asked = (settings.eicar or "eicar" in pool.samples) and "eicar" not in left_out(probes)
    return replace(
        settings,
        eicar=asked and any(member.enabled for member in pool.members),
        correlation_id=settings.correlation_id or f"icapdiag-{secrets.token_hex(8)}",
    )


def _subject(pool: Pool, settings: Settings) -> PoolSubject:
    profile = pool.profile
    return PoolSubject(
        pool=pool.name,
        service_uri=profile.service_uri,
        source=pool.source,
        vendor=profile.vendor,
        preview_size=profile.preview_size,
        allow_204=profile.allow_204,
        response_timeout=profile.response_timeout,
        **thresholds(profile, settings),
    )


def _configuration(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Configuration:
    """All values with Avi's names and units, the options with those of `Settings`. Keys are left out."""
    chosen = chosen_names(probes)
    suppressions = (
        ConfiguredSuppression(
            finding=each.finding,
            member=None if each.member == "*" else each.member,
            reason=each.reason,
            owner=each.owner,
            until=each.until.isoformat(),
        )
        for each in pool.suppressions
    )
    return Configuration(
        pool=pool.name,
        source=pool.source,
        profile=ProfileSettings(**asdict(pool.profile), stated=tuple(sorted(pool.stated))),
        samples=tuple(pool.samples),
        compare=pool.compare,
        members=tuple(
            ConfiguredMember(host=each.host, port=each.port, name=each.name, enabled=each.enabled, tls=_tls(each.tls))
            for each in pool.members
        ),
        suppressions=tuple(suppressions),
        options=RunOptions(probes=tuple(each.name for each in probes if each.name in chosen), **asdict(settings)),
    )


def _tls(tls: TLS | None) -> TLSSettings | None:
    if tls is None:
        return None
    files = {name: str(path) for name in ("ca_file", "cert_file") if (path := getattr(tls, name)) is not None}
    return TLSSettings(verify=tls.verify, server_name=tls.server_name, **files)


def _notes(
    pool: Pool, settings: Settings, probes: tuple[Probe, ...], results: Results, library: Library, *, interrupted: bool
) -> list[str]:
    notes = list(pool.notes)
    if names := left_out(probes):
        notes.append(f"Left out, so their results are unknown: {', '.join(names)}.")
    if interrupted:
        notes.append("Interrupted: the remaining probes were not run.")
    for each in results.observations:
        dns = each.facts.part(DNS)
        if dns is not None and (untested := dns.addresses_not_tested):
            more = (dns.addresses_found or 0) - (dns.addresses_tested or 0) - len(untested[:_NAMED])
            named = ", ".join(untested[:_NAMED]) + (f" and {more:,} more" if more else "")
            notes.append(
                f"{each.member} has {dns.addresses_found:,} addresses, and {dns.addresses_tested} were tested"
                f" (--max-addresses). Not tested: {named}."
            )
    if (cap := results.in_flight_cap) < min(1024, len(pool.members)):
        notes.append(f"Only {cap} members were probed at a time: this process may not open more files (ulimit -n).")
    if any(each.probe == "eicar" and each.elapsed_ms is not None for each in results.observations):
        notes.append(f"The EICAR test virus was sent with X-Correlation-ID {settings.correlation_id}.")
    unverified: dict[str, list[str]] = {}
    for member in pool.members:
        if member.tls is not None and not member.tls.verify:
            unverified.setdefault(member.tls.unverified, []).append(member.name)
    for why, found in unverified.items():
        notes.append(f"TLS certificates were not verified ({why}) for {', '.join(found)}.")
    guessed = [member.name for member in pool.members if member.tls is not None and not member.tls.sni_known]
    if guessed:
        notes.append(
            f"SNI may differ on a Service Engine for {', '.join(guessed)}: the Avi pool has no server_name, so it is"
            " the client's Host there. Try that name with --sni NAME."
        )
    unchecked = [m.name for m in pool.members if m.tls is not None and m.tls.verify and not m.tls.names_known]
    if unchecked:
        notes.append(
            f"The name in the certificate was not checked for {', '.join(unchecked)}: with host_check_enabled and"
            " without domain_name, Avi checks the client's Host there. Pass that name with --sni NAME."
        )
    notes += [f"A runbook of yours replaces the built-in {name}." for name in library.replaced]
    return notes

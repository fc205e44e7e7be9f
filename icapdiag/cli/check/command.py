"""``icapdiag check``: probe every member of a pool and say what is wrong and what to do."""

# No annotations from __future__ here: as text, typer evaluates those of a command three times, which takes 6 ms.

import typer

from icapdiag.cli.check.options import (
    Ceiling,
    ConnectTimeout,
    Count,
    Crit,
    Deadline,
    DepthChoice,
    Device,
    Eicar,
    Idle,
    IPv4,
    IPv6,
    Lab,
    Latency,
    ListProbes,
    Load,
    MaxSize,
    Only,
    PlanOnly,
    ProfileName,
    Rate,
    Resolver,
    Rps,
    ServiceUri,
    Skip,
    Source,
    Targets,
    Timeout,
    Transcript,
    Warn,
    Yes,
)
from icapdiag.cli.options import FailOn, Folders, Force, Keep, Key, Outputs, Redact, Tickets, redaction_of
from icapdiag.vocabulary import Severity


def check(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    pool: Targets = None,
    lab: Lab = False,
    eicar: Eicar = False,
    depth: DepthChoice = None,
    only: Only = None,
    skip: Skip = None,
    list_probes: ListProbes = False,
    plan: PlanOnly = False,
    count: Count = None,
    load: Load = False,
    yes: Yes = False,
    load_ceiling: Ceiling = None,
    expected_rps: Rps = None,
    expected_latency: Latency = None,
    idle: Idle = None,
    service_uri: ServiceUri = None,
    profile: ProfileName = None,
    folders: Folders = None,
    output: Outputs = None,
    ticket: Tickets = None,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
    fail_on: FailOn = Severity.CRITICAL,
    source: Source = None,
    interface: Device = None,
    ipv4: IPv4 = False,
    ipv6: IPv6 = False,
    resolver: Resolver = None,
    rate: Rate = None,
    warn: Warn = None,
    crit: Crit = None,
    max_size: MaxSize = None,
    transcript: Transcript = False,
    connect_timeout: ConnectTimeout = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
) -> None:
    """Probe every member of an ICAP pool; say what is wrong and what to do."""
    from icapdiag.cli.check import asked, run
    from icapdiag.cli.check import plan as plans
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.output import chosen_outputs, end_status, write_outputs

    if list_probes:
        run.list_probes()
        return
    if lab and (service_uri is not None or profile is not None):
        raise typer.BadParameter("the lab has its own service and profile", param_hint="--lab")
    if bool(pool) == lab:
        raise typer.BadParameter("give a pool file, one or more ICAP URLs, or --lab", param_hint="POOL_OR_URL")
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction)
    if plan and not {each.format for each in outputs} <= {"table", "json"}:
        raise typer.BadParameter("a plan is written as table or json only", param_hint="--plan")
    settings = asked.settings_of(
        eicar=eicar,
        transcript=transcript,
        count=count,
        rate=rate,
        warn_ms=warn,
        crit_ms=crit,
        source=source,
        interface=interface,
        ipv4=ipv4,
        ipv6=ipv6,
        resolvers=resolver,
        load_ceiling=load_ceiling,
        expected_rps=expected_rps,
        expected_latency_ms=expected_latency,
        idle=idle,
        connect_timeout=connect_timeout,
        timeout=timeout,
        deadline=deadline,
    )
    probes = asked.chosen_probes(settings, depth, only, skip, load=load)
    asked.insist_on_use(probes, settings, load=load, yes=yes, ceiling=load_ceiling)
    settings = asked.with_largest(settings, max_size, probes)
    library = load_library(folders)  # before any traffic: a mistake in a runbook must not cost a run
    target = None if lab else run.load(pool or [], profile, service_uri, library)
    if target is not None:
        asked.insist_on_consent(target, only, eicar=eicar)
    if plan:
        raise typer.Exit(plans.write_plan(run.plan(target, settings, probes), outputs))
    if load and not yes and target is not None:  # our own lab needs no leave
        asked.confirm_load(target, settings)
    report, interrupted = run.run(target, settings, probes, library)
    written = write_outputs(report, outputs, redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written, interrupted=interrupted))

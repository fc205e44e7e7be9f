"""``icapdiag check``: probe every member of a pool and say what is wrong and what to do."""

import typer

from icapdiag.cli.check import options
from icapdiag.cli.options import (
    FailOn,
    Folders,
    Force,
    Keep,
    Key,
    Outputs,
    ProfileName,
    Quiet,
    Redact,
    ServiceName,
    ServiceUri,
    Tickets,
    Verbose,
    detail_of,
    redaction_of,
)
from icapdiag.vocabulary import Severity

EXAMPLES = """\
icapdiag check pool.yaml                            probe every member
icapdiag check icap://10.0.0.7:1344/avscan --eicar  one server, and is a virus detected?
icapdiag check pool.yaml --depth deep --eicar -o html=report.html
icapdiag check avi-export.json --plan               what would be sent?
icapdiag check --lab                                try it: needs no server"""


def check(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    pool: options.Targets = None,
    lab: options.Lab = False,
    eicar: options.Eicar = False,
    depth: options.DepthChoice = None,
    only: options.Only = None,
    skip: options.Skip = None,
    list_probes: options.ListProbes = False,
    plan: options.PlanOnly = False,
    count: options.Count = None,
    load: options.Load = False,
    yes: options.Yes = False,
    load_ceiling: options.Ceiling = None,
    expected_rps: options.Rps = None,
    expected_latency: options.Latency = None,
    idle: options.Idle = None,
    service_uri: ServiceUri = None,
    profile: ProfileName = None,
    virtual_service: ServiceName = None,
    folders: Folders = None,
    output: Outputs = None,
    ticket: Tickets = None,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    fail_on: FailOn = Severity.CRITICAL,
    sni: options.SNI = None,
    source: options.Source = None,
    interface: options.Device = None,
    ipv4: options.IPv4 = False,
    ipv6: options.IPv6 = False,
    max_addresses: options.MaxAddresses = None,
    resolver: options.Resolver = None,
    rate: options.Rate = None,
    warn: options.Warn = None,
    crit: options.Crit = None,
    max_size: options.MaxSize = None,
    transcript: options.Transcript = False,
    dns_timeout: options.DnsTimeout = None,
    connect_timeout: options.ConnectTimeout = None,
    timeout: options.Timeout = None,
    deadline: options.Deadline = None,
) -> None:
    """Probe every member of an ICAP pool; say what is wrong and what to do."""
    from icapdiag.cli.check import asked, run
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.output import chosen_outputs, end_status, write_outputs
    from icapdiag.cli.signals import stopping
    from icapdiag.pool.avi import Choice

    if list_probes:
        run.list_probes()
        return
    if lab and (service_uri, profile, virtual_service, sni) != (None,) * 4:
        raise typer.BadParameter("the lab has its own service, profile and names", param_hint="--lab")
    if bool(pool) == lab:
        raise typer.BadParameter("give a pool file, one or more ICAP URLs, or --lab", param_hint="POOL_OR_URL")
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction, detail=detail_of(quiet, verbose))
    if plan and not {each.format for each in outputs} <= {"table", "json"}:
        raise typer.BadParameter("a plan is written as table or json only", param_hint="--plan")
    if plan and (quiet or verbose):
        raise typer.BadParameter("has no effect on a plan", param_hint="-q" if quiet else "-v")
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
        max_addresses=max_addresses,
        resolvers=resolver,
        load_ceiling=load_ceiling,
        expected_rps=expected_rps,
        expected_latency_ms=expected_latency,
        idle=idle,
        dns_timeout=dns_timeout,
        connect_timeout=connect_timeout,
        timeout=timeout,
        deadline=deadline,
    )
    probes = asked.chosen_probes(settings, depth, only, skip, load=load)
    asked.insist_on_use(probes, settings, load=load, yes=yes, ceiling=load_ceiling)
    settings = asked.with_largest(settings, max_size, probes)
    library = load_library(folders)  # before any traffic: a mistake in a runbook must not cost a run
    target = None if lab else run.load(pool or [], Choice(profile, virtual_service), service_uri, library)
    if target is not None:
        target = asked.with_sni(target, sni)
        asked.insist_on_consent(target, only, eicar=eicar)
    if plan:
        from icapdiag.cli.check.plan import write_plan

        raise typer.Exit(write_plan(run.plan(target, settings, probes), outputs))
    if load and not yes and target is not None:  # our own lab needs no leave
        asked.confirm_load(target, settings)
    with stopping() as stop:
        report, interrupted = run.run(target, settings, probes, library, stop)
        written = write_outputs(report, outputs, redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written, interrupted=interrupted))

"""``icapdiag check``: probe every member of a pool and say what is wrong and what to do."""

# ruff: noqa: PLC0415 - trio, pydantic and the renderers are imported when the command runs: --help must stay fast

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from icapdiag.cli.check.announce import announcement
from icapdiag.cli.check.loading import Ceiling, Idle, Latency, Load, Loading, Rps, Yes
from icapdiag.cli.check.probing import (
    ConnectTimeout,
    Count,
    Crit,
    Deadline,
    DepthChoice,
    Device,
    IPv4,
    IPv6,
    ListProbes,
    MaxSize,
    Only,
    PlanOnly,
    Rate,
    Resolver,
    Skip,
    Source,
    Timeout,
    Transcript,
    Warn,
    changed,
    chosen_probes,
    family_of,
    insist_on_consent,
    insist_on_order,
    largest,
)
from icapdiag.cli.console import complain, stderr_is_terminal, stop_with
from icapdiag.cli.library import load_library
from icapdiag.cli.options import Folders, Force, Outputs, Tickets, chosen_outputs
from icapdiag.cli.output import end_status, write_outputs
from icapdiag.cli.redacting import Keep, Key, Redact, redaction_of
from icapdiag.vocabulary import Severity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio

    from icapdiag.cli.check.report import CheckRun
    from icapdiag.pool import Pool
    from icapdiag.probe import Probe, Settings
    from icapdiag.probe.running.plan import Plan
    from icapdiag.runbook import Library


T = TypeVar("T")


def check(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    pool: Annotated[
        list[str] | None,
        typer.Argument(metavar="POOL_OR_URL...", help="A pool file, or icap:// and icaps:// URLs.", show_default=False),
    ] = None,
    lab: Annotated[bool, typer.Option("--lab", help="Probe the embedded lab, with EICAR: no pool is needed.")] = False,
    eicar: Annotated[
        bool,
        typer.Option("--eicar", help="Send the harmless EICAR test virus too. Sensors on the way may raise alarms."),
    ] = False,
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
    service_uri: Annotated[
        str | None, typer.Option(metavar="PATH", help="Use this service, not the pool file's.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take this ICAP profile of an Avi export that holds several.")
    ] = None,
    folders: Folders = None,
    output: Outputs = None,
    ticket: Tickets = None,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
    fail_on: Annotated[Severity, typer.Option(help="Exit 1 for findings from this severity on.")] = Severity.CRITICAL,
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
    if lab and (service_uri is not None or profile is not None):
        raise typer.BadParameter("the lab has its own service and profile", param_hint="--lab")
    if bool(pool) == lab:
        raise typer.BadParameter("give a pool file, one or more ICAP URLs, or --lab", param_hint="POOL_OR_URL")
    insist_on_order(warn, crit)
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction)
    if plan and not {each.format for each in outputs} <= {"table", "json"}:
        raise typer.BadParameter("a plan is written as table or json only", param_hint="--plan")
    from icapdiag.probe import Settings

    settings = changed(
        Settings(eicar=eicar, correlation_id=_correlation_id(), transcript=transcript),
        count=count,
        rate=rate,
        warn_ms=warn,
        crit_ms=crit,
        source=source,
        interface=interface,
        family=family_of(ipv4=ipv4, ipv6=ipv6),
        resolvers=tuple(resolver) if resolver else None,
        connect_timeout=connect_timeout,
        timeout=timeout,
        deadline=deadline,
    )
    asked = Loading(
        load=load,
        yes=yes,
        ceiling=load_ceiling,
        rps=expected_rps,
        latency=expected_latency,
        idle=idle,
        rate=rate,
    )
    settings = asked.settle(settings)
    probes = chosen_probes(depth, only, skip, eicar=eicar, repeated=settings.count > 1, load=load)
    asked.insist(probes)
    settings = changed(settings, max_size=largest(max_size, probes))
    library = load_library(folders)  # before any traffic: a mistake in a runbook must not cost a run
    loaded = None if lab else _load(pool or [], profile, service_uri, library)
    if loaded is not None:
        insist_on_consent(loaded, only, eicar=eicar)
    if plan:
        from icapdiag.cli.check.plan import write_plan

        raise typer.Exit(write_plan(_plan(loaded, settings, probes), outputs))
    from icapdiag.cli.check.report import build_report

    asked.ask(loaded, settings)
    run = _run(_lab, settings, probes) if loaded is None else _run(_collect, loaded, settings, probes)
    report = build_report(run, library)
    written = write_outputs(report, outputs, redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written, interrupted=run.interrupted))


def _correlation_id() -> str:
    import secrets

    return f"icapdiag-{secrets.token_hex(8)}"


def _load(targets: list[str], profile: str | None, service_uri: str | None, library: Library) -> Pool:
    """The pool of a file or of URLs; what is wrong with it ends the command."""
    from icapdiag.cli.check.suppressing import resolve
    from icapdiag.pool import PoolError, load_pool, pool_from_urls

    urls = [target for target in targets if "://" in target]
    try:
        if urls:
            if len(urls) < len(targets):
                raise typer.BadParameter("a pool file and URLs can't be mixed", param_hint="POOL_OR_URL")
            if profile is not None or service_uri is not None:
                option = "--service-uri" if profile is None else "--profile"
                raise typer.BadParameter("is for files: a URL says it all", param_hint=option)
            return pool_from_urls(urls, name="from the command line")
        if len(targets) > 1:
            raise typer.BadParameter("only one pool file can be checked at a time", param_hint="POOL_OR_URL")
        return resolve(load_pool(Path(targets[0]), profile=profile, service_uri=service_uri), library)
    except PoolError as error:
        stop_with([*error.errors, *_hint(targets)])


def _hint(targets: list[str]) -> list[str]:
    """What to write instead, for who gave a server where a file is wanted."""
    target = targets[0]
    if (
        len(targets) > 1
        or "://" in target
        or Path(target).suffix in {".yaml", ".yml", ".json"}
        or Path(target).exists()
    ):
        return []
    return [f"For a server give its URL: icap://{target}/SERVICE"]


def _run(work: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run ``work`` under trio. Raises KeyboardInterrupt when interrupted a second time."""
    import trio

    try:
        return trio.run(work, *args)
    except BaseExceptionGroup as group:  # what a nursery makes of an exception
        if group.subgroup(KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def _plan(pool: Pool | None, settings: Settings, probes: tuple[Probe, ...]) -> Plan:
    """What would be sent to the pool; None is the embedded lab, which is started to know its ports."""
    from icapdiag.probe.running.plan import plan_pool

    async def of_the_lab() -> Plan:
        from icapdiag.lab import serve_lab

        async with serve_lab(_lab_faults(probes)) as running:
            return _plan(_lab_pool(running.pool_yaml), settings, probes)

    return _run(of_the_lab) if pool is None else plan_pool(pool, _with_eicar(pool, settings, probes), probes)


def _with_eicar(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Settings:
    """The settings with EICAR as the options and the pool ask for it together."""
    from icapdiag.probe.running.catalogue import left_out

    asked = (settings.eicar or "eicar" in pool.samples) and "eicar" not in left_out(probes)
    return replace(settings, eicar=asked and any(member.enabled for member in pool.members))


async def _lab(settings: Settings, probes: tuple[Probe, ...]) -> CheckRun:
    from icapdiag.lab import serve_lab

    async with serve_lab(_lab_faults(probes)) as running:
        return await _collect(_lab_pool(running.pool_yaml), settings, probes)


def _lab_faults(probes: tuple[Probe, ...]) -> tuple[str, ...]:
    """The members that these probes can tell from healthy ones."""
    from icapdiag.lab import faults_of
    from icapdiag.probe.running.catalogue import left_out

    missed = left_out(probes)
    run = [probe for probe in probes if probe.name not in missed]
    if any(probe.label == "load" for probe in run):
        return faults_of("load")
    return faults_of("deep" if any(probe.depth == "deep" for probe in run) else "standard")


def _lab_pool(text: str) -> Pool:
    from icapdiag.pool import loads_pool

    return replace(loads_pool(text.encode(), Path("lab")), source="the embedded lab")


async def _collect(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> CheckRun:
    """Probe the pool. The first SIGINT or SIGTERM ends the probes early, the next one the program."""
    import trio

    from icapdiag.cli.check.configuration import configuration
    from icapdiag.cli.check.progress import Progress
    from icapdiag.cli.check.report import CheckRun
    from icapdiag.probe import probe_pool
    from icapdiag.probe.connection.answer import thresholds

    enabled = [member for member in pool.members if member.enabled]
    progress = Progress(len(enabled), visible=stderr_is_terminal())
    stop = trio.CancelScope()
    started_at = datetime.now(UTC)
    settings = _with_eicar(pool, settings, probes)
    if settings.eicar:
        complain(announcement(enabled, settings, started_at))
    async with trio.open_nursery() as nursery:
        await nursery.start(_stop_on_signal, stop)
        nursery.start_soon(progress.draw)
        results = await probe_pool(pool, settings, progress, cancel_scope=stop, probes=probes)
        nursery.cancel_scope.cancel()
    return CheckRun(
        pool=pool,
        results=results,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        probes=probes,
        resolvers=settings.resolvers,
        configuration=configuration(pool, settings, probes),
        thresholds=thresholds(pool.profile, settings),
        correlation_id=settings.correlation_id if settings.eicar else "",
        interrupted=stop.cancel_called,
    )


async def _stop_on_signal(stop: trio.CancelScope, task_status: trio.TaskStatus[None]) -> None:
    import signal

    import trio

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
    # From here on the usual handlers are back: a second Ctrl-C ends the program at once.
    stop.cancel()

"""The work of ``icapdiag check``: the pool is loaded, probed under trio, and a signal ends that early."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import trio
from msgspec.structs import replace

from icapdiag.api.checking import check, in_force
from icapdiag.api.suppressing import resolve
from icapdiag.cli import pools
from icapdiag.cli.console import complain, print_text, stderr_is_terminal
from icapdiag.cli.progress import INTERVAL, ProbingProgress, StatusLine
from icapdiag.cli.signals import Stop
from icapdiag.model import Report
from icapdiag.pool import Member, Pool, loads_pool
from icapdiag.pool.avi import Choice
from icapdiag.probe import PROBES, Probe, Settings
from icapdiag.probe.running.catalogue import chosen_names
from icapdiag.probe.running.plan import Plan, plan_pool
from icapdiag.report.build import timestamp
from icapdiag.runbook import Library

T = TypeVar("T")


def list_probes() -> None:
    """Print the probes, what each one may set off, and what it sends."""
    width = max(len(probe.name) for probe in PROBES)
    print_text("".join(f"{probe.name:<{width}}  {probe.label:<6}  {probe.sends}\n" for probe in PROBES))


def load(targets: list[str], choice: Choice, service_uri: str | None, library: Library) -> Pool:
    """The pool of a file or of URLs; what is wrong with it, or with its suppressions, ends the command."""
    return pools.load(targets, choice, service_uri, hint="POOL_OR_URL", resolve=lambda found: resolve(found, library))


def plan(pool: Pool | None, settings: Settings, probes: tuple[Probe, ...]) -> Plan:
    """What would be sent to the pool; None is the embedded lab, which is started to know its ports."""

    async def planned(pool: Pool) -> Plan:
        return plan_pool(pool, in_force(pool, settings, probes), probes)

    return under_trio(lambda: _with_pool(pool, probes, planned))


def run(
    pool: Pool | None, settings: Settings, probes: tuple[Probe, ...], library: Library, stop: Stop
) -> tuple[Report, bool]:
    """Probe the pool, or the lab (None), until ``stop``; the report, and whether the run was interrupted."""

    async def checked(pool: Pool) -> tuple[Report, bool]:
        return await _check(pool, settings, probes, library, stop)

    return under_trio(lambda: _with_pool(pool, probes, checked))


def under_trio(work: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run ``work`` under trio. Raises KeyboardInterrupt when interrupted a second time."""
    try:
        return trio.run(work, *args)
    except (BaseExceptionGroup, trio.TrioInternalError) as error:  # what a nursery, and trio's own code, make of it
        cause = error.__cause__ if isinstance(error, trio.TrioInternalError) else error
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.subgroup(KeyboardInterrupt)
        if isinstance(cause, KeyboardInterrupt | BaseExceptionGroup):
            raise KeyboardInterrupt from None
        raise


async def _with_pool(pool: Pool | None, probes: tuple[Probe, ...], work: Callable[[Pool], Awaitable[T]]) -> T:
    """Do ``work`` with the pool, or (None) with the lab's members that these probes can tell from healthy ones."""
    if pool is not None:
        return await work(pool)
    from icapdiag.lab import faults_of, serve_lab  # noqa: PLC0415 - a pool of the user's has no need of it

    names = chosen_names(probes)
    chosen = [probe for probe in probes if probe.name in names]
    if any(probe.label == "load" for probe in chosen):
        faults = faults_of("load")
    else:
        faults = faults_of("deep" if any(probe.depth == "deep" for probe in chosen) else "standard")
    async with serve_lab(faults) as running:
        pool = loads_pool(running.pool_yaml.encode(), Path("lab"))
        return await work(replace(pool, source="the embedded lab"))


async def _check(
    pool: Pool, settings: Settings, probes: tuple[Probe, ...], library: Library, stop: Stop
) -> tuple[Report, bool]:
    """The first signal ends the probes early, the next one the program."""
    enabled = [member for member in pool.members if member.enabled]
    progress = ProbingProgress(len(enabled))
    scope = trio.CancelScope()
    settings = in_force(pool, settings, probes)
    if settings.eicar:
        complain(_announcement(enabled, settings, datetime.now(UTC)))
    stop.wake = partial(trio.lowlevel.current_trio_token().run_sync_soon, scope.cancel)
    if stop():  # already
        scope.cancel()
    async with trio.open_nursery() as nursery:
        if stderr_is_terminal():
            nursery.start_soon(draw, progress)
        report = await check(
            pool, settings=settings, probes=probes, runbooks=library, observer=progress, cancel_scope=scope
        )
        nursery.cancel_scope.cancel()
    stop.wake = bool
    return report, scope.cancel_called


async def draw(progress: ProbingProgress) -> None:
    """Redraw until cancelled, then erase."""
    start = trio.current_time()
    line = StatusLine()
    try:
        while True:
            await trio.sleep(INTERVAL)
            line.show(progress.line(trio.current_time() - start))
    finally:
        line.erase()


def _announcement(members: list[Member], settings: Settings, moment: datetime) -> str:
    """What the people who watch the network must know before they see EICAR on it."""
    host = socket.gethostname()
    found = [settings.source] if settings.source else (_source_address(member) for member in members)
    sources = dict.fromkeys(source for source in found if source)
    source = f"{host} ({', '.join(sources)})" if sources else host
    count = "1 member" if len(members) == 1 else f"{len(members)} members"
    return (
        f"icapdiag: sending the EICAR test virus (harmless) to {count} from {source} at {timestamp(moment)}, "
        f"correlation id {settings.correlation_id}. Sensors may raise alarms: tell your SOC."
    )


def _source_address(member: Member) -> str | None:
    """The address that this host would use towards a member that is given by address. Sends nothing."""
    try:
        version = ip_address(member.host).version
    except ValueError:
        return None  # a name: looking it up is the probes' work
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((member.host, member.port))  # a datagram socket: sets the route, no packet leaves
        return str(sock.getsockname()[0])
    return None

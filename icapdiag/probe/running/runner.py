"""All members at once: paced starts, a cap from the file descriptors, and an end that comes."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace

import trio

from icapdiag.model import Facts, Observation
from icapdiag.pool import Member, Pool
from icapdiag.probe.base import Observer, Probe, Settings
from icapdiag.probe.comparing.compare import Comparison, compare
from icapdiag.probe.connection.timing import watched_loop
from icapdiag.probe.pace import Gate, Solo
from icapdiag.probe.running.catalogue import PROBES
from icapdiag.probe.running.choice import choose
from icapdiag.probe.running.member import missing, probe_member
from icapdiag.probe.running.plan import plan_pool
from icapdiag.probe.standard.dns import is_literal
from icapdiag.vocabulary import Status

_SPARE_DESCRIPTORS = 64  # for files, resolver sockets, the event loop
_TO_LOOK_UP = 8  # descriptors: two questions to each of three servers, and the system's own resolver
_MOST = 1024
_CATCH_UP = 0.002  # seconds of starts that may be made up for: the kernel's timer wakes us a millisecond late


@dataclass(slots=True, eq=False)
class MemberResult:
    """One member and its observations, in the order in which the probes ran."""

    member: Member
    observations: list[Observation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Results:
    """Every member of the pool, in the pool's order. ``complete``: no probe was interrupted.

    ``pool_observations`` say what differs between the members, and ``comparison`` has them side by side.
    """

    members: tuple[MemberResult, ...]
    complete: bool
    in_flight_cap: int
    pool_observations: tuple[Observation, ...] = ()
    comparison: tuple[Facts, ...] = ()

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Those of the members and those of the pool."""
        each = (observation for result in self.members for observation in result.observations)
        return (*each, *self.pool_observations)


async def probe_pool(
    pool: Pool,
    settings: Settings,
    observer: Observer | None = None,
    *,
    cancel_scope: trio.CancelScope | None = None,
    probes: tuple[Probe, ...] | None = None,
) -> Results:
    """Probe every enabled member; cancel ``cancel_scope`` to stop early with what there is.

    ``probes`` are those of a usual run, if it is None.

    Members run concurrently, started ``settings.pace`` seconds apart. The number in flight
    is bounded by the file descriptors that this process may have, not by a small constant:
    a handful of dead members would otherwise hold up all the others.
    """
    probes = choose(PROBES) if probes is None else probes
    results = tuple(MemberResult(member) for member in pool.members)
    cap = descriptor_cap(_descriptors_each(pool))
    limiter = trio.CapacityLimiter(cap)
    gate = Gate(settings.rate) if settings.rate else None
    solo = Solo()
    pace = _pace(pool, settings, probes)
    scope = cancel_scope or trio.CancelScope()

    async def run(result: MemberResult) -> None:
        def emit(observation: Observation) -> None:
            result.observations.append(observation)
            if observer:
                observer.probe_finished(observation)

        try:
            if observer:
                observer.member_started(result.member)
            with solo.at_work():
                await probe_member(pool, result.member, settings, probes, emit, gate, solo)
            if observer:
                observer.member_finished(result.member)
        finally:
            limiter.release_on_behalf_of(result)

    due = trio.current_time()
    with scope:
        async with watched_loop(), trio.open_nursery() as nursery:
            for result in results:
                if not result.member.enabled:
                    result.observations.append(_disabled(pool, result.member))
                    continue
                await limiter.acquire_on_behalf_of(result)
                nursery.start_soon(run, result)
                due = max(due + pace, trio.current_time() - _CATCH_UP)
                await trio.sleep_until(due)
    for result in results:
        if result.member.enabled:
            done = {observation.probe for observation in result.observations}
            result.observations.extend(missing(pool, result.member, probes, done))
        elif not result.observations:
            result.observations.append(_disabled(pool, result.member))
    sides = compare(pool.name, (result.observations for result in results)) if pool.compare else Comparison()
    return Results(
        results,
        complete=not scope.cancelled_caught,
        in_flight_cap=cap,
        pool_observations=sides.observations,
        comparison=sides.table,
    )


def _pace(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> float:
    """Seconds between two members' starts: with a rate as long as one's connections take, so that none has to queue."""
    members = tuple(member for member in pool.members if member.enabled)[:1]
    if not settings.rate or not members:
        return settings.pace
    planned = plan_pool(replace(pool, members=members), settings, probes).totals.connections
    return max(settings.pace, planned / settings.rate)


def descriptor_cap(each: int = 1) -> int:
    """How many members may be in flight, each with so many descriptors. The soft limit is raised first."""
    if sys.platform == "win32":
        return _MOST
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST * each + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):  # some systems have a limit of their own, and don't tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return max(1, min(_MOST, (soft - _SPARE_DESCRIPTORS) // each))


def _descriptors_each(pool: Pool) -> int:
    """A member has one connection at a time; a name is asked for at several servers at once."""
    return 1 if all(is_literal(member.host) for member in pool.members) else _TO_LOOK_UP


def _disabled(pool: Pool, member: Member) -> Observation:
    return Observation(
        source="probe",
        probe="",
        pool=pool.name,
        member=member.name,
        status=Status.SKIPPED,
        reason="disabled",
        facts={"host": member.host, "port": member.port, "tls": member.tls is not None},
    )

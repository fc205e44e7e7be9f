"""Probes all members at once, the probes of each in sequence: paced starts, limited descriptors, deadlines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress

import trio
from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.facts.connection import Endpoint, Path, TranscriptEntry
from icapdiag.facts.fields import sheet_type
from icapdiag.facts.pool import ComparedFact
from icapdiag.model import Observation
from icapdiag.pool import Member, Pool
from icapdiag.probe.base import Context, Failure, Observer, Outcome, Probe, Settings, failed, run_with_deadline
from icapdiag.probe.comparing.compare import Comparison, compare
from icapdiag.probe.connection.timing import watched_loop
from icapdiag.probe.probes.dns import is_literal
from icapdiag.probe.recorder import TranscriptRecorder
from icapdiag.probe.running.catalogue import PROBES, choose, chosen_names
from icapdiag.probe.running.plan import plan_pool
from icapdiag.probe.throttle import ExclusiveAccess, RateLimiter
from icapdiag.vocabulary import Reason, Status

Emit = Callable[[Observation], None]

_SPARE_DESCRIPTORS = 64  # for files, resolver sockets, the event loop
_TO_LOOK_UP = 8  # descriptors: two questions to each of three servers, and the system's own resolver
_MOST = 1024
_CATCH_UP = 0.002  # seconds of starts that may be made up for: the kernel's timer wakes us a millisecond late


class MemberResult(Struct, eq=False):
    """One member and its observations, in the order in which the probes ran."""

    member: Member
    observations: list[Observation] = field(default_factory=list)


class Results(Struct, frozen=True):
    """Every member of the pool, in the pool's order. ``complete``: no probe was interrupted.

    ``pool_observations``: what differs between the members; ``comparison``: the members side by side.
    """

    members: tuple[MemberResult, ...]
    complete: bool
    in_flight_cap: int
    pool_observations: tuple[Observation, ...] = ()
    comparison: tuple[ComparedFact, ...] = ()

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
    """Probe every enabled member; cancel ``cancel_scope`` to stop early with the results so far.

    ``probes`` None: those of a standard run.

    Members run concurrently, started ``settings.pace`` seconds apart. The number in flight
    is limited by the file descriptors available to this process, not by a small constant:
    otherwise a few dead members would delay all others.
    """
    probes = choose(PROBES) if probes is None else probes
    results = tuple(MemberResult(member) for member in pool.members)
    # A member has one connection at a time; a name is asked for at several servers at once.
    cap = descriptor_cap(1 if all(is_literal(member.host) for member in pool.members) else _TO_LOOK_UP)
    limiter = trio.CapacityLimiter(cap)
    rate_limiter = RateLimiter(settings.rate) if settings.rate else None
    access = ExclusiveAccess()
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
            context = Context(
                pool=pool,
                member=result.member,
                settings=settings,
                due=trio.current_time() + settings.deadline,
                rate_limiter=rate_limiter,
                exclusive_access=access,
                recorder=TranscriptRecorder() if settings.transcript else None,
                chosen=chosen_names(probes),
            )
            with access.shared():
                await _probe_member(context, probes, emit)
            if observer:
                observer.member_finished(result.member)
        finally:
            limiter.release_on_behalf_of(result)

    due = trio.current_time()
    with scope:
        async with watched_loop(), trio.open_nursery() as nursery:
            for result in results:
                if not result.member.enabled:
                    continue
                await limiter.acquire_on_behalf_of(result)
                nursery.start_soon(run, result)
                due = max(due + pace, trio.current_time() - _CATCH_UP)
                await trio.sleep_until(due)
    for result in results:
        if result.member.enabled:
            done = {observation.probe for observation in result.observations}
            interrupted = Outcome(Status.ERROR, Reason.INTERRUPTED)
            left = (probe.name for probe in probes if probe.name not in done)
            result.observations += (_observation(pool, result.member, name, interrupted) for name in left)
        else:
            result.observations.append(_observation(pool, result.member, "", Outcome(Status.SKIPPED, "disabled")))
    compared = compare(pool.name, (result.observations for result in results)) if pool.compare else Comparison()
    return Results(
        results,
        complete=not scope.cancelled_caught,
        in_flight_cap=cap,
        pool_observations=compared.observations,
        comparison=compared.table,
    )


def _pace(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> float:
    """Seconds between the starts of two members: with a rate limit, long enough that connections don't queue."""
    members = tuple(member for member in pool.members if member.enabled)[:1]
    if not settings.rate or not members:
        return settings.pace
    planned = plan_pool(replace(pool, members=members), settings, probes).totals.connections
    return max(settings.pace, planned / settings.rate)


def descriptor_cap(each: int = 1) -> int:
    """How many members may be probed at once with this many descriptors each. The soft limit is raised first."""
    if sys.platform == "win32":
        return _MOST
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST * each + _SPARE_DESCRIPTORS
    if soft == resource.RLIM_INFINITY:
        return _MOST
    if soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):  # some systems have a limit of their own, and don't tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return max(1, min(_MOST, (soft - _SPARE_DESCRIPTORS) // each))


async def _probe_member(context: Context, probes: tuple[Probe, ...], emit: Emit) -> None:
    """Run the probes and emit one observation for each, at most one connection at a time.

    If a name has more addresses than may be probed, the others are emitted as an ``error``: their state is unknown.
    A probe whose prerequisite failed is emitted as ``blocked``. At the member's deadline the
    running probe ends as ``timeout`` and the probes that need it are blocked.
    """
    try:
        shared: dict[str, str] = {}
        await _step(context, probes[0], shared, emit)
        for address in context.addresses or ("",):
            context.address = address
            context.outcomes, context.path = {}, Path()
            blockers = dict(shared)
            for probe in probes[1:]:
                await _step(context, probe, blockers, emit)
            await context.close()
        if context.untested and (first := next((each for each in probes[1:] if each.name in context.chosen), None)):
            text = f"{context.untested:,} of {context.untested + len(context.addresses):,} addresses were not tested"
            outcome = failed(Failure(Reason.ADDRESS_LIMIT, text, Status.ERROR))
            emit(_observation(context.pool, context.member, first.name, outcome))
    finally:
        await context.close()


async def _step(context: Context, probe: Probe, blockers: dict[str, str], emit: Emit) -> None:
    """Run one probe or say why not. ``blockers`` maps a failed probe to the root of its failure."""
    root = next((blockers[need] for need in probe.needs if need in blockers), None)
    skip = probe.skip(context) or ("not-needed" if probe.unneeded(context) else None)
    elapsed: float | None = None
    transcript: tuple[TranscriptEntry, ...] = ()
    if skip is not None:
        outcome = Outcome(Status.SKIPPED, skip)
    elif root is not None:
        outcome = Outcome(Status.BLOCKED, root)
        blockers[probe.name] = root
    else:
        if probe.connects:
            await context.wait_for_rate()
        async with context.exclusive() if probe.label == "load" else nullcontext():
            context.due += probe.more_time(context.settings)
            if context.recorder is not None:
                context.recorder.begin()
            started = trio.current_time()
            outcome = await run_with_deadline(context, probe)
        elapsed = round((trio.current_time() - started) * 1000, 3)
        context.outcomes[probe.name] = outcome, elapsed
        if probe.blocks(outcome):
            blockers[probe.name] = probe.name
        if context.recorder is not None:
            transcript = context.recorder.taken()
    found = _observation(context.pool, context.member, probe.name, outcome, context.address)
    emit(replace(found, elapsed_ms=elapsed, transcript=transcript))


def _observation(pool: Pool, member: Member, probe: str, outcome: Outcome, address: str = "") -> Observation:
    """The probe's observation, with its own fact class even if the result is only an error."""
    wanted = sheet_type("probe", probe)
    facts = outcome.facts if isinstance(outcome.facts, wanted) else wanted(error=outcome.facts.error)
    endpoint = Endpoint(host=member.host, port=member.port, tls=member.tls is not None, address=address or None)
    return Observation(
        source="probe",
        probe=probe,
        pool=pool.name,
        member=member.name,
        status=outcome.status,
        reason=outcome.reason,
        facts=replace(facts, endpoint=endpoint),
    )

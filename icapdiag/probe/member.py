"""All probes of one member, in sequence, at every address behind its name."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import trio

from icapdiag.model import Observation
from icapdiag.pool import Member, Pool
from icapdiag.probe.base import NEVER, Context, Facts, Outcome, Probe, Settings, error, failed
from icapdiag.probe.choice import chosen_names
from icapdiag.probe.pace import Gate, Solo
from icapdiag.probe.tape import Tape
from icapdiag.vocabulary import Reason, Status

_GRACE = 0.3  # seconds after the deadline for a probe that keeps time itself to come back with what it read
Emit = Callable[[Observation], None]


async def probe_member(
    pool: Pool,
    member: Member,
    settings: Settings,
    probes: tuple[Probe, ...],
    emit: Emit,
    gate: Gate | None = None,
    solo: Solo | None = None,
) -> None:
    """Run the probes and emit one observation for each, at most one connection at a time.

    A probe whose prerequisite failed is emitted as ``blocked``. At the member's deadline the
    running probe ends as ``timeout`` and what needs it is blocked; nothing here outlasts it.
    """
    context = Context(
        pool=pool,
        member=member,
        settings=settings,
        due=trio.current_time() + settings.deadline,
        gate=gate,
        solo=solo,
        tape=Tape() if settings.transcript else None,
        chosen=chosen_names(probes),
    )
    try:
        shared: dict[str, str] = {}
        first, rest = probes[0], probes[1:]
        await _step(context, first, shared, emit)
        for address in context.addresses or ("",):
            context.address = address
            context.outcomes = {}
            blockers = dict(shared)
            for probe in rest:
                await _step(context, probe, blockers, emit)
            await context.close()
    finally:
        await context.close()


async def _step(context: Context, probe: Probe, blockers: dict[str, str], emit: Emit) -> None:
    """Run one probe or say why not. ``blockers`` maps a failed probe to the root of its failure."""
    root = next((blockers[need] for need in probe.needs if need in blockers), None)
    skip = probe.skip(context)
    if skip is None and probe.unneeded(context):
        skip = "not-needed"
    if probe.connects and root is None and skip is None:
        await context.turn()
    elapsed: float | None = None
    if root is not None and skip is None:
        outcome = Outcome(Status.BLOCKED, root)
        blockers[probe.name] = root
    elif skip is not None:
        outcome = Outcome(Status.SKIPPED, skip)
    else:
        async with context.alone() if probe.label == "load" else nullcontext():
            context.due += probe.more_time(context.settings)
            if context.tape is not None:
                context.tape.begin()
            started = trio.current_time()
            outcome = await attempt(context, probe)
        elapsed = round((trio.current_time() - started) * 1000, 3)
        context.outcomes[probe.name] = outcome, elapsed
        if probe.blocks(outcome):
            blockers[probe.name] = probe.name
    emit(
        Observation(
            source="probe",
            probe=probe.name,
            pool=context.pool.name,
            member=context.member.name,
            status=outcome.status,
            reason=outcome.reason,
            elapsed_ms=elapsed,
            facts=base_facts(context) | dict(outcome.facts),
            transcript=context.tape.taken() if context.tape is not None and elapsed is not None else (),
        )
    )


async def attempt(context: Context, probe: Probe) -> Outcome:
    """Run the probe, watched by a clock that it can't outlast."""
    limit = context.time_for(probe.timeout(context.settings) if probe.timeout else NEVER)
    if limit <= 0:
        return error(Reason.DEADLINE, {"error": f"the member's {context.settings.deadline:g} s were used up"})
    try:
        with trio.fail_after(limit if probe.timeout else limit + _GRACE):
            return await probe.run(context)
    except trio.TooSlowError:
        await context.close()
        return failed(Reason.TIMEOUT, {"error": f"not finished within {limit:g} s"})
    except Exception as exc:  # noqa: BLE001 - a bug in one probe must not cost what the others learnt
        await context.close()
        where = traceback.extract_tb(exc.__traceback__)[-1]
        text = f"{type(exc).__name__}: {exc} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        return error(Reason.BUG, {"error": text[:300]})


def base_facts(context: Context) -> Facts:
    member = context.member
    facts: Facts = {"host": member.host, "port": member.port, "tls": member.tls is not None}
    if context.address:
        facts["address"] = context.address
    return facts


def missing(pool: Pool, member: Member, probes: tuple[Probe, ...], done: set[str]) -> Iterator[Observation]:
    """Observations for the probes that an interruption kept from running."""
    for probe in probes:
        if probe.name not in done:
            yield Observation(
                source="probe",
                probe=probe.name,
                pool=pool.name,
                member=member.name,
                status=Status.ERROR,
                reason=Reason.INTERRUPTED,
                facts={"host": member.host, "port": member.port, "tls": member.tls is not None},
            )

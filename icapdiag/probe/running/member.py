"""All probes of one member, in sequence, at every address behind its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import trio

from icapdiag.model import Observation
from icapdiag.pool import Member, Pool
from icapdiag.probe.attempt import attempt
from icapdiag.probe.base import Context, Facts, Outcome, Probe, Settings
from icapdiag.probe.pace import Gate, Solo
from icapdiag.probe.running.choice import chosen_names
from icapdiag.probe.tape import Tape
from icapdiag.vocabulary import Reason, Status

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

"""What a run would send, worked out by the code that builds the requests; nothing is sent or looked up."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from icapdiag.pool import Member, Pool
from icapdiag.probe.base import Context, Probe, Settings
from icapdiag.probe.messages import Planned
from icapdiag.probe.probes.dns import is_ruled_out
from icapdiag.probe.running.catalogue import chosen_names


class Step(Struct, frozen=True):
    """What one probe would send. Empty ``planned`` and a ``skipped`` that says why, if it would not run."""

    probe: str
    label: str
    planned: tuple[Planned, ...] = ()
    skipped: str = ""


class MemberPlan(Struct, frozen=True):
    """What one member would be sent: at each of its addresses, should it be given by name."""

    member: Member
    steps: tuple[Step, ...]


class Totals(Struct, frozen=True):
    """Sums. The ``at_most`` ones have what is sent on a condition, and bodies that the server asks for.

    ``connections_at_once``: that any one member sees, at the most.
    """

    members: int
    connections: int
    connections_at_most: int
    connections_at_once: int
    requests: int
    requests_at_most: int
    bytes: int
    bytes_at_most: int


class Plan(Struct, frozen=True):
    pool: Pool
    members: tuple[MemberPlan, ...]

    @property
    def totals(self) -> Totals:
        return totals(self.members)


def plan_pool(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Plan:
    """The plan of `icapdiag.probe.probe_pool` with the same arguments, in the order of the pool."""
    return Plan(pool, tuple(MemberPlan(member, _steps(pool, member, settings, probes)) for member in pool.members))


def totals(members: tuple[MemberPlan, ...]) -> Totals:
    """Sums over the ICAP traffic to these members; an address for each name, TLS by its payload, no DNS."""
    planned = [found for member in members for step in member.steps for found in step.planned]
    icap = [(found, m) for found in planned for m in found.messages if m.kind == "icap"]
    sure = [(found, m) for found, m in icap if not found.condition]
    return Totals(
        members=sum(1 for member in members if member.member.enabled),
        connections=sum(found.connections * found.times for found in planned if not found.condition),
        connections_at_most=sum(found.connections * found.times for found in planned),
        connections_at_once=max((found.at_once for found in planned if found.connections), default=0),
        requests=sum(found.times for found, _ in sure),
        requests_at_most=sum(found.times for found, _ in icap),
        bytes=sum((m.size or 0) * found.times for found, m in sure),
        bytes_at_most=sum(((m.size or 0) + m.rest) * found.times for found, m in icap),
    )


def _steps(pool: Pool, member: Member, settings: Settings, probes: tuple[Probe, ...]) -> tuple[Step, ...]:
    context = Context(pool=pool, member=member, settings=settings, chosen=chosen_names(probes))
    if not member.enabled:
        return ()
    if is_ruled_out(context):
        return tuple(Step(probe.name, probe.label, skipped=f"not IPv{settings.family}") for probe in probes)
    return tuple(_walk(context, probes))


def _walk(context: Context, probes: tuple[Probe, ...]) -> Iterator[Step]:
    for probe in probes:
        reason = probe.skip(context)
        if reason is None:
            yield Step(probe.name, probe.label, probe.plan(context))
        else:
            yield Step(probe.name, probe.label, skipped=reason)

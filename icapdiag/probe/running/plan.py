"""What a run would send, from the code that builds the requests; nothing is sent or looked up."""

from __future__ import annotations

from msgspec import Struct

from icapdiag.pool import Member, Pool
from icapdiag.probe.base import Context, Probe, Settings
from icapdiag.probe.messages import Planned
from icapdiag.probe.probes.dns import is_literal, is_ruled_out
from icapdiag.probe.running.catalogue import chosen_names


class Step(Struct, frozen=True):
    """What one probe would send. If it would not run, ``planned`` is empty and ``skipped`` says why."""

    probe: str
    label: str
    planned: tuple[Planned, ...] = ()
    skipped: str = ""


class MemberPlan(Struct, frozen=True):
    """What would be sent to one member: to each of its addresses if it is configured by name."""

    member: Member
    steps: tuple[Step, ...]
    addresses_at_most: int = 1


class Totals(Struct, frozen=True):
    """Sums. The ``at_most`` ones include what is sent conditionally, to all addresses of a name, and bodies that the
    server asks for.

    ``connections_at_once``: the most that any one member sees.
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
        """Sums over the ICAP traffic; at least one address for each name, TLS by its payload, no DNS."""
        planned = [
            (found, found.times * member.addresses_at_most)
            for member in self.members
            for step in member.steps
            for found in step.planned
        ]
        icap = [(found, m, most) for found, most in planned for m in found.messages if m.kind == "icap"]
        sure = [(found, m) for found, m, _ in icap if not found.condition]
        return Totals(
            members=sum(1 for member in self.members if member.member.enabled),
            connections=sum(found.connections * found.times for found, _ in planned if not found.condition),
            connections_at_most=sum(found.connections * most for found, most in planned),
            connections_at_once=max((found.at_once for found, _ in planned if found.connections), default=0),
            requests=sum(found.times for found, _ in sure),
            requests_at_most=sum(most for *_, most in icap),
            bytes=sum((m.size or 0) * found.times for found, m in sure),
            bytes_at_most=sum(((m.size or 0) + m.rest) * most for _, m, most in icap),
        )


def plan_pool(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Plan:
    """The plan of `icapdiag.probe.probe_pool` with the same arguments, in the order of the pool."""
    members = (
        MemberPlan(
            member,
            _steps(pool, member, settings, probes),
            1 if is_literal(member.host) else settings.max_addresses,
        )
        for member in pool.members
    )
    return Plan(pool, tuple(members))


def _steps(pool: Pool, member: Member, settings: Settings, probes: tuple[Probe, ...]) -> tuple[Step, ...]:
    context = Context(pool=pool, member=member, settings=settings, chosen=chosen_names(probes))
    if not member.enabled:
        return ()
    unwanted = f"not IPv{settings.family}" if is_ruled_out(context) else None
    skipped = [unwanted or probe.skip(context) for probe in probes]
    return tuple(
        Step(probe.name, probe.label, () if why else probe.plan(context), why or "")
        for probe, why in zip(probes, skipped, strict=True)
    )

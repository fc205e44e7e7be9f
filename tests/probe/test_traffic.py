"""No member ever sees more than the plan announced: the lab counts what each probe of the catalogue sends to it.

The clock jumps over every wait, so that mute members cost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio.testing
from msgspec.structs import replace

from icapdiag.facts.refusal import Services, Variants
from icapdiag.lab import FAULTS, Lab, serve_lab
from icapdiag.model import Observation
from icapdiag.pool import Pool, loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Probe
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import MemberPlan, plan_pool

SETTINGS = Settings(eicar=True, correlation_id="icapdiag-0123456789abcdef", count=2, pace=0.0, load_ceiling=2)
HEALTHY = ("healthy", "tls-healthy")
NAMES = [probe.name for probe in PROBES if not probe.follows]
BUFFER_KB = 64  # what is sent in sizes up to the profile's buffer need not take long


@dataclass(frozen=True)
class Traffic:
    """What one member was to see, or saw."""

    connections: int
    requests: int
    bytes: int

    def within(self, most: Traffic) -> bool:
        return self.connections <= most.connections and self.requests <= most.requests and self.bytes <= most.bytes


def announced(plan: MemberPlan, *, surely: bool = False) -> Traffic:
    """The most that the plan allows; ``surely``: what a member that answers well is sent in any case."""
    planned = [found for step in plan.steps for found in step.planned if not (surely and found.condition)]
    messages = [(found.times, m) for found in planned for m in found.messages if m.kind == "icap"]
    return Traffic(
        connections=sum(found.connections * found.times for found in planned),
        requests=sum(times for times, _ in messages),
        bytes=sum(times * ((m.size or 0) + (0 if surely else m.rest)) for times, m in messages),
    )


@asynccontextmanager
async def laboratory(names: Sequence[str] | None = None) -> AsyncIterator[tuple[Lab, Pool]]:
    async with serve_lab(names) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        yield lab, replace(pool, profile=replace(pool.profile, buffer_size=BUFFER_KB))


def seen_by(lab: Lab, name: str) -> Traffic:
    counters = lab.counters[name]
    return Traffic(counters.connections, counters.requests, counters.received)


def everything() -> tuple[Probe, ...]:
    """All probes at once, those that only run when named too."""
    return choose(PROBES, only=NAMES)


def tried(observations: Iterable[Observation]) -> Iterator[tuple[str, str, str]]:
    """What the follow-ups of each member did send: member, probe, and what the plan calls it."""
    for each in observations:
        if (variants := each.facts.part(Variants)) is not None:
            yield from ((each.member, "variants", f"{one.method} {one.variant}") for one in variants.variants or ())
        if (services := each.facts.part(Services)) is not None:
            yield from ((each.member, "services", f"OPTIONS {one.service_uri}") for one in services.services or ())


def followups(plans: Iterable[MemberPlan]) -> Iterator[tuple[str, str, str]]:
    for plan in plans:
        for step in plan.steps:
            for message in (message for found in step.planned for message in found.messages):
                yield plan.member.name, step.probe, message.what


async def test_no_fault_draws_more_than_was_planned(autojump_clock: trio.testing.MockClock) -> None:
    async with laboratory() as (lab, pool):
        plan = plan_pool(pool, SETTINGS, everything())
        results = await probe_pool(pool, SETTINGS, probes=everything())

    assert len(FAULTS) == len(plan.members)
    over = {
        each.member.name: (seen, most)
        for each in plan.members
        if not (seen := seen_by(lab, each.member.name)).within(most := announced(each))
    }
    assert {} == over
    assert [] == [o for o in results.observations if o.reason == "bug"]
    assert set() == set(tried(results.observations)) - set(followups(plan.members))


@pytest.mark.parametrize("name", NAMES)
async def test_each_probe_sends_a_healthy_member_what_its_plan_says(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    probes = choose(PROBES, only=[name])
    async with laboratory(HEALTHY) as (lab, pool):
        plan = plan_pool(pool, SETTINGS, probes)
        await probe_pool(pool, SETTINGS, probes=probes)

    for each in plan.members:
        seen = seen_by(lab, each.member.name)
        assert announced(each, surely=True).within(seen), f"{each.member.name} saw less than was planned"
        assert seen.within(announced(each)), f"{each.member.name} saw more than was planned"


async def test_who_is_switched_off_sees_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with laboratory(("disabled", "healthy")) as (lab, pool):
        await probe_pool(pool, SETTINGS, probes=everything())

    assert Traffic(0, 0, 0) == seen_by(lab, "disabled")
    assert 0 < seen_by(lab, "healthy").bytes


@pytest.mark.parametrize(("with_eicar", "connections"), [(False, 2), (True, 4)])
async def test_a_healthy_member_sees_few_connections(
    with_eicar: bool, connections: int, autojump_clock: trio.testing.MockClock
) -> None:
    """OPTIONS and a harmless upload; with EICAR that, too, raw and in a form."""
    settings = Settings(eicar=with_eicar)
    async with laboratory(["healthy"]) as (lab, pool):
        await probe_pool(pool, settings, probes=choose(PROBES, depth="standard"))

    assert connections == seen_by(lab, "healthy").connections

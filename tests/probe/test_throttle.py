"""Many members: how fast they are started, and what dead ones cost."""

from __future__ import annotations

import errno

import pytest
import trio

from icapdiag.probe import Settings, probe_pool
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.messages import Planned
from icapdiag.probe.throttle import RateLimiter
from icapdiag.vocabulary import Reason, Status
from tests.probe.fakes import member, pool_of
from tests.probe.test_runner import DNS


async def test_a_dead_slash_24_costs_one_timeout(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def nobody(_: Context) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr("icapdiag.probe.probes.tcp.dial", nobody)
    pool = pool_of(*(member(1344, host=f"192.0.2.{host}") for host in range(1, 255)))
    settings = Settings(connect_timeout=5.0)
    started = trio.current_time()

    results = await probe_pool(pool, settings)

    assert {(Status.FAILED, Reason.TIMEOUT)} == {(o.status, o.reason) for o in results.observations if o.probe == "tcp"}
    assert trio.current_time() - started < 5.0 + 254 * settings.pace + 0.5


async def test_members_that_refuse_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def refuse(_: Context) -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr("icapdiag.probe.probes.tcp.dial", refuse)
    started = trio.current_time()

    results = await probe_pool(pool_of(*(member(port) for port in range(1, 1001))), Settings())

    assert 1000 == sum(1 for o in results.observations if o.reason == Reason.REFUSED)
    assert trio.current_time() - started < 1.0


@pytest.mark.parametrize("takes", [0.0, 0.05, 3.0])
async def test_new_connections_keep_to_the_rate(takes: float, autojump_clock: trio.testing.MockClock) -> None:
    opened: list[float] = []

    async def connect(context: Context) -> Outcome:
        opened.append(trio.current_time())
        await trio.sleep(takes)
        return ok()

    def plan(context: Context) -> tuple[Planned, ...]:
        return (Planned(to=context.peer, connections=1),)

    probes = tuple(Probe(name=name, run=connect, plan=plan, connects=True) for name in ("tcp", "clean", "eicar"))
    settings = Settings(rate=10.0, deadline=9.1)

    results = await probe_pool(pool_of(*(member(port) for port in range(1, 21))), settings, probes=(DNS, *probes))

    assert 60 == len(opened)
    for first, eleventh in zip(opened, opened[10:], strict=False):
        assert eleventh - first >= 1.0 - 1e-6
    assert {Status.OK, Status.SKIPPED} == {o.status for o in results.observations}  # waiting is off the deadline
    assert opened[-1] - opened[0] < 60 / 10 + 2 * takes + 0.5


async def test_who_waits_for_a_turn_learns_how_long(autojump_clock: trio.testing.MockClock) -> None:
    gate = RateLimiter(2.0)

    assert [0.0, 0.5] == [await gate.wait(), await gate.wait()]
    await trio.sleep(7)
    assert 0.0 == await gate.wait()

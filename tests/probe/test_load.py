"""The ramp of parallel scans: where it ends, what it says, and that no member sees more than was planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from icapdiag.facts.fields import fields
from icapdiag.lab import serve_lab
from icapdiag.pool import loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, Failure, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import Transaction
from icapdiag.probe.probes import load
from icapdiag.probe.running.catalogue import choose, chosen_names
from icapdiag.probe.running.plan import Plan, plan_pool
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of, sheet, transaction
from tests.probe.test_runner import DNS
from tests.runbook.test_fields import fits

Server = Callable[
    [int], Transaction | float
]  # of the scans under way: how one ends, or after how many seconds it is well


@pytest.mark.parametrize(
    ("ceiling", "steps"),
    [(1, (1,)), (2, (1, 2)), (5, (1, 2, 4, 5)), (8, (1, 2, 4, 8)), (64, (1, 2, 4, 8, 16, 32, 64))],
)
def test_steps_double_up_to_the_ceiling(ceiling: int, steps: tuple[int, ...]) -> None:
    assert steps == load.concurrency_steps(ceiling)


async def clean(_: Context) -> Outcome:
    return ok(sheet("clean", verdict="allowed"))


BEFORE = (DNS, Probe(name="clean", run=clean, needs=("dns",)))


async def ramp(monkeypatch: pytest.MonkeyPatch, server: Server, *, saturated: float = 2.0, **settings: Any) -> Any:
    """The observation of a ramp against what ``server`` says of each scan."""
    under_way = 0

    async def scan(context: Context, *_: object, **__: object) -> Transaction:
        nonlocal under_way
        under_way += 1
        said = server(under_way)
        try:
            seconds = said if isinstance(said, float) else 0.01
            await trio.sleep(seconds)
        finally:
            under_way -= 1
        return transaction(answer_ms=seconds * 1000) if isinstance(said, float) else said

    monkeypatch.setattr(load, "transact", scan)
    monkeypatch.setattr(load, "_SATURATED", saturated)
    results = await probe_pool(pool_of(member(1)), Settings(**settings), probes=(*BEFORE, load.PROBE))
    found = results.observations[-1]
    assert "load" == found.probe
    assert [] == [name for name in facts_of(found) if name not in fields() or "load" not in fields()[name].probes]
    assert [] == [
        name for name, value in facts_of(found).items() if value is not None and not fits(value, fields()[name])
    ]
    assert facts_of(found)["load_ended"] in fields()["load_ended"].values
    return found


def outcome(observation: Any) -> tuple[Any, ...]:
    facts = facts_of(observation)
    return facts["load_ended"], facts["held_connections"], facts.get("broke_at")


def refused(status: int) -> Transaction:
    return transaction(Failure(Reason.ICAP_STATUS), icap_status=status)


BUSY = refused(503)
RESET = transaction(Failure(Reason.RESET, "Connection reset by peer"))


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (lambda n: 0.01, ("ceiling", 64, None)),
        (lambda n: BUSY if n > 4 else 0.01, ("busy", 4, 8)),
        (lambda n: refused(506) if n > 40 else 0.01, ("busy", 32, 64)),
        (lambda n: refused(551) if n > 8 else 0.01, ("busy", 8, 16)),
        (lambda n: refused(500) if n > 4 else 0.01, ("failed", 4, 8)),
        (lambda n: transaction(Failure(Reason.REFUSED)) if n > 1 else 0.01, ("refused", 1, 2)),
        (lambda n: RESET, ("failed", 0, 1)),
        (lambda n: 0.3 if n > 4 else 0.1, ("slower", 4, 8)),
        (lambda n: 0.001 * n, ("slower", 32, 64)),  # the queue grows, and with 64 p95 is above the floor
        (lambda n: 0.0001 * n, ("ceiling", 64, None)),  # twice as slow many times, but 6 ms at the worst
        (lambda n: 0.19 if n > 4 else 0.1, ("ceiling", 64, None)),
        (lambda n: 0.2 if n > 4 else 0.1, ("ceiling", 64, None)),  # twice as long is not more than that
        (lambda n: 0.051 if n > 4 else 0.001, ("ceiling", 64, None)),  # nor is the floor
        (lambda n: 0.0515 if n > 4 else 0.001, ("slower", 4, 8)),
    ],
)
async def test_where_the_ramp_ends(
    server: Server, expected: object, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    assert expected == outcome(await ramp(monkeypatch, server))


async def test_after_a_refusal_nothing_more_is_begun(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    found = await ramp(monkeypatch, lambda n: BUSY if n == 8 else 0.05)

    last = facts_of(found)["steps"][-1]
    assert (8, 8, 1) == (last["concurrency"], last["requests"], last["errors"])
    assert (503, "icap-status") == (facts_of(found)["broke_status"], facts_of(found)["broke_reason"])


async def test_the_figures_of_a_step(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    found = await ramp(monkeypatch, lambda n: 0.02, load_ceiling=2)

    first, second = facts_of(found)["steps"]
    assert [8, 8] == [step["requests"] for step in facts_of(found)["steps"]]
    assert {"p50_ms": 20.0, "p95_ms": 20.0, "max_ms": 20.0} == {k: second[k] for k in ("p50_ms", "p95_ms", "max_ms")}
    assert (pytest.approx(50, rel=0.02), pytest.approx(100, rel=0.02)) == (first["rps"], second["rps"])


async def test_a_step_that_we_were_too_busy_for_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    def delay(since: float) -> float:
        return 0.2

    monkeypatch.setattr(load, "loop_delay_since", delay)
    found = await ramp(monkeypatch, lambda n: 0.3 if n > 4 else 0.1, load_ceiling=8)

    assert ("ceiling", 8, None) == outcome(found)
    assert {True} == {step["uncertain"] for step in facts_of(found)["steps"]}


async def test_a_program_that_was_always_busy_measured_itself(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    found = await ramp(monkeypatch, lambda n: 0.3 if n > 4 else 0.1, saturated=-1.0, load_ceiling=8)

    assert ("ceiling", 8, None) == outcome(found)
    assert True is facts_of(found)["steps"][-1]["uncertain"]


async def test_the_deadline_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    started = trio.current_time()
    found = await ramp(monkeypatch, lambda n: 9.0, deadline=5.0)

    assert ("deadline", 0, None) == outcome(found)
    assert 7 == facts_of(found)["steps"][0]["requests"]
    assert trio.current_time() - started < 5 + 60 + 1


async def test_our_own_limit_is_no_fault_of_the_member(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    found = await ramp(
        monkeypatch, lambda n: transaction(Failure(Reason.LOCAL_NETWORK, "Too many open files", Status.ERROR))
    )

    assert (Status.ERROR, "local-network", "local") == (found.status, found.reason, facts_of(found)["load_ended"])


@pytest.mark.parametrize(
    ("rps", "latency", "needed", "held"),
    [(100, 40, 4, "yes"), (100, 41, 5, "unknown"), (100, 80, 8, "no"), (1000, 5000, 5000, "no"), (0.1, 10, 1, "yes")],
)
async def test_littles_law_with_the_stated_time(
    rps: float,
    latency: float,
    needed: int,
    held: str,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    server: Server = lambda n: BUSY if n > 4 else 0.01  # noqa: E731
    found = await ramp(monkeypatch, server, expected_rps=rps, expected_latency_ms=latency)

    assert (needed, held) == (facts_of(found)["needed_connections"], facts_of(found)["needed_held"])


async def test_littles_law_with_the_measured_time(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    found = await ramp(monkeypatch, lambda n: 0.0201, expected_rps=1000, load_ceiling=16)

    assert (21, "unknown") == (facts_of(found)["needed_connections"], facts_of(found)["needed_held"])
    assert pytest.approx(20.1) == facts_of(found)["expected_latency_ms"]


async def test_members_are_loaded_one_after_another_while_none_is_probed(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    order: list[tuple[str, str]] = []

    async def slow_clean(context: Context) -> Outcome:
        await trio.sleep(float(context.member.port))
        order.append(("clean", context.member.name))
        return ok()

    async def scan(context: Context, *_: object, **__: object) -> Transaction:
        order.append(("load", context.member.name))
        await trio.sleep(1)
        return transaction(answer_ms=1000.0)

    monkeypatch.setattr(load, "transact", scan)
    pool = pool_of(*(member(port) for port in (1, 25, 3)))
    probes = (DNS, Probe(name="clean", run=slow_clean, needs=("dns",)), load.PROBE)
    results = await probe_pool(pool, Settings(load_ceiling=2, deadline=30.0), probes=probes)

    runs = [what for what, before in zip(order, [None, *order], strict=False) if what != before]
    assert ["clean"] * 3 + ["load"] * 3 == [what for what, _ in runs]
    assert ["ceiling"] * 3 == [facts_of(o)["load_ended"] for o in results.observations if o.probe == "load"]


async def test_the_lab_sees_no_more_than_the_plan_announces(autojump_clock: trio.testing.MockClock) -> None:
    names = (
        "healthy",
        "tls-healthy",
        "max-connections-enforced",
        "resets-above-n",
        "slow-above-n",
        "closes-unannounced",
    )
    probes = choose(PROBES, only=["load"], skip=["path"])
    settings = Settings(load_ceiling=12)
    async with serve_lab(names) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        plan = plan_pool(pool, settings, probes)
        await probe_pool(pool, settings, probes=probes)

    for each in plan.members:
        seen, sums = lab.counters[each.member.name], Plan(pool, (each,)).totals
        assert 12 == sums.connections_at_once
        assert seen.connections <= sums.connections_at_most, each.member.name
        assert seen.requests <= sums.requests_at_most, each.member.name
        assert seen.most_active <= sums.connections_at_once, each.member.name
        if "healthy" in each.member.name:
            assert sums.requests_at_most == seen.requests


@pytest.mark.parametrize("depth", ["quick", "standard", "deep"])
def test_load_is_of_no_depth(depth: Any) -> None:
    assert "load" not in [probe.name for probe in choose(PROBES, depth=depth)]


def test_load_brings_what_it_needs() -> None:
    chosen = chosen_names(choose(PROBES, depth="quick", load=True))

    assert {"dns", "tcp", "tls", "options", "clean", "repeat", "load", "path"} == chosen

"""The runner: order, prerequisites, deadlines, pace, interruption, and our own bugs."""

from __future__ import annotations

import pytest
import trio

from icapdiag.model import Observation
from icapdiag.pool import Member, Pool
from icapdiag.probe.base import Context, Failure, Outcome, Probe, Settings, failed, ok
from icapdiag.probe.connection.exchange import answered
from icapdiag.probe.running.runner import descriptor_cap, probe_pool
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import ScriptedStream, member, pool_of, sheet

SETTINGS = Settings(deadline=30.0, pace=0.001)
Row = tuple[str, Status, str | None]


def rows(observations: tuple[Observation, ...] | list[Observation]) -> list[Row]:
    return [(observation.probe, observation.status, observation.reason) for observation in observations]


def scripted(name: str, outcome: Outcome, *, needs: tuple[str, ...] = (), takes: float = 0.0) -> Probe:
    async def run(context: Context) -> Outcome:
        await trio.sleep(takes)
        return outcome

    return Probe(name=name, run=run, needs=needs)


def literal(context: Context) -> str | None:
    context.addresses = (context.member.host,)
    return "literal-address"


async def nothing(context: Context) -> Outcome:
    return ok()


DNS = Probe(name="dns", run=nothing, skip=literal)


async def run(*probes: Probe, pool: Pool | None = None, settings: Settings = SETTINGS) -> list[Row]:
    results = await probe_pool(pool or pool_of(member(1)), settings, probes=(DNS, *probes))
    return rows(results.observations)


async def test_a_failed_prerequisite_blocks_what_needs_it_and_is_named(autojump_clock: trio.testing.MockClock) -> None:
    found = await run(
        scripted("tcp", failed(Failure(Reason.REFUSED)), needs=("dns",)),
        scripted("options", ok(), needs=("tcp",)),
        scripted("clean", ok(), needs=("options",)),
        scripted("apart", ok()),
    )

    assert found == [
        ("dns", Status.SKIPPED, "literal-address"),
        ("tcp", Status.FAILED, "refused"),
        ("options", Status.BLOCKED, "tcp"),
        ("clean", Status.BLOCKED, "tcp"),
        ("apart", Status.OK, None),
    ]


@pytest.mark.parametrize("reason", [Reason.ICAP_STATUS, Reason.TIMEOUT])
async def test_a_refusal_does_not_block_even_if_it_never_ends(
    autojump_clock: trio.testing.MockClock, reason: Reason
) -> None:
    refusing = failed(Failure(reason), sheet("options", icap_status=400))

    async def refuse(context: Context) -> Outcome:
        return refusing

    options = Probe(name="options", run=refuse, blocks=lambda outcome: not answered(outcome))
    found = await run(options, scripted("clean", ok(), needs=("options",)))

    assert [("options", Status.FAILED, reason), ("clean", Status.OK, None)] == found[1:]


async def test_a_bug_costs_only_its_own_probe(autojump_clock: trio.testing.MockClock) -> None:
    async def broken(context: Context) -> Outcome:
        raise ZeroDivisionError("by us")

    results = await probe_pool(
        pool_of(member(1)), SETTINGS, probes=(DNS, Probe(name="a", run=broken), scripted("b", ok()))
    )

    assert [("a", Status.ERROR, "bug"), ("b", Status.OK, None)] == rows(results.observations)[1:]
    assert str(facts_of(results.observations[1])["error"]).startswith("ZeroDivisionError: by us (test_runner.py:")


async def test_the_member_deadline_ends_a_slow_step_and_the_steps_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    started = trio.current_time()

    found = await run(
        scripted("tcp", ok(), takes=20.0),
        scripted("options", ok(), takes=20.0, needs=("tcp",)),
        scripted("clean", ok(), needs=("options",)),
        scripted("apart", ok()),
    )

    assert found[2:] == [
        ("options", Status.FAILED, "timeout"),
        ("clean", Status.BLOCKED, "options"),
        ("apart", Status.ERROR, "deadline"),
    ]
    assert trio.current_time() - started <= 31.0


async def test_members_run_side_by_side_and_start_in_turn(autojump_clock: trio.testing.MockClock) -> None:
    starts: list[float] = []

    async def slow(context: Context) -> Outcome:
        starts.append(trio.current_time())
        await trio.sleep(5)
        return ok()

    began = trio.current_time()
    await run(Probe(name="slow", run=slow), pool=pool_of(*(member(port) for port in range(1, 101))))

    assert 100 == len(starts)
    assert pytest.approx(0.001) == starts[1] - starts[0]
    assert trio.current_time() - began < 5.2


async def test_disabled_members_are_not_probed(autojump_clock: trio.testing.MockClock) -> None:
    found = await run(scripted("tcp", ok()), pool=pool_of(member(1, enabled=False)))

    assert [("", Status.SKIPPED, "disabled")] == found


async def test_every_address_of_a_name_gets_its_own_round(autojump_clock: trio.testing.MockClock) -> None:
    def two(context: Context) -> str | None:
        context.addresses = ("127.0.0.1", "127.0.0.2")
        return "told"

    async def tcp(context: Context) -> Outcome:
        return failed(Failure(Reason.REFUSED)) if context.address.endswith("1") else ok()

    results = await probe_pool(
        pool_of(member(1)),
        SETTINGS,
        probes=(
            Probe(name="dns", run=nothing, skip=two),
            Probe(name="tcp", run=tcp),
            scripted("options", ok(), needs=("tcp",)),
        ),
    )

    assert [
        (None, "dns", Status.SKIPPED),
        ("127.0.0.1", "tcp", Status.FAILED),
        ("127.0.0.1", "options", Status.BLOCKED),
        ("127.0.0.2", "tcp", Status.OK),
        ("127.0.0.2", "options", Status.OK),
    ] == [(facts_of(o).get("address"), o.probe, o.status) for o in results.members[0].observations]


async def test_an_interruption_keeps_what_was_learnt(autojump_clock: trio.testing.MockClock) -> None:
    scope = trio.CancelScope()
    started: list[Member] = []

    class Watch:
        def member_started(self, member: Member) -> None:
            started.append(member)

        def probe_finished(self, observation: Observation) -> None:
            if observation.probe == "tcp":
                scope.cancel()

        def member_finished(self, member: Member) -> None:
            raise AssertionError("it was interrupted")

    results = await probe_pool(
        pool_of(member(1), member(2, enabled=False)),
        SETTINGS,
        Watch(),
        cancel_scope=scope,
        probes=(DNS, scripted("tcp", ok()), scripted("options", ok(), takes=9.0)),
    )

    assert results.complete is False
    assert [
        ("dns", Status.SKIPPED, "literal-address"),
        ("tcp", Status.OK, None),
        ("options", Status.ERROR, "interrupted"),
        ("", Status.SKIPPED, "disabled"),
    ] == rows(results.observations)
    assert ["127.0.0.1:1"] == [m.name for m in started]


async def test_the_shared_connection_is_closed_whatever_happens(autojump_clock: trio.testing.MockClock) -> None:
    streams: list[ScriptedStream] = []

    async def opening(context: Context) -> Outcome:
        stream = ScriptedStream([])
        streams.append(stream)
        context.stream = stream
        return ok()

    await run(Probe(name="tcp", run=opening))

    assert [True] == [stream.closed for stream in streams]


def test_the_cap_comes_from_the_descriptors() -> None:
    assert 1 <= descriptor_cap() <= 1024

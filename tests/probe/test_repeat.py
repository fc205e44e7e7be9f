"""Rounds of the harmless steps: how many, in what order, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from icapdiag.icap.message import BUSY
from icapdiag.lab import serve_lab
from icapdiag.model import JSONValue, Observation
from icapdiag.pool import Member
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, Failure, Outcome, Probe, failed, ok
from icapdiag.probe.probes import repeat
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool
from icapdiag.report.document.evidence import describe
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of, sheet
from tests.probe.test_runner import DNS

SETTINGS = Settings(count=5, pause=0.2, deadline=30.0)


def records(observations: tuple[Observation, ...]) -> Any:
    samples: Any = facts_of(next(o for o in observations if o.probe == "repeat"))["samples"]
    return {record["step"]: record for record in samples}


def scripted(monkeypatch: pytest.MonkeyPatch, clean: Callable[[int], Outcome]) -> tuple[Probe, ...]:
    """tcp that always works, and a clean whose n-th outcome is ``clean(n)``; both take 10 ms."""
    rounds = 0

    async def connect(context: Context) -> Outcome:
        await trio.sleep(0.01)
        return ok(sheet("tcp", rtt_ms=0.5))

    async def scan(context: Context) -> Outcome:
        nonlocal rounds
        rounds += 1
        await trio.sleep(0.01)
        return clean(rounds)

    tcp = Probe(name="tcp", run=connect, needs=("dns",), carries=True)
    upload = Probe(name="clean", run=scan, needs=("tcp",))
    monkeypatch.setattr(repeat, "_ROUNDS", ((tcp,), (upload,)))
    return DNS, tcp, upload, repeat.PROBE


CLOCKS = ("kernel", "application")


def answer(ms: float, **facts: JSONValue) -> Outcome:
    return ok(sheet("clean", method="REQMOD", icap_status=204, answer_ms=ms, **facts))


async def test_loss_and_spread(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    lost = failed(Failure(Reason.TIMEOUT), sheet("clean", method="REQMOD"))
    probes = scripted(monkeypatch, lambda n: lost if n == 3 else answer(float(n), answer_clock=CLOCKS[n % 2]))
    started = trio.current_time()

    results = await probe_pool(pool_of(member(1)), SETTINGS, probes=probes)

    found = records(results.observations)
    assert {
        "step": "clean",
        "sent": 5,
        "lost": 1,
        "loss_percent": 20.0,
        "min_ms": 1.0,
        "avg_ms": 3.0,
        "p95_ms": 5.0,
        "max_ms": 5.0,
        "clock": "both",
    } == found["clean"]
    assert "kernel" == found["tcp"]["clock"]
    assert (5, 0, 0.5) == (found["tcp"]["sent"], found["tcp"]["lost"], found["tcp"]["max_ms"])
    assert pytest.approx(5 * 0.02 + 4 * 0.2, abs=0.02) == trio.current_time() - started


@pytest.mark.parametrize(
    ("tags", "facts"),
    [
        (
            "abbab",
            {"istags": ["a", "b"], "istags_distinct": 2, "istag_answers": 5, "istag_switches": 3},
        ),  # two backends
        ("aaabb", {"istags": ["a", "b"], "istags_distinct": 2, "istag_answers": 5, "istag_switches": 1}),  # an update
        ("abcde", {"istags": [*"abcde"], "istags_distinct": 5, "istag_answers": 5, "istag_switches": 4}),
        ("aaaaa", {"istags": ["a"], "istags_distinct": 1, "istag_answers": 5, "istag_switches": 0}),
        ("a-a-b", {"istags": ["a", "b"], "istags_distinct": 2, "istag_answers": 3, "istag_switches": 1}),
        ("-----", {}),
    ],
)
async def test_the_tags_of_all_rounds(
    tags: str, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    said = {number: {} if tag == "-" else {"istag": f'"{tag}"'} for number, tag in enumerate(tags, 1)}
    probes = scripted(monkeypatch, lambda n: answer(1.0, **said[n]))

    results = await probe_pool(pool_of(member(1)), SETTINGS, probes=probes)

    found = next(o for o in results.observations if o.probe == "repeat")
    assert facts == {name: value for name, value in facts_of(found).items() if name.startswith("istag")}
    distinct = facts.get("istags_distinct", 0)
    words = f"{distinct} ISTags in {facts['istag_answers']} responses" if distinct > 1 else "ok"
    assert describe(found).startswith(words)


@pytest.mark.parametrize("status", sorted(BUSY))
@pytest.mark.parametrize(("busy", "sent"), [(1, 1), (3, 3)])
async def test_a_server_that_says_it_is_busy_is_left_alone(
    busy: int, sent: int, status: int, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    refusal = failed(Failure(Reason.ICAP_STATUS), sheet("clean", method="REQMOD", icap_status=status, answer_ms=1.0))
    probes = scripted(monkeypatch, lambda n: refusal if n == busy else answer(1.0))

    results = await probe_pool(pool_of(member(1)), SETTINGS, probes=probes)

    assert "busy" == facts_of(results.observations[-1])["stopped"]
    assert (sent, 0) == (records(results.observations)["clean"]["sent"], records(results.observations)["clean"]["lost"])


async def test_the_deadline_grows_with_the_rounds_and_still_ends_them(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def slow(context: Context) -> Outcome:
        await trio.sleep(9)
        return answer(9000.0)

    probes = scripted(monkeypatch, lambda _: answer(1.0))
    upload = replace(probes[2], run=slow)
    monkeypatch.setattr(repeat, "_ROUNDS", ((probes[1],), (upload,)))
    settings = replace(SETTINGS, count=100)
    started = trio.current_time()

    results = await probe_pool(pool_of(member(1)), settings, probes=(*probes[:2], upload, repeat.PROBE))

    assert "deadline" == facts_of(results.observations[-1])["stopped"]
    assert trio.current_time() - started < 30 + 99 * 1.2 + 1


async def test_doubtful_figures_stay_doubtful(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    probes = scripted(monkeypatch, lambda n: answer(1.0, answer_uncertain=n == 2))

    assert (
        True
        is records((await probe_pool(pool_of(member(1)), SETTINGS, probes=probes)).observations)["clean"]["uncertain"]
    )


@pytest.mark.parametrize("probes", [choose(PROBES), choose(PROBES, depth="quick"), choose(PROBES, only=["tcp"])])
async def test_a_lab_member_sees_the_rounds_that_were_planned(probes: tuple[Probe, ...]) -> None:
    settings = Settings(count=4, pause=0.0, eicar=True, timeout=2)
    async with serve_lab(["healthy"]) as lab:
        (served,) = lab.members
        pool = pool_of(Member(host=served.host, port=served.port, name="healthy"))
        sums = plan_pool(pool, settings, probes).totals
        results = await probe_pool(pool, settings, probes=probes)
        seen = lab.counters["healthy"]

    assert (sums.connections, sums.requests) == (seen.connections, seen.requests)
    assert {4} == {record["sent"] for record in records(results.observations).values()}
    assert [Status.OK] == [found.status for found in results.observations if found.probe == "repeat"]


async def test_once_is_not_repeated() -> None:
    (found,) = [o for o in (await probe_pool(pool_of(member(9)), Settings())).observations if o.probe == "repeat"]

    assert (Status.SKIPPED, "not-asked") == (found.status, found.reason)

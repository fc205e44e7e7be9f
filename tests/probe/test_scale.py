"""Thousands of members in one run: descriptors, the dead beside the living, the rate, and what is kept of each."""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from types import ModuleType

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from icapdiag.pool import Member
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.runner import descriptor_cap
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of

unix = pytest.mark.skipif(sys.platform == "win32", reason="no limit on descriptors there")
QUICK = choose(PROBES, depth="quick")


@contextmanager
def dead_port() -> Iterator[int]:
    """A port that takes no connection and refuses none: its backlog is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


@asynccontextmanager
async def answering(options: bytes) -> AsyncIterator[int]:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(options)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


OPTIONS = b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nMethods: REQMOD\r\nEncapsulated: null-body=0\r\n\r\n'


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog drops connections on Linux")
async def test_a_network_of_dead_members_takes_one_timeout(autojump_clock: trio.testing.MockClock) -> None:
    settings = Settings(connect_timeout=5.0, pace=0.0)
    with dead_port() as port:
        start = trio.current_time()
        results = await probe_pool(pool_of(*(member(port) for _ in range(254))), settings, probes=QUICK)
        took = trio.current_time() - start

    assert {("failed", "timeout"): 254} == Counter(
        (o.status, o.reason) for o in results.observations if o.probe == "tcp"
    )
    assert pytest.approx(5.0, abs=0.1) == took


async def test_the_dead_do_not_hold_up_the_living(autojump_clock: trio.testing.MockClock) -> None:
    """More of them than may be in flight at once, so that one has to wait for another's timeout."""
    done: dict[str, float] = {}

    class Watch:
        def member_started(self, member: Member) -> None: ...
        def probe_finished(self, observation: object) -> None: ...
        def member_finished(self, member: Member) -> None:
            done[member.name] = trio.current_time() - start

    async def connect(context: Context) -> Outcome:
        await trio.sleep(5.0 if context.member.port < 2000 else 0.01)
        return ok()

    start = trio.current_time()
    members = [replace(member(port), name=str(port)) for port in range(1, 5001)]
    dns = Probe(name="dns", run=connect, skip=lambda context: "told")
    await probe_pool(pool_of(*members), Settings(pace=0.0), Watch(), probes=(dns, Probe(name="tcp", run=connect)))

    assert 5000 == len(done)
    assert max(done.values()) < 2 * 5.0 + 0.5
    assert done["5000"] < 2 * 5.0 + 0.5


async def test_five_thousand_start_no_faster_than_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    opened: list[float] = []

    async def connect(context: Context) -> Outcome:
        opened.append(trio.current_time())
        return ok()

    probe = Probe(name="tcp", run=connect, connects=True)
    dns = Probe(name="dns", run=connect, skip=lambda context: "told")
    settings = Settings(pace=0.0, rate=200.0)
    await probe_pool(pool_of(*(member(port) for port in range(1, 5001))), settings, probes=(dns, probe))

    assert 5000 == len(opened)
    assert max(Counter(int(moment - opened[0] + 1e-6) for moment in opened).values()) <= 200
    assert pytest.approx(4999 / 200, abs=0.1) == opened[-1] - opened[0]


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, *, refuses: bool = False) -> list[tuple[int, int]]:
    """A process with these limits; what it asked for instead."""
    asked: list[tuple[int, int]] = []
    resource = ModuleType("resource")

    def setrlimit(_: int, wanted: tuple[int, int]) -> None:
        if refuses:
            raise ValueError("current limit exceeds maximum limit")
        asked.append(wanted)

    fakes = {"RLIMIT_NOFILE": 7, "RLIM_INFINITY": -1, "getrlimit": lambda _: (soft, hard), "setrlimit": setrlimit}
    for name, value in fakes.items():
        setattr(resource, name, value)
    monkeypatch.setitem(sys.modules, "resource", resource)
    return asked


@unix
@pytest.mark.parametrize(
    ("soft", "hard", "each", "cap", "asked"),
    [
        (256, 4096, 1, 1024, [(1088, 4096)]),
        (256, -1, 1, 1024, [(1088, -1)]),
        (256, 512, 1, 448, [(512, 512)]),
        (64, 64, 1, 1, [(64, 64)]),
        (1_000_000, 1_000_000, 1, 1024, []),
        (-1, -1, 1, 1024, []),
        (1024, 524_288, 8, 1024, [(8256, 524_288)]),
        (1024, 4096, 8, 504, [(4096, 4096)]),
    ],
)
def test_the_soft_limit_is_raised_or_else_the_cap_lowered(
    soft: int, hard: int, each: int, cap: int, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = limited(monkeypatch, soft, hard)

    assert cap == descriptor_cap(each)
    assert asked == made


@unix
def test_a_limit_that_can_not_be_raised_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 256, 4096, refuses=True)

    assert 192 == descriptor_cap()


async def nothing(_: Context) -> Outcome:
    return ok()


async def test_members_given_by_name_are_counted_with_their_questions(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    limited(monkeypatch, 200, 200)
    dns = Probe(name="dns", run=nothing, skip=lambda context: "told")

    caps = [
        (await probe_pool(pool_of(member(1, host=host)), Settings(), probes=(dns,))).in_flight_cap
        for host in ("10.0.0.5", "fd00::5", "icap.example.test")
    ]
    assert [136, 136, 17] == caps


LONG = b"x" * 60_000
MANY = b"".join(b"X-Number-%d: %d\r\n" % (number, number) for number in range(3000))


@pytest.mark.parametrize(
    "answer",
    [
        OPTIONS.replace(b"REQMOD", LONG),
        OPTIONS.replace(b"REQMOD", b",".join([b"REQMOD"] * 8000)),
        OPTIONS.replace(b"Methods", MANY + b"Methods"),
        OPTIONS.replace(b"200 OK", b"500 " + LONG),
        OPTIONS.replace(b"null-body=0", b"opt-body=0") + b"100000\r\n" + b"." * 0x100000 + b"\r\n0\r\n\r\n",
        LONG,
    ],
    ids=["value", "list", "headers", "reason", "body", "no-icap"],
)
async def test_what_is_kept_of_a_member_is_bounded_whatever_it_sends(answer: bytes) -> None:
    async with answering(answer) as port:
        results = await probe_pool(pool_of(member(port)), Settings(timeout=2, deadline=5), probes=QUICK)

    assert sum(len(json.dumps(facts_of(o))) for o in results.observations) < 20_000

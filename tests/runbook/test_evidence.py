"""Runbooks are reached end to end: by a fault of the lab, by a fault on loopback, by an entry of a log.

Those about an Avi configuration alone wait for `icapdiag lint`, which will make such observations; until
then their own examples stand in (`icapdiag runbooks test`).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from icapdiag.lab import FAULTS, serve_lab
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.reading import read_logs
from icapdiag.model import Observation
from icapdiag.pool import TLS, Member, loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from icapdiag.runbook import Library, match
from tests.e2e.test_odd_one_out import POOLS, TWICE
from tests.probe.fakes import member, pool_of
from tests.probe.resolvers import dns_server, rcode, records
from tests.runbook.cases import LOGS, PASTED

# Proved by tests/e2e/test_lab_faults.py, by `check --lab`.
LAB = {fault.finding: name for name, fault in FAULTS.items() if fault.finding}
# The same for what only a comparison of members shows: tests/e2e/test_odd_one_out.py.
COMPARED = {*POOLS, *TWICE}
# And for what takes a network of its own: tests/interop/test_mtu_black_hole.py.
NAMESPACES = {"mtu-black-hole"}
# And for what is said of the pool file itself: tests/cli/test_suppressing.py.
POOL_FILE = {"suppression-expired", "suppression-unused"}


async def found(
    library: Library, target: Member, *, resolver_port: int = 53, resolvers: Sequence[str] = ()
) -> set[str]:
    settings = Settings(
        connect_timeout=0.5, timeout=0.5, dns_timeout=0.5, deadline=4, resolvers=tuple(resolvers),
        resolver_port=resolver_port,
    )  # fmt: skip
    results = await probe_pool(pool_of(target), settings)
    return ids(library, results.observations)


def ids(library: Library, observations: Sequence[Observation]) -> set[str]:
    matched = match(library, observations)

    assert 0 == matched.unmatched.count

    return {finding.id for finding in matched.findings}


# Faults that are no server's: of the name, of the way there, of this host.


async def no_such_name(library: Library) -> set[str]:
    async with dns_server(rcode(dns.rcode.NXDOMAIN)) as port:
        return await found(library, member(9, host="icap.example.test"), resolver_port=port, resolvers=["127.0.0.1"])


async def no_resolver(library: Library) -> set[str]:
    async with dns_server(lambda _: None) as port:
        return await found(library, member(9, host="icap.example.test"), resolver_port=port, resolvers=["127.0.0.1"])


async def resolvers_differ(library: Library) -> set[str]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(serve_lab(["healthy"], host="127.0.0.8"))
        port = await stack.enter_async_context(dns_server(records(A=("127.0.0.8",))))
        await stack.enter_async_context(dns_server(records(A=("127.0.0.9",)), "127.0.0.2", port))
        target = member(lab.members[0].port, host="icap.example.test")
        results = await found(library, target, resolver_port=port, resolvers=["127.0.0.1", "127.0.0.2"])
        return results - {"tcp-refused"}  # nobody is at the second address


async def backlog_full(library: Library) -> set[str]:
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        return await found(library, member(listening.getsockname()[1]))


async def no_way_there(library: Library) -> set[str]:
    return await found(library, member(1344, host="127.255.255.255"))  # a broadcast address: no TCP to it


async def no_ipv6_listener(library: Library) -> set[str]:
    with socket.socket(socket.AF_INET6) as bound:
        try:
            bound.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6, not even on loopback")
        return await found(library, member(bound.getsockname()[1], host="::1"))


async def unusable_ca_file(library: Library) -> set[str]:
    async with serve_lab(["mute"]) as lab:
        return await found(library, member(lab.members[0].port, tls=TLS(ca_file=Path(__file__))))


async def passes_by_preview(library: Library) -> set[str]:
    """Without EICAR nobody can tell whether a server that never asks for the rest scans it some other way."""
    async with serve_lab(["preview-204-unsupported"]) as lab:
        results = await probe_pool(
            pool_of(member(lab.members[0].port)), Settings(timeout=2), probes=choose(PROBES, only=["preview"])
        )
    return ids(library, results.observations)


async def slower_than_allowed(library: Library) -> set[str]:
    """A member that takes 0.8 s, by a limit of 0.5 s."""
    async with serve_lab(["slow"]) as lab:
        target = member(lab.members[0].port)
        results = await probe_pool(pool_of(target), Settings(warn_ms=100, crit_ms=500))
        return ids(library, results.observations)


async def more_expected_than_it_takes(library: Library) -> set[str]:
    async with serve_lab(["max-connections-enforced"]) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        settings = Settings(load_ceiling=8, expected_rps=100, expected_latency_ms=200)
        results = await probe_pool(pool, settings, probes=choose(PROBES, only=["load"]))
        return ids(library, results.observations) - {"max-connections-enforced"}  # what it is, beside what it means


async def aaaa_dropped(library: Library) -> set[str]:
    def only_a(query: dns.message.Message) -> dns.message.Message | None:
        is_a = query.question[0].rdtype == dns.rdatatype.A
        return records(A=("127.0.0.1",))(query) if is_a else None

    async with serve_lab(["healthy"]) as lab, dns_server(only_a) as port:
        target = member(lab.members[0].port, host="icap.example.test")
        return await found(library, target, resolver_port=port, resolvers=["127.0.0.1"])


LOOPBACK = {
    "slow-dns": aaaa_dropped,
    "preview-pass-unproven": passes_by_preview,
    "slow-beyond-limit": slower_than_allowed,
    "dns-name-not-found": no_such_name,
    "dns-resolver-failure": no_resolver,
    "dns-answers-differ": resolvers_differ,
    "tcp-timeout": backlog_full,
    "tcp-unreachable": no_way_there,
    "ipv6-not-accepted": no_ipv6_listener,
    "vantage-failure": unusable_ca_file,
    "capacity-below-expected": more_expected_than_it_takes,
}


@pytest.mark.parametrize("identity", LOOPBACK)
async def test_a_fault_on_loopback(library: Library, identity: str) -> None:
    assert {identity} == await LOOPBACK[identity](library)


@pytest.mark.parametrize("identity", LOGS)
def test_a_log(library: Library, identity: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f"{json.dumps(one)}\n" for one in LOGS[identity]))
    reading = read_logs([str(log)], filters=Filters(), jobs=1)

    assert (len(LOGS[identity]), 0) == (reading.records.read, reading.records.skipped + reading.records.unreadable)
    assert identity in ids(library, reading.observations)


@pytest.mark.parametrize("identity", PASTED)
def test_a_pasted_answer(library: Library, identity: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(PASTED[identity])
    reading = read_logs([str(tmp_path / "answer")])

    assert {identity} == ids(library, reading.observations)


def test_what_is_reached_end_to_end_stays_so(library: Library) -> None:
    """A new runbook may come with its own examples alone (`icapdiag runbooks test`); the others keep what reaches them,
    each by every source it has."""
    probed, logged = {*LAB, *LOOPBACK, *COMPARED, *NAMESPACES}, {*LOGS, *PASTED}

    assert set() == {*probed, *logged, *POOL_FILE} - {runbook.id for runbook in library.runbooks}
    assert 85 <= len([one.id for one in library.runbooks if "probe" in one.source and one.id in probed])
    assert 64 <= len([one.id for one in library.runbooks if "log" in one.source and one.id in logged])

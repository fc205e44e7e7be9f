"""A real resolver with one fault, in a network of its own: what is said of the member's name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import c_icap, load_balancers, networks, resolvers
from tests.interop.clients import Checked
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.networks import PORT, Network
from tests.interop.programs import Programs
from tests.interop.resolvers import ABSENT_RESOLVER, FIRST, LATE, REFUSING, SECOND
from tests.interop.scanners import TYPES

NOT_THERE = "127.0.0.56"  # where no DNS server is
SILENT = f"ip daddr {SECOND} udp dport 53 drop"


@pytest.fixture(scope="module")
def named(programs: Programs, known_eicar: None) -> Iterator[Network]:
    """c-icap at 127.0.0.1 and 127.0.0.2, another one with clamd at 127.0.0.3, and resolvers that know them."""
    clamd_socket = programs.folder / "named-clamd.ctl"
    with networks.network(programs, "named", scanners=2) as network, networks.ethernet(network, "named-lan"):
        started = [
            load_balancers.start_haproxy(network)[0],
            resolvers.start_unbound(network, FIRST),
            resolvers.start_unbound(network, SECOND),
            resolvers.start_unbound(network, REFUSING),
            resolvers.start_late(network, 2.5),
            c_icap.start_clamd(programs, clamd_socket),
        ]
        other = c_icap.ANTIVIRUS + TYPES + c_icap.clamd_engine(clamd_socket)
        started.append(
            c_icap.start(programs, "c-icap-other", [("127.0.0.3", PORT)], other, namespace=network.namespace)
        )
        yield network
        programs.stop(*reversed(started))


def check(network: Network, name: str, *servers: str, rules: str = "") -> Checked:
    asked = [word for server in servers for word in ("--resolver", server)]
    return network.check(f"icap://{name}:{PORT}/avscan", "--eicar", *asked, rules=rules)


NO_RESOLVER = "dns-resolver-failure"
NOBODY_BEHIND = Diagnosis("tcp-reset", "dead-backend", "likely", "backend|haproxy", never="SSL profile|accept-proxy")
IPV4_ONLY = Diagnosis("ipv6-not-accepted", "ipv4-listener", "likely", "IPv6 listener|IPv4", never="MTU|thread|TLS")


@pytest.mark.parametrize(
    ("name", "servers", "expected"),
    [
        pytest.param(
            "nix.pool.test", (FIRST,),
            Diagnosis("dns-name-not-found", "misspelt", "possible", "name", never="DNSSEC|REFUSED|firewall"),
            id="a name that does not exist",
        ),
        pytest.param(
            "av.pool.test", (REFUSING,),  # which differs from FIRST by its access-control
            Diagnosis(NO_RESOLVER, "refuses-client", "proven", "unbound: `access-control", never="DNSSEC|port 53"),
            id="a resolver that refuses this client",
        ),
        pytest.param(
            "scanner.dead.test", (FIRST,),
            Diagnosis(NO_RESOLVER, "zone-unreachable", "likely", r"dig \+trace", never="REFUSED|DNSSEC"),
            id="a resolver that can't reach the zone",
        ),
        pytest.param(
            "one.loop.test", (FIRST,),
            Diagnosis(NO_RESOLVER, "zone-unreachable", "likely", "CNAME loop", never="REFUSED|port 53"),
            id="a CNAME that leads back to itself",
        ),
        pytest.param(
            "av.pool.test", (NOT_THERE,),
            Diagnosis(NO_RESOLVER, "resolver-unreachable", "proven", r"resolv\.conf", never="DNSSEC|REFUSED"),
            id="no resolver at that address",
        ),
        pytest.param(
            "av.pool.test", (ABSENT_RESOLVER,),
            Diagnosis(NO_RESOLVER, "resolver-unreachable", "likely", r"resolv\.conf", never="DNSSEC|REFUSED"),
            id="nobody has the resolver's address",
        ),
        pytest.param("six.pool.test", (FIRST,), IPV4_ONLY, id="an IPv6 address only"),
        pytest.param("both.pool.test", (FIRST,), IPV4_ONLY, id="addresses of both versions"),
        pytest.param("moved.pool.test", (FIRST, SECOND), NOBODY_BEHIND, id="the second resolver's is a dead balancer"),
        pytest.param("anything.wild.test", (FIRST,), NOBODY_BEHIND, id="a wildcard leads to a dead balancer"),
    ],
)  # fmt: skip
def test_uploads_do_not_reach_the_scanner(
    named: Network, name: str, servers: tuple[str, ...], expected: Diagnosis
) -> None:
    checked = check(named, name, *servers)

    expected.holds(checked)
    assert {expected.finding} == set(checked.findings("critical"))


SLOW = Diagnosis("slow-dns", "slow-server", "likely", "dig", severity="warning", effect="none", never="does not answer")
ONE_IS_DOWN = Diagnosis(
    "slow-dns", "server-down", "proven", r"resolv\.conf", severity="warning", effect="none", never="AAAA"
)


@pytest.mark.parametrize(
    ("name", "servers", "rules", "expected"),
    [
        pytest.param("av.pool.test", (LATE,), "", SLOW, id="a resolver that takes 2.5 s"),
        pytest.param("av.pool.test", (FIRST, SECOND), SILENT, ONE_IS_DOWN, id="a second resolver that is silent"),
        pytest.param("av.pool.test", (FIRST, NOT_THERE), "", ONE_IS_DOWN, id="a second resolver that is not there"),
        pytest.param(
            "robin.pool.test", (FIRST,), "",
            Diagnosis(
                "istag-differs", "update-not-everywhere", "possible", "", severity="warning", effect=None, never="DNS"
            ),
            id="two engines behind one name",
        ),
    ],
)  # fmt: skip
def test_uploads_are_scanned_and_something_is_wrong(
    named: Network, name: str, servers: tuple[str, ...], rules: str, expected: Diagnosis
) -> None:
    checked = check(named, name, *servers, rules=rules)

    expected.holds(checked)
    assert {expected.finding} == {*checked.findings("critical"), *checked.findings("warning")}
    assert 0 == checked.exit_status


def test_resolvers_that_differ_are_named_too(named: Network) -> None:
    checked = check(named, "moved.pool.test", FIRST, SECOND)

    assert ["tcp-reset", "dns-answers-differ"] == [problem["finding"] for problem in checked.report["problems"]]


@pytest.mark.parametrize("servers", [(FIRST,), (FIRST, SECOND)], ids=["one resolver", "two that agree"])
def test_all_is_well_by_name(named: Network, servers: tuple[str, ...]) -> None:
    nothing_is_wrong(check(named, "av.pool.test", *servers))


def test_a_name_and_its_address_are_one_server(named: Network) -> None:
    pool = named.programs.folder / "twice.yaml"
    pool.write_text("service_uri: /avscan\nmembers: [127.0.0.1, av.pool.test]\n")
    twice = Diagnosis(
        "duplicate-server", "two-names", "possible", "Remove|Delete", severity="warning", effect="none", never="ISTag"
    )
    twice.holds(named.check(str(pool), "--resolver", FIRST))

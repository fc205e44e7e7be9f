"""What this host says of itself, and from where it connects."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.facts.run import NetworkInterface
from icapdiag.model import Observation
from icapdiag.probe import PROBES, Settings
from icapdiag.probe.host import (
    Interface,
    Route,
    clock_state,
    configured_resolvers,
    host_facts,
    interface_of,
    route_in,
    route_to,
)
from icapdiag.probe.probes.dns import split_resolver
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.runner import probe_pool
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of
from tests.probe.resolvers import dns_server, records

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own ioctls and /proc")
SETTINGS = Settings(connect_timeout=1, timeout=1, deadline=3, dns_timeout=1)


def test_resolvers_of_the_system(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# nameserver 1.1.1.1\nsearch example.test\nnameserver 10.0.0.53\nnameserver\nnameserver fd00::53\n"
    )

    assert ["10.0.0.53", "fd00::53"] == configured_resolvers(file)
    assert [] == configured_resolvers(tmp_path / "none")


@linux
def test_the_interface_of_an_address() -> None:
    found = interface_of("127.0.0.9")

    assert found is not None
    assert ("lo", True) == (found.name, isinstance(found.mtu, int))
    assert interface_of("203.0.113.77") is None
    assert interface_of("no address") is None


@linux
def test_the_route_to_an_address() -> None:
    assert Route("lo") == route_to("127.0.0.9", "127.0.0.1")
    assert Route("lo") == route_to("127.0.0.9", device="lo")
    assert None is route_to("127.0.0.9", "::1")
    assert None is route_to("127.0.0.9", device="nosuchdev0")
    assert None is route_to("no address")


@linux
def test_a_route_by_a_gateway_is_read() -> None:
    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    lo = struct.pack("=I", socket.if_nametoindex("lo"))
    for attributes, expected in (
        (attribute(4, lo) + attribute(5, bytes((10, 0, 0, 1))), Route("lo", "10.0.0.1")),
        (attribute(7, b"abc") + attribute(4, lo), Route("lo")),
        (attribute(4, lo) + attribute(18, struct.pack("=H", 10) + bytes(15) + b"\1"), Route("lo", "::1")),
        (b"\0\0\0\0" + attribute(4, lo), None),
        (b"", None),
    ):
        message = struct.pack("=IHHII", 28 + len(attributes), 24, 0, 1, 0) + bytes(12) + attributes
        assert expected == route_in(message)
    assert None is route_in(struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -101))


@linux
def test_the_clock_is_known_or_said_to_be_unknown() -> None:
    synchronised, error_ms = clock_state()

    assert synchronised in {True, False, None}
    assert (error_ms is None) == (synchronised is not True)


@linux
def test_facts_on_the_host() -> None:
    facts = host_facts(["127.0.0.1"], ("10.0.0.53:5353",))
    lo = interface_of("127.0.0.1")

    assert isinstance(lo, Interface)
    assert (NetworkInterface(name="lo", mtu=lo.mtu, addresses=("127.0.0.1",)),) == facts.interfaces
    assert (("10.0.0.53:5353",), True) == (facts.resolvers, facts.resolvers_given)
    assert () == host_facts([], ()).interfaces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.53", ("10.0.0.53", None)),
        ("10.0.0.53:5353", ("10.0.0.53", 5353)),
        ("fd00::53", ("fd00::53", None)),
        ("[fd00::53]:53", ("fd00::53", 53)),
    ],
)
def test_resolvers_with_and_without_a_port(text: str, expected: tuple[str, int | None]) -> None:
    assert expected == split_resolver(text)


@pytest.mark.parametrize(
    "text", ["", "dns.example.test", "10.0.0.53:", "10.0.0.53:0", "10.0.0.53:65536", "[fd00::53]", "::1:x"]
)
def test_what_is_no_resolver(text: str) -> None:
    with pytest.raises(ValueError, match="ADDRESS:PORT"):
        split_resolver(text)


async def observed(settings: Settings, last: str = "tcp") -> dict[str, Observation]:
    """Probes up to this one, of a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        results = await probe_pool(pool_of(member(port)), settings, probes=choose(PROBES, only=[last]))
    return {o.probe: o for o in results.observations}


async def test_the_source_address_is_the_one_asked_for() -> None:
    facts = facts_of((await observed(replace(SETTINGS, source="127.0.0.3")))["tcp"])

    assert "127.0.0.3" == facts["local_address"]
    if sys.platform == "linux":
        assert "lo" == facts["interface"]
        assert isinstance(facts["route_mtu"], int)


@linux
async def test_the_interface_is_the_one_asked_for() -> None:
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    except PermissionError:
        pytest.skip("takes CAP_NET_RAW here")

    assert Status.OK is (await observed(replace(SETTINGS, interface="lo")))["tcp"].status


@linux
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (replace(SETTINGS, source="203.0.113.77"), "can't connect from 203.0.113.77: this host has no such address"),
        (replace(SETTINGS, source="::1"), "can't connect from ::1 to an address of the other IP version"),
        (replace(SETTINGS, interface="nosuchdev0"), "can't bind to interface nosuchdev0: "),
    ],
)
async def test_a_place_that_is_not_there_is_our_own_configuration(settings: Settings, words: str) -> None:
    found = (await observed(settings))["tcp"]

    assert (Status.ERROR, Reason.CONFIGURATION) == (found.status, found.reason)
    assert str(facts_of(found)["error"]).startswith(words)


@linux
async def test_an_interface_without_the_privilege_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = socket.socket.setsockopt

    def refuse(sock: socket.socket, level: int, option: int, value: int | bytes) -> None:
        if option == socket.SO_BINDTODEVICE:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        allowed(sock, level, option, value)

    monkeypatch.setattr("socket.socket.setsockopt", refuse)
    found = (await observed(replace(SETTINGS, interface="lo")))["tcp"]

    assert (Status.ERROR, Reason.CONFIGURATION) == (found.status, found.reason)
    assert "can't bind to interface lo: this takes root or CAP_NET_RAW" == facts_of(found)["error"]


async def test_the_other_ip_version_is_ruled_out_and_no_word_on_the_member() -> None:
    found = await observed(replace(SETTINGS, family=6), "clean")

    assert (Status.ERROR, Reason.CONFIGURATION) == (found["dns"].status, found["dns"].reason)
    assert {(Status.BLOCKED, "dns")} == {
        (found[probe].status, found[probe].reason) for probe in ("tcp", "options", "clean")
    }


@pytest.mark.parametrize(("family", "expected"), [(4, ["127.0.0.9"]), (6, ["::1"]), (None, ["127.0.0.9", "::1"])])
async def test_only_addresses_of_the_wanted_version_are_dialled(family: int | None, expected: list[str]) -> None:
    async with dns_server(records(A=("127.0.0.9",), AAAA=("::1",))) as port:
        pool = pool_of(member(9, host="icap.example.test"))
        settings = replace(SETTINGS, family=family, resolvers=(f"127.0.0.1:{port}",))
        results = await probe_pool(pool, settings)

    assert expected == [facts_of(o)["address"] for o in results.observations if o.probe == "tcp"]
    assert ["127.0.0.9", "::1"] == facts_of(results.observations[0])["addresses"]
    assert (f"127.0.0.1:{port}",) == tuple(facts_of(results.observations[0])["resolvers"])

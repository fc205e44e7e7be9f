"""What fixes name of the network and of a host's firewall: the fault shows, the command is run as printed, it is gone.

They take too long for every run, and some of the programs are in no other test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import c_icap
from tests.interop.clients import Checked
from tests.interop.diagnosed import Diagnosis, advises, nothing_is_wrong
from tests.interop.networks import PORT
from tests.interop.programs import Programs, need
from tests.interop.routed import GATEWAY, NARROW, SERVER, SERVER_V6, Routed, routed, run
from tests.interop.scanners import SCANNER

pytestmark = pytest.mark.realcases

SCAN = f"icap://{SERVER}:{PORT}/avscan"
# ICMP that says how large a packet may be is lost, as it is behind many a firewall.
BLACK_HOLE = f"""
ip link set far mtu {NARROW}
nft add table inet hole
nft add chain inet hole leaving '{{ type filter hook output priority 0; }}'
nft add rule inet hole leaving icmp type destination-unreachable drop
nft add chain inet hole forward '{{ type filter hook forward priority 0; }}'
"""
# The firewalls keep their rules in /etc.
FIREWALLS = """
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir /run/dbus
for each in ufw firewalld; do
  mkdir /run/$each-etc
  cp -a /etc/$each/. /run/$each-etc
  mount --bind /run/$each-etc /etc/$each
done
"""


@pytest.fixture
def narrow(programs: Programs, known_eicar: None) -> Iterator[Routed]:
    need("nft")
    with routed(programs, "narrow") as made:
        run(made.router, BLACK_HOLE)
        server = c_icap.start(programs, "c-icap-narrow", [("0.0.0.0", PORT)], SCANNER, namespace=made.server)  # noqa: S104
        yield made
        programs.stop(server)


def sizes(made: Routed) -> Checked:
    return made.check(SCAN, "--only", "size", "--timeout", "1.5", "--max-size", "64K")


NFT = "tcp flags syn tcp option maxseg size set rt mtu"
IPTABLES = "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
ADVMSS = "ip route change default via GATEWAY advmss 1200"


@pytest.mark.parametrize(
    ("step", "where", "command"),
    [
        pytest.param("Allow ICMP type 3 code 4", "router", "nft flush chain inet hole leaving", id="ICMP is allowed"),
        pytest.param(NFT, "router", f"nft add rule inet hole forward {NFT}", id="nftables clamps the MSS"),
        pytest.param(IPTABLES, "router", IPTABLES, id="iptables clamps the MSS"),
        pytest.param(ADVMSS, "server", ADVMSS.replace("GATEWAY", GATEWAY), id="the server's route limits the MSS"),
        pytest.param(
            "lower the interface's MTU",
            "server",
            f"ip link set dev server mtu {NARROW}",
            id="the server's MTU is lower",
        ),
    ],
)
def test_long_packets_are_lost(narrow: Routed, step: str, where: str, command: str) -> None:
    lost = sizes(narrow)
    Diagnosis("mtu-black-hole", "mtu", "proven", "ICMP").holds(lost)
    assert step == IPTABLES or advises(lost, step)  # that one is of request-timeout-status

    run(narrow.router if where == "router" else narrow.server, command)
    nothing_is_wrong(sizes(narrow))


@pytest.fixture(scope="module")
def walled(programs: Programs, known_eicar: None) -> Iterator[Routed]:
    """A scanner on a host that may have ufw or firewalld; by IPv6 haproxy is in front of it, as its own fix has it."""
    with routed(programs, "walled", server=FIREWALLS) as made:
        server = c_icap.start(programs, "c-icap-walled", [("0.0.0.0", PORT)], SCANNER, namespace=made.server)  # noqa: S104
        configuration = programs.folder / "walled-haproxy.cfg"
        configuration.write_text(
            "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n"
            f"listen icap\n  bind :::{PORT} v6only\n  server icap 127.0.0.1:{PORT}\n"
        )
        argv = [need("haproxy"), "-db", "-f", str(configuration)]
        haproxy = programs.start("haproxy-walled", argv, namespace=made.server)
        yield made
        programs.stop(haproxy, server)


def test_firewalld_rejects_the_port(programs: Programs, walled: Routed) -> None:
    need("firewall-cmd")
    nothing_is_wrong(walled.check(SCAN))
    bus = programs.start(
        "dbus", [need("dbus-daemon"), "--system", "--nofork", "--nopidfile"], namespace=walled.server,
        socket_file=None,
    )  # fmt: skip
    firewalld = programs.start("firewalld", [need("firewalld"), "--nofork", "--nopid"], namespace=walled.server)
    run(walled.server, "for i in $(seq 100); do firewall-cmd --state && break; sleep 0.2; done")
    rejected = walled.check(SCAN)
    command = f"firewall-cmd --permanent --add-port={PORT}/tcp && firewall-cmd --reload"
    Diagnosis("tcp-unreachable", "firewall-rejects", "likely", "firewall-cmd").holds(rejected)
    assert advises(rejected, command)

    run(walled.server, command)
    allowed = [walled.check(SCAN), walled.check(f"icap://[{SERVER_V6}]:{PORT}/avscan")]
    programs.stop(firewalld, bus)
    run(walled.server, "nft flush ruleset")
    for each in allowed:
        nothing_is_wrong(each)


def test_ufw_drops_the_port_by_ipv6(walled: Routed) -> None:
    need("ufw")
    url = f"icap://[{SERVER_V6}]:{PORT}/avscan"
    nothing_is_wrong(walled.check(url))
    run(walled.server, "ufw allow from 10.0.0.0/8 && ufw --force enable")
    nothing_is_wrong(walled.check(SCAN))
    dropped = walled.check(url, "--connect-timeout", "2")
    assert {"ipv6-not-accepted"} == set(dropped.findings("critical"))
    assert advises(dropped, f"`ufw allow {PORT}/tcp`")

    run(walled.server, f"ufw allow {PORT}/tcp")
    allowed = walled.check(url)
    run(walled.server, "ufw --force disable")
    nothing_is_wrong(allowed)

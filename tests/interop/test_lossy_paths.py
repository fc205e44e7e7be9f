"""Paths that lose packets, in one direction or both, made by nftables: what the kernel knows tells them apart.

They need root, or a kernel that lets anybody make a network namespace; elsewhere they are skipped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.interop import c_icap, e2guardian
from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.programs import Namespace, Programs, need

pytestmark = pytest.mark.realtime  # packets that are sent again take their time

# gso_max_segs 1: else packets are only cut, or put together, after the filter has seen them.
NETWORK = """
ip link set lo mtu 1500 gso_max_segs 1 up
nft add table inet lossy
nft add set inet lossy clients '{ type ipv4_addr; flags dynamic; }'
nft add chain inet lossy arrival '{ type filter hook input priority 0; }'
"""
SERVERS = {"lab": (1344, "avscan"), "c-icap": (1345, "avscan"), "e2guardian": (1346, "request")}


@dataclass(frozen=True, slots=True)
class Network:
    """A namespace with a server of each kind."""

    namespace: Namespace

    def check(self, server: str, *arguments: str, lossy: str = "") -> Checked:
        """Check the server while the packets that ``lossy``, an expression of nft, matches are dropped."""
        port, service = SERVERS[server]
        self._nft("flush set inet lossy clients")
        for rule in filter(None, lossy.split(";")):
            self._nft(f"add rule inet lossy arrival {rule.strip().replace('PORT', str(port))} drop")
        try:
            return check(f"icap://127.0.0.1:{port}/{service}", *arguments, namespace=self.namespace)
        finally:
            self._nft("flush chain inet lossy arrival")

    def _nft(self, command: str) -> None:
        subprocess.run(self.namespace.command([need("nft"), command]), check=True, capture_output=True)


@pytest.fixture(scope="module")
def network(programs: Programs, known_eicar: None) -> Iterator[Network]:
    need("nft")
    made = programs.network("lossy", NETWORK)
    if made is None:
        pytest.skip("no network namespace can be made here")
    keeper, inside = made
    argv = [*ICAPDIAG, "lab", "healthy", "--port", "1344"]
    lab = programs.start("lab-lossy", argv, ports=[("127.0.0.1", 1344)], namespace=inside)
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
    cicap = c_icap.start(programs, "c-icap-lossy", [("127.0.0.1", 1345)], services, namespace=inside)
    guardian = e2guardian.start(programs, inside, 1346, name="e2guardian-lossy")
    yield Network(inside)
    programs.stop(lab, cicap, guardian, keeper)


BOTH_WAYS = "tcp dport PORT numgen inc mod {n} 0; tcp sport PORT numgen inc mod {n} 0"
LONGEST_WITHOUT_DATA = 60  # bytes: a SYN with its options


@pytest.mark.parametrize("server", SERVERS)
def test_without_loss_nothing_is_said_of_it(network: Network, server: str) -> None:
    checked = network.check(server, "--count", "5")

    assert "packet-loss" not in checked.findings()
    assert "not-needed" == next(p["reason"] for p in checked.report["members"][0]["probes"] if p["probe"] == "path")


@pytest.mark.parametrize(("server", "n"), [("lab", 8), ("c-icap", 7), ("e2guardian", 5)])
def test_loss_is_named_although_every_answer_comes(network: Network, server: str, n: int) -> None:
    checked = network.check(server, "--count", "3", "--timeout", "8", "--deadline", "90", lossy=BOTH_WAYS.format(n=n))

    assert "packet-loss" in checked.findings("warning")
    assert 1 <= checked.facts("path")["segments_lost"]


@pytest.mark.parametrize("server", ["lab", "c-icap"])
def test_the_end_of_a_connection_is_a_packet_too(network: Network, server: str) -> None:
    """Each other of ours is lost, and all that comes before it arrives."""
    checked = network.check(server, lossy="tcp dport PORT tcp flags & fin == fin numgen inc mod 2 0")

    assert {"path": "likely", "syn-drops": "ruled out"} == checked.causes("packet-loss")


def test_loss_on_the_way_back_only(network: Network) -> None:
    """Nothing of ours is lost, and e2guardian sends nothing behind its answer: only time shows what was sent again."""
    lossy = f"tcp sport PORT meta length > {LONGEST_WITHOUT_DATA} numgen inc mod 4 0"
    checked = network.check("e2guardian", lossy=lossy)

    facts = checked.facts("path")
    assert 0 == facts["segments_lost"]
    assert 3 <= facts["answers_lost"] + facts["answers_late"]
    assert {"path": "likely", "syn-drops": "ruled out"} == checked.causes("packet-loss")


@pytest.mark.parametrize("server", ["lab", "c-icap"])
def test_one_lost_packet_is_looked_into_and_is_no_finding(network: Network, server: str) -> None:
    first = "tcp dport PORT tcp flags & (syn|ack) == syn numgen inc mod 1000 0"
    checked = network.check(server, lossy=first)

    assert [1, 12] == [checked.facts("path")[name] for name in ("segments_lost", "connections")]
    assert "packet-loss" not in checked.findings()


def test_an_answer_without_an_end_that_is_lost_on_the_way_back_is_possible(network: Network) -> None:
    """e2guardian does not close, so there is nothing behind the gap by which it would be seen."""
    lossy = f"tcp sport PORT meta length > {LONGEST_WITHOUT_DATA}"
    checked = network.check("e2guardian", "--timeout", "2", lossy=lossy)

    assert ["server-threads-exhausted"] == list(checked.findings("critical"))
    assert {"possible"} == set(checked.causes("server-threads-exhausted").values())


@pytest.mark.parametrize("server", ["lab", "c-icap"])
def test_an_answer_that_is_lost_on_the_way_back(network: Network, server: str) -> None:
    lossy = f"tcp sport PORT meta length > {LONGEST_WITHOUT_DATA}"
    checked = network.check(server, "--timeout", "2", lossy=lossy)

    assert ["no-response"] == list(checked.findings("critical"))
    assert "proven" == checked.causes("no-response")["answer-lost"]
    assert "ruled out" == checked.causes("no-response")["threads-busy"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_request_that_is_lost_on_the_way(network: Network, server: str) -> None:
    lossy = f"tcp dport PORT meta length > {LONGEST_WITHOUT_DATA}"
    checked = network.check(server, "--timeout", "2", lossy=lossy)

    assert ["no-response"] == list(checked.findings("critical"))
    assert {"request-lost": "proven", "threads-busy": "ruled out"}.items() <= checked.causes("no-response").items()


@pytest.mark.parametrize("server", ["lab", "c-icap"])
def test_a_limit_of_connections_on_the_way_is_not_the_servers_room(network: Network, server: str) -> None:
    lossy = "tcp dport PORT ct state new add @clients { ip saddr ct count over 4 }"
    checked = network.check(server, "--load", "--yes", "--load-ceiling", "8", "--connect-timeout", "2", lossy=lossy)

    (name,) = {"slow-under-load", "fails-under-load"} & set(checked.findings())
    assert "proven" == checked.causes(name)["connections-dropped"]


@pytest.mark.parametrize("server", ["lab", "c-icap"])
def test_a_limit_of_new_connections_a_second(network: Network, server: str) -> None:
    lossy = "tcp dport PORT tcp flags & (syn|ack) == syn limit rate over 10/second burst 30 packets"
    checked = network.check(server, "--load", "--yes", "--load-ceiling", "8", lossy=lossy)

    (name,) = {"slow-under-load", "fails-under-load"} & set(checked.findings())
    assert "proven" == checked.causes(name)["connections-dropped"]
    assert "ruled out" == checked.causes(name)["threads" if name == "slow-under-load" else "server-limit"]

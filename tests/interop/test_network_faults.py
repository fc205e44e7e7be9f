"""A network that drops, rejects or slows down what goes to a real c-icap: what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from tests.interop import networks
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.networks import ABSENT, NOBODY, PORT, Network
from tests.interop.programs import Programs

SCAN = f"icap://127.0.0.1:{PORT}/avscan"


@pytest.fixture(scope="module")
def faulty(programs: Programs) -> Iterator[Network]:
    with networks.network(programs, "faulty") as network, networks.ethernet(network, "faulty-lan"):
        yield network


@pytest.mark.parametrize(
    ("url", "rules", "arguments", "expected"),
    [
        pytest.param(
            f"icap://127.0.0.1:{NOBODY}/avscan", "", (),
            Diagnosis("tcp-refused", "stopped", "possible", "systemctl", never="route|MTU|thread"),
            id="nothing listens on the port",
        ),
        pytest.param(
            SCAN, f"tcp dport {PORT} reject with tcp reset", (),
            Diagnosis("tcp-refused", "stopped", "possible", "systemctl", never="route|MTU|thread"),
            id="a firewall resets",
        ),
        pytest.param(
            SCAN, f"tcp dport {PORT} drop", ("--connect-timeout", "1"),
            Diagnosis("tcp-timeout", "firewall-drops", "possible", "firewall|port", never="thread|TLS"),
            id="a firewall drops",
        ),
        pytest.param(
            SCAN, f"tcp dport {PORT} reject with icmpx admin-prohibited", (),
            Diagnosis("tcp-unreachable", "firewall-rejects", "likely", "firewall|Permit|allow", never="thread|TLS"),
            id="a firewall rejects with ICMP",
        ),
        pytest.param(
            f"icap://{ABSENT}:{PORT}/avscan", "", (),
            Diagnosis("tcp-unreachable", "host-down", "likely", "[Ss]tart|back on", never="SELinux|TLS"),
            id="nobody has the address",
        ),
    ],
)  # fmt: skip
def test_there_is_no_connection(
    faulty: Network, url: str, rules: str, arguments: tuple[str, ...], expected: Diagnosis
) -> None:
    checked = faulty.check(url, *arguments, rules=rules)

    expected.holds(checked)
    assert {expected.finding} == {*checked.findings("critical"), *checked.findings("warning")}
    assert 1 == checked.exit_status


def test_no_route_is_this_hosts_fault(faulty: Network) -> None:
    checked = faulty.check(f"icap://203.0.113.9:{PORT}/avscan")

    assert ({"vantage-failure"}, 3) == (set(checked.findings()), checked.exit_status)


@pytest.mark.parametrize("how", ["reject", "reject with tcp reset"])
def test_a_limit_of_connections_that_rejects(faulty: Network, how: str) -> None:
    limit = f"tcp dport {PORT} ct state new add @clients {{ ip saddr ct count over 2 }} {how}"
    checked = faulty.check(SCAN, "--load", "--yes", "--load-ceiling", "8", rules=limit)

    Diagnosis(
        "fails-under-load", "connections-rejected", "likely", "limits? of connections|connection limits?",
        severity="warning", never="licence|clamd",
    ).holds(checked)  # fmt: skip
    text = " ".join(render(read_report(json.dumps(checked.report).encode()), "table").split())
    assert "Uploads that fail in this way pass unscanned if fail_action is Avi's default" in text  # not all of them
    assert "ICAP_PASSED" not in text


@pytest.mark.parametrize("arguments", [("--eicar",), ("--count", "10")], ids=["EICAR", "ten rounds"])
def test_a_slow_link_is_no_fault_of_small_uploads(faulty: Network, arguments: tuple[str, ...]) -> None:
    with faulty.narrow("256kbit"):
        nothing_is_wrong(faulty.check(SCAN, *arguments))


def test_long_packets_that_get_lost_are_not_met_by_small_uploads(faulty: Network) -> None:
    """Nothing sent is that long, and the report says that sizes were not tested."""
    checked = faulty.check(SCAN, "--eicar", rules=f"tcp dport {PORT} meta length > 1300 drop")

    nothing_is_wrong(checked)
    assert any("sizes" in each for each in checked.report["not_tested"])


@pytest.mark.realcases
def test_long_packets_that_get_lost_are_named(faulty: Network) -> None:
    lost = f"tcp dport {PORT} meta length > 1300 drop"
    checked = faulty.check(SCAN, "--only", "size", "--timeout", "1.5", rules=lost)

    Diagnosis("mtu-black-hole", "mtu", "proven", "ICMP|MTU|MSS", never="thread|PROXY").holds(checked)


@pytest.mark.realcases
def test_a_slow_link_is_named_with_its_rate(faulty: Network) -> None:
    with faulty.narrow("256kbit"):
        checked = faulty.check(SCAN, "--only", "size", "--timeout", "5")

    Diagnosis(
        "slow-upload-path", "narrow-path", "likely", "iperf3", severity="warning", effect="slow", never="thread|MTU"
    ).holds(checked)
    assert 4_000 <= checked.facts("size")["size_failure_rate"] <= 40_000

"""Settings that fixes name of what is around a scanner: the kernel, iptables, dnsmasq, e2guardian's own scanner.

They take too long for every run, and some of the programs are in no other test.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import c_icap, e2guardian, networks, resolvers
from tests.interop.clients import Checked, check
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.networks import PORT, Network
from tests.interop.programs import Namespace, Programs, free_port, need
from tests.interop.resolvers import FIRST
from tests.interop.scanners import SCANNER

pytestmark = pytest.mark.realcases

SECOND_PORT = 1345
LOAD = ("--load", "--yes", "--connect-timeout", "2")
OVERRIDING = "127.0.0.58"


@pytest.fixture(scope="module")
def around(programs: Programs, known_eicar: None) -> Iterator[Network]:
    with networks.network(programs, "around") as network:
        yield network


def run(network: Network, *command: str) -> None:
    subprocess.run(network.namespace.command([need(command[0]), *command[1:]]), check=True, capture_output=True)


def loaded(network: Network, port: int = PORT, ceiling: str = "16") -> Checked:
    return network.check(f"icap://127.0.0.1:{port}/avscan", *LOAD, "--load-ceiling", ceiling)


@pytest.mark.parametrize("longest", [1, 4096])
def test_the_kernel_limits_the_listen_queue(around: Network, programs: Programs, longest: int) -> None:
    run(around, "sysctl", "-w", f"net.core.somaxconn={longest}")
    listen = [("127.0.0.1", SECOND_PORT)]
    server = c_icap.start(programs, f"queue-{longest}", listen, SCANNER, namespace=around.namespace)
    around.check(f"icap://127.0.0.1:{SECOND_PORT}/avscan")  # until it answers
    checked = loaded(around, SECOND_PORT, "64")
    programs.stop(server)

    if longest > 1:
        nothing_is_wrong(checked)
        return
    (problem,) = checked.report["problems"]
    assert problem["finding"] in {"fails-under-load", "slow-under-load"}
    assert ("connections-dropped", "proven") == (problem["causes"][0]["id"], problem["causes"][0]["status"])
    assert any("net.core.somaxconn" in step for step in problem["steps"]["fix"])


@pytest.mark.parametrize(
    ("limit", "finding", "effect", "fix"),
    [
        pytest.param(
            "-m connlimit --connlimit-above 4",
            "fails-under-load", "unscanned", "iptables: connlimit", id="connlimit",
        ),
        pytest.param(  # a second SYN gets through
            "--syn -m hashlimit --hashlimit-name icap --hashlimit-mode srcip --hashlimit-above 2/sec"
            " --hashlimit-burst 12",
            "slow-under-load", "slow", "exempt the Service Engines", id="hashlimit",
        ),
    ],
)  # fmt: skip
def test_iptables_limits_connections_and_the_exemption_of_an_address(
    around: Network, limit: str, finding: str, effect: str, fix: str
) -> None:
    ours = ("-p", "tcp", "--dport", str(PORT))
    run(around, "iptables", "-A", "INPUT", *ours, *limit.split(), "-j", "DROP")
    dropped = loaded(around)
    run(around, "iptables", "-I", "INPUT", "-s", "127.0.0.0/8", *ours, "-j", "ACCEPT")
    exempt = loaded(around)
    run(around, "iptables", "-F", "INPUT")

    Diagnosis(finding, "connections-dropped", "proven", fix, severity="warning", effect=effect, never="TLS").holds(
        dropped
    )
    nothing_is_wrong(exempt)


@pytest.mark.parametrize("override", ["address", "hosts file", ""])
def test_an_override_in_dnsmasq(around: Network, programs: Programs, override: str) -> None:
    hosts = programs.folder / "overriding-hosts"
    hosts.write_text("127.0.0.9 av.pool.test\n")
    options = {"address": ["--address=/av.pool.test/127.0.0.9"], "hosts file": [f"--addn-hosts={hosts}"]}
    unbound = resolvers.start_unbound(around, FIRST)
    argv = ["-k", "-C", "/dev/null", "--user=root", f"--listen-address={OVERRIDING}", "--bind-interfaces"]
    argv = [need("dnsmasq"), *argv, "--no-hosts", "--no-resolv", f"--server={FIRST}", *options.get(override, ())]
    dnsmasq = programs.start("dnsmasq", argv, ports=[(OVERRIDING, 53)], namespace=around.namespace)
    checked = around.check(f"icap://av.pool.test:{PORT}/avscan", "--resolver", FIRST, "--resolver", OVERRIDING)
    programs.stop(dnsmasq, unbound)

    if not override:
        nothing_is_wrong(checked)
        return
    differ = next(each for each in checked.report["problems"] if each["finding"] == "dns-answers-differ")
    assert any("(/etc/hosts, dnsmasq `address=`" in step for step in differ["steps"]["fix"])


def test_e2guardian_scans_no_uploads_with_a_scanner_of_its_own(
    programs: Programs, known_eicar: None, own_network: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As eicar-not-detected says of its version 5.3."""
    socket_file = programs.folder / "e2guardian-clamd.ctl"
    clamd = c_icap.start_clamd(programs, socket_file)
    scanner = programs.folder / "e2guardian-clamdscan.conf"
    scanner.write_text(f"plugname = 'clamdscan'\nclamdudsfile = '{socket_file}'\n")
    own = f"contentscanner = '{scanner}'\ncontentscannertimeout = 60\ninitialtrickledelay = 20\ntrickledelay = 10\n"
    shortest = e2guardian._configuration

    def configuration(folder: Path, port: int) -> str:
        return shortest(folder, port) + own

    monkeypatch.setattr(e2guardian, "_configuration", configuration)
    port = free_port()
    server = e2guardian.start(programs, own_network, port, name="e2guardian-scanning")
    checked = check(f"icap://127.0.0.1:{port}/request", "--eicar", namespace=own_network)
    programs.stop(server, clamd)

    Diagnosis("eicar-not-detected", "not-blocking", "likely", "contentscanner").holds(checked)

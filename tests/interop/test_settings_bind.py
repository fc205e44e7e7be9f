"""BIND as the resolver, with the faults whose fixes name it: the setting or the rndc command, as printed, is the cure.

BIND is in no other test, and is not installed in every run.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import networks
from tests.interop.clients import Checked
from tests.interop.diagnosed import Diagnosis, advises, nothing_is_wrong
from tests.interop.networks import PORT, Network
from tests.interop.programs import Program, Programs, need

pytestmark = pytest.mark.realcases

PATIENCE = 20.0  # seconds
PRIMARY, OTHER = "127.0.0.61", "127.0.0.62"
MOVED = "127.0.0.1", "127.0.0.2"  # c-icap is at both
NAME = "av.pool.test"
_CONTROL = """\
key rndc-key {{ algorithm hmac-sha256; secret "aWNhcGRpYWctdGVzdHMtb25seS4="; }};
"""
_NAMED = (
    _CONTROL
    + """\
controls {{ inet {address} port 953 allow {{ any; }} keys {{ rndc-key; }}; }};
options {{
  directory "{folder}";
  listen-on {{ {address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  {options}
}};
{zone}
"""
)
_ZONE = """\
$TTL 600
@ SOA ns root ( {serial} 3600 600 86400 60 )
@ NS ns
ns A 127.0.0.1
av A {address}
"""
_OWN = 'zone "pool.test" {{ type primary; file "pool.zone"; }};'
_SECONDARY = f'zone "pool.test" {{{{ type secondary; primaries {{{{ {PRIMARY}; }}}}; file "pool.copy"; }}}};'


class Bind:
    """named at one address, with a folder of its own."""

    def __init__(self, network: Network, address: str, *, options: str = "", zone: str = "") -> None:
        self.network = network
        self.address = address
        self.folder = network.programs.folder / f"named-{address}"
        self.folder.mkdir(exist_ok=True)
        self.configuration = self.folder / "named.conf"
        self._values = {"address": address, "folder": self.folder, "zone": zone}
        self.program: Program
        self.configure(options)
        argv = [need("named"), "-f", "-c", str(self.configuration)]
        self.program = network.programs.start(
            f"named-{address}", argv, ports=[(address, 53), (address, 953)], namespace=network.namespace
        )

    def configure(self, options: str) -> None:
        self.configuration.write_text(_NAMED.format(options=options, **self._values))

    def rndc(self, command: str) -> None:
        """`rndc COMMAND`, with the server and its key."""
        control = self.folder / "rndc.conf"
        control.write_text(
            f'{_CONTROL.format()}options {{ default-key "rndc-key"; default-server {self.address}; }};\n'
        )
        argv = [need("rndc"), "-c", str(control), *command.split()]
        done = subprocess.run(
            self.network.namespace.command(argv), capture_output=True, text=True, timeout=30, check=False
        )
        assert 0 == done.returncode, done.stderr


def zone(folder: Path, serial: int, address: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "pool.zone").write_text(_ZONE.format(serial=serial, address=address))


@pytest.fixture
def named(programs: Programs, known_eicar: None) -> Iterator[Network]:
    """c-icap at two addresses, and every BIND that a test starts."""
    need("named")
    with networks.network(programs, "bind", scanners=2) as network:
        for address in (PRIMARY, OTHER):  # named takes only those of an interface
            subprocess.run(
                network.namespace.command([need("ip"), "address", "add", f"{address}/32", "dev", "lo"]), check=True
            )
        zone(programs.folder / f"named-{PRIMARY}", 1, MOVED[0])
        yield network
        programs.stop(*[each for each in programs.running if each.name.startswith("named-")])


def check(network: Network, *resolvers: str) -> Checked:
    asked = [word for resolver in resolvers for word in ("--resolver", resolver)]
    return network.check(f"icap://{NAME}:{PORT}/avscan", *asked)


@pytest.mark.parametrize("setting", ["allow-query", "allow-recursion"])
def test_an_access_list_refuses_the_client(named: Network, setting: str) -> None:
    Bind(named, PRIMARY, zone=_OWN.format())
    forwards = f"forward only; forwarders {{ {PRIMARY}; }}; "
    server = Bind(named, OTHER, options=f"{forwards}{setting} {{ none; }};")
    refused = check(named, OTHER)
    Diagnosis("dns-resolver-failure", "refuses-client", "proven", f"`{setting}`").holds(refused)

    server.configure(f"{forwards}{setting} {{ 127.0.0.0/8; }};")
    server.rndc("reconfig")
    nothing_is_wrong(check(named, OTHER))


def test_an_outdated_record_is_flushed(named: Network) -> None:
    primary = Bind(named, PRIMARY, zone=_OWN.format())
    cache = Bind(named, OTHER, options=f"forward only; forwarders {{ {PRIMARY}; }};")
    nothing_is_wrong(check(named, PRIMARY, OTHER))
    zone(primary.folder, 2, MOVED[1])
    primary.rndc("reload pool.test")
    differ = check(named, PRIMARY, OTHER)
    assert ["dns-answers-differ"] == [each["finding"] for each in differ.report["problems"]]
    assert advises(differ, f"`rndc flushname {NAME}` on BIND")

    cache.rndc(f"flushname {NAME}")
    nothing_is_wrong(check(named, PRIMARY, OTHER))


def test_a_zone_is_transferred_again(named: Network) -> None:
    primary = Bind(named, PRIMARY, options="allow-transfer { 127.0.0.0/8; };", zone=_OWN.format())
    secondary = Bind(named, OTHER, zone=_SECONDARY.format())
    until = time.monotonic() + PATIENCE
    while not (secondary.folder / "pool.copy").exists() and time.monotonic() < until:
        time.sleep(0.1)
    nothing_is_wrong(check(named, PRIMARY, OTHER))
    zone(primary.folder, 2, MOVED[1])
    primary.rndc("reload pool.test")
    differ = check(named, PRIMARY, OTHER)
    assert ["dns-answers-differ"] == [each["finding"] for each in differ.report["problems"]]
    assert advises(differ, "`rndc retransfer ZONE` on BIND")

    secondary.rndc("retransfer pool.test")
    nothing_is_wrong(check(named, PRIMARY, OTHER))

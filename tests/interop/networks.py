"""A network of its own with real servers in it: c-icap twice, load balancers before it, DNS servers, addresses of none.

Everything is on fixed ports of the network's loopback, and one start of each program serves all tests of a module.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import c_icap
from tests.interop.clients import Checked, check
from tests.interop.programs import Namespace, Program, Programs, need
from tests.interop.scanners import SCANNER

PORT = 1344  # c-icap's, on 127.0.0.1 and 127.0.0.2
NOBODY = 1999  # nothing listens there
ABSENT = "10.99.0.9"  # an address of the network's own Ethernet that nobody has

# gso_max_segs 1: else packets are only cut, or put together, after the filter has seen them.
_SCRIPT = """
ip link set lo mtu 1500 gso_max_segs 1 up
nft add table inet rows
nft add set inet rows clients '{ type ipv4_addr; flags dynamic; }'
nft add chain inet rows arrival '{ type filter hook input priority 0; }'
"""


@dataclass(frozen=True, slots=True)
class Network:
    """Where the servers are, and the filter that all packets pass that arrive there."""

    programs: Programs
    namespace: Namespace

    def check(self, *arguments: str, rules: str = "") -> Checked:
        """``icapdiag check ARGUMENTS`` from within, while each of the nft ``rules``, by semicolons, holds."""
        with self.filtered(rules):
            return check(*arguments, namespace=self.namespace)

    @contextmanager
    def filtered(self, rules: str) -> Iterator[None]:
        """While the block runs, the rules do what they say to the packets that arrive."""
        if not rules:
            yield
            return
        for rule in map(str.strip, rules.split(";")):
            self._run(need("nft"), f"add rule inet rows arrival {rule}")
        try:
            yield
        finally:
            self._run(need("nft"), "flush chain inet rows arrival")
            self._run(need("nft"), "flush set inet rows clients")

    @contextmanager
    def narrow(self, rate: str) -> Iterator[None]:
        """While the block runs, no more than ``rate`` gets through."""
        tc = need("tc")
        self._run(tc, *f"qdisc add dev lo root tbf rate {rate} burst 4kb latency 600ms".split())
        try:
            yield
        finally:
            self._run(tc, "qdisc", "del", "dev", "lo", "root")

    def _run(self, *command: str) -> None:
        subprocess.run(self.namespace.command(command), check=True, capture_output=True)


@contextmanager
def network(programs: Programs, name: str, *, scanners: int = 1, everywhere: bool = False) -> Iterator[Network]:
    """A network with c-icap in it, at so many addresses of 127.0.0.0/24 or at every address, where one can be made."""
    need("nft")
    made = programs.network(name, _SCRIPT)
    if made is None:
        pytest.skip("no network namespace can be made here")
    keeper, inside = made
    started: list[Program] = [keeper]
    addresses = [(f"127.0.0.{number + 1}", PORT) for number in range(scanners)]
    if everywhere:
        addresses = [("0.0.0.0", PORT)]  # noqa: S104 - of a network of its own
    with c_icap.signature():
        started.append(c_icap.start(programs, f"c-icap-{name}", addresses, SCANNER, namespace=inside))
        try:
            yield Network(programs, inside)
        finally:
            programs.stop(*reversed(started))


# An Ethernet at which nobody answers. It ends with the program, which is all that holds it.
_ETHERNET = """
import fcntl, struct, subprocess, sys
device = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"lan", 0x1002))  # TUNSETIFF: IFF_TAP | IFF_NO_PI
subprocess.run(["ip", "address", "add", "10.99.0.1/24", "dev", "lan"], check=True)
subprocess.run(["ip", "link", "set", "lan", "up"], check=True)
open(sys.argv[1], "w").close()
while device.read(2048):
    pass
"""


@contextmanager
def ethernet(network: Network, name: str) -> Iterator[None]:
    """10.99.0.0/24 is a network of ours, with nobody else in it."""
    if not Path("/dev/net/tun").exists():
        pytest.skip("this machine has no /dev/net/tun")
    ready = network.programs.folder / f"{name}-is-up"
    argv = [sys.executable, "-c", _ETHERNET, str(ready)]
    program = network.programs.start(name, argv, socket_file=ready, namespace=network.namespace)
    try:
        yield
    finally:
        network.programs.stop(program)

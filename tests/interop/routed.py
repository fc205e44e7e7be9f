"""A client and a server in networks of their own, with a router between them whose link to the server is narrow."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.interop.clients import Checked, check
from tests.interop.programs import Namespace, Programs, need

CLIENT, SERVER, SERVER_V6 = "10.97.0.1", "10.99.0.2", "fd00:99::2"
GATEWAY = "10.99.0.254"  # the server's
NARROW = 1300  # bytes of a packet that get to the server
# gso_max_segs 1: else packets are only cut after the router.
_CLIENT = """
ip address add 10.97.0.1/24 dev client
ip address add fd00:97::1/64 dev client nodad
ip link set client gso_max_segs 1 up
ip route add default via 10.97.0.254
ip route add default via fd00:97::254
"""
_ROUTER = """
ip address add 10.97.0.254/24 dev near
ip address add 10.99.0.254/24 dev far
ip address add fd00:97::254/64 dev near nodad
ip address add fd00:99::254/64 dev far nodad
ip link set near gso_max_segs 1 up
ip link set far gso_max_segs 1 up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
"""
_SERVER = """
ip address add 10.99.0.2/24 dev server
ip address add fd00:99::2/64 dev server nodad
ip link set server gso_max_segs 1 up
ip route add default via 10.99.0.254
ip route add default via fd00:99::254
"""


@dataclass(frozen=True, slots=True)
class Routed:
    """The three of them."""

    client: Namespace
    router: Namespace
    server: Namespace

    def check(self, *arguments: str) -> Checked:
        """``icapdiag check ARGUMENTS`` from the client."""
        return check(*arguments, namespace=self.client)


def run(where: Namespace, script: str) -> str:
    """What the shell script prints there; fails the test where it fails."""
    done = subprocess.run(
        where.command(["bash", "-ec", f"exec 2>&1; {script}"]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


@contextmanager
def routed(programs: Programs, name: str, *, server: str = "ip link set lo up") -> Iterator[Routed]:
    """The networks, with nothing running in them; ``server`` is a script that prepares the server's, with mounts."""
    need("ip")
    client = programs.network(f"{name}-client", "ip link set lo up")
    router = programs.network(f"{name}-router", "ip link set lo up")
    last = programs.network(f"{name}-server", server, mounts=True)
    if client is None or router is None or last is None:
        pytest.skip("no network namespace can be made here")
    made = Routed(client[1], router[1], last[1])
    run(
        made.router,
        f"ip link add name near type veth peer name client netns {made.client.pid}\n"
        f"ip link add name far type veth peer name server netns {made.server.pid}\n{_ROUTER}",
    )
    run(made.client, _CLIENT)
    run(made.server, _SERVER)
    try:
        yield made
    finally:
        programs.stop(client[0], router[0], last[0])

"""unbound as the resolver of a network of its own: what it knows, rightly or not, and what it can't find out."""

from __future__ import annotations

import sys

from tests.interop.load_balancers import EMPTY_ADDRESS
from tests.interop.networks import NOBODY, Network
from tests.interop.programs import Program, need

FIRST, SECOND, LATE, REFUSING = "127.0.0.53", "127.0.0.54", "127.0.0.55", "127.0.0.57"  # each on port 53
ABSENT_RESOLVER = "10.99.0.53"  # on the Ethernet where nobody is

_UNBOUND = """\
server:
  interface: {address}
  access-control: 127.0.0.0/8 {access}
  do-daemonize: no
  use-syslog: no
  chroot: ""
  pidfile: ""
  username: ""
  directory: "{folder}"
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  local-zone: "pool.test." static
{records}
  local-zone: "wild.test." redirect
  local-data: "wild.test. A {dead}"
remote-control:
  control-enable: no
forward-zone:
  name: "dead.test."
  forward-addr: 127.0.0.1@{nobody}
auth-zone:
  name: "loop.test."
  zonefile: "{folder}/loop.zone"
  for-downstream: no
"""
_LOOP = """\
$ORIGIN loop.test.
@ 60 IN SOA ns.loop.test. root.loop.test. 1 60 60 60 60
@ 60 IN NS ns.loop.test.
ns 60 IN A 127.0.0.53
one 60 IN CNAME two
two 60 IN CNAME one
"""
_RECORDS = {
    FIRST: (
        "av A 127.0.0.1",
        "moved A 127.0.0.1",
        "six AAAA ::1",
        "both A 127.0.0.1",
        "both AAAA ::1",
        "robin A 127.0.0.1",
        "robin A 127.0.0.3",
    ),
    SECOND: ("av A 127.0.0.1", f"moved A {EMPTY_ADDRESS}"),
    REFUSING: ("av A 127.0.0.1",),
}
# Answers every question for A with 127.0.0.1, and any other with nothing, after so many seconds.
_LATE = """
import socket, sys, threading
import dns.message, dns.rrset
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
open(sys.argv[3], "w").close()
while True:
    data, peer = server.recvfrom(4096)
    reply = dns.message.make_response(dns.message.from_wire(data))
    question = reply.question[0]
    if question.rdtype == 1:
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "127.0.0.1"))
    threading.Timer(float(sys.argv[2]), server.sendto, (reply.to_wire(), peer)).start()
"""


def start_unbound(network: Network, address: str) -> Program:
    """The resolver of this address."""
    folder = network.programs.folder
    (folder / "loop.zone").write_text(_LOOP)
    records = "\n".join(
        f'  local-data: "{name}.pool.test. {kind} {value}"' for name, kind, value in map(str.split, _RECORDS[address])
    )
    configuration = folder / f"unbound-{address}.conf"
    configuration.write_text(
        _UNBOUND.format(
            address=address,
            access="refuse" if address == REFUSING else "allow",
            folder=folder,
            records=records,
            nobody=NOBODY,
            dead=EMPTY_ADDRESS,
        )
    )
    argv = [need("unbound"), "-c", str(configuration)]
    return network.programs.start(f"unbound-{address}", argv, ports=[(address, 53)], namespace=network.namespace)


def start_late(network: Network, seconds: float) -> Program:
    """A resolver whose answers take so long."""
    ready = network.programs.folder / "late-dns-is-up"
    argv = [sys.executable, "-c", _LATE, LATE, str(seconds), str(ready)]
    return network.programs.start("late-dns", argv, socket_file=ready, namespace=network.namespace)

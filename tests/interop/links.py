"""A link between two networks that is long, loses packets, or lets them overtake each other: a program over TUN."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.networks import Network
from tests.interop.programs import Programs

FAR = "10.98.0.2"  # the address of the network that c-icap is in, as seen from the other one

# Arguments: a namespace for the near end, a file to make when it is up, ms of each way, percent lost, percent late, and
# by how many ms. Each end is a TUN device; packets wait in a heap for their time.
_LINK = """
import ctypes, fcntl, heapq, os, random, select, struct, subprocess, sys, time
near, ready, delay, loss, late, by = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
def device(address):
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, 0x400454CA, struct.pack("16sH", b"way", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    subprocess.run(["ip", "address", "add", address + "/24", "dev", "way"], check=True)
    subprocess.run(["ip", "link", "set", "way", "up"], check=True)
    return file
ends = [device("10.98.0.2")]
assert ctypes.CDLL(None).setns(os.open(near, os.O_RDONLY), 0x40000000) == 0  # CLONE_NEWNET; os.setns came later
ends.append(device("10.98.0.1"))
other = {ends[0]: ends[1], ends[1]: ends[0]}
chance, waiting, number = random.Random(1), [], 0
open(ready, "w").close()
while True:
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        _, _, file, packet = heapq.heappop(waiting)
        os.write(file, packet)
    for file in select.select(ends, [], [], max(0, waiting[0][0] - now) if waiting else None)[0]:
        packet = os.read(file, 65536)
        if chance.random() * 100 >= loss:
            number += 1
            extra = by if chance.random() * 100 < late else 0
            heapq.heappush(waiting, (time.monotonic() + (delay + extra) / 1000, number, other[file], packet))
"""


@contextmanager
def link(
    programs: Programs, far: Network, name: str, *, ms: float, loss: float = 0, late: float = 0, by: float = 0
) -> Iterator[Network]:
    """A network from which ``far`` is reached, at `FAR`, over a link of so many ms each way.

    So many percent of the packets are lost, and so many come ``by`` ms later, behind others.
    """
    if not Path("/dev/net/tun").exists():
        pytest.skip("this machine has no /dev/net/tun")
    made = programs.network(f"near-{name}", "ip link set lo up")
    assert made is not None, "the other network could be made"
    keeper, near = made
    ready = programs.folder / f"link-{name}-is-up"
    figures = map(str, (ms, loss, late, by))
    argv = [sys.executable, "-c", _LINK, f"/proc/{near.pid}/ns/net", str(ready), *figures]
    program = programs.start(f"link-{name}", argv, socket_file=ready, namespace=far.namespace)
    try:
        yield Network(programs, near)
    finally:
        programs.stop(program, keeper)

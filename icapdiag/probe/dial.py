"""One TCP connection to one address, and what the kernel knows of it."""

from __future__ import annotations

import socket
import struct
import sys

import trio

from icapdiag.probe.base import Facts

_TCP_INFO_SIZE = 104
_RTT = struct.Struct("68xI")  # tcpi_rtt, microseconds
_TOTAL_RETRANS = struct.Struct("100xI")


async def connect(address: str, port: int) -> trio.SocketStream:
    """Connect to exactly this address; no happy eyeballs, which would hide a dead one.

    Raises OSError. The connection has TCP_NODELAY (`trio.SocketStream` sets it).
    """
    family, kind, proto, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )[0]
    sock = trio.socket.socket(family, kind, proto)
    try:
        await sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def tcp_facts(sock: trio.socket.SocketType) -> Facts:
    """Local address, and the handshake's round trip in ms as the kernel measured it (Linux).

    Unlike our own clock it does not count the time that our event loop was busy.
    """
    facts: Facts = {"family": "ipv6" if sock.family == socket.AF_INET6 else "ipv4"}
    local = sock.getsockname()
    facts["local_address"] = str(local[0])
    if sys.platform == "linux":
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        if len(info) >= _TCP_INFO_SIZE:
            facts["rtt_ms"] = round(_RTT.unpack_from(info)[0] / 1000, 3)
            facts["retransmits"] = int(_TOTAL_RETRANS.unpack_from(info)[0])
    return facts

"""A client's connection to a member of the lab."""

from __future__ import annotations

import trio

from icapdiag.lab import LabMember


async def connect(member: LabMember) -> trio.SocketStream:
    sock = trio.socket.socket()
    try:
        await sock.connect((member.host, member.port))
    except OSError:
        sock.close()
        raise
    return trio.SocketStream(sock)

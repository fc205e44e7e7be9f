"""What a silent connection still tells: does the peer's kernel take what is sent, and does anybody read it?"""

from __future__ import annotations

import socket
import struct
import sys

import trio

from icapdiag.probe.base import Context, Facts
from icapdiag.probe.connection.wire import WireStream, beneath

_PATIENCE = 1.0  # seconds that a server has to notice the end of a stream; a loop on its socket takes a round trip
_UNACKED = struct.Struct("24xI")  # tcpi_unacked: segments that were sent and not acknowledged
_READ = 4096


async def silence_facts(context: Context, stream: trio.abc.Stream) -> Facts:
    """Of a connection on which nothing came back in time. It is of no use afterwards.

    ``request_acknowledged``: the peer's kernel took every byte (Linux). ``close_reaction`` is what came when we
    closed our half. A process that has the connection reads that end and closes, or at the least complains;
    ``none`` is how it looks while the connection waits in the kernel's queue for a process to take it.
    """
    wire = beneath(stream)
    if wire is None:
        return {}
    facts: Facts = {}
    if sys.platform == "linux":
        info = wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size)
        if len(info) >= _UNACKED.size:
            facts["request_acknowledged"] = _UNACKED.unpack_from(info)[0] == 0
    if context.time_for(_PATIENCE) == _PATIENCE:  # silence means nothing to one who can't wait for an answer
        facts["close_reaction"] = await _reaction(wire)
        if wire.line is not None:
            wire.line.event(f"we closed our half, and what came was: {facts['close_reaction']}")
    return facts


async def _reaction(stream: WireStream) -> str:
    with trio.move_on_after(_PATIENCE):
        try:
            await stream.send_eof()
            return "answered" if await stream.receive_some(_READ) else "closed"
        except trio.BrokenResourceError:
            return "reset"
    return "none"

"""Most packets of a capture, read where they are in the buffer: data and acknowledgements of known connections.

What this does not know (options of IPv4, fragments, tunnels, handshakes, captured in part) is for `packets.Decoder`.
"""

from __future__ import annotations

from struct import Struct

from icapdiag.capture.table import Table

# By link type: where the EtherType is, and where the packet begins. Raw IP has neither.
_TYPED = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
_RAW = frozenset({12, 14, 101, 228, 229})
_VLAN = b"\x81\0"
_VERSIONS = {b"\x08\0": 4, b"\x86\xdd": 6}
_TCP = 6
_LEAST, _LEAST6 = 40, 60  # bytes of a packet
_FRAGMENT = 0x3FFF
# Length, identification, fragment, protocol; addresses and ports; the TCP head.
_IPV4 = Struct("!2xHHHxB2x12sIIBBH").unpack_from
_IPV6 = Struct("!4xHBx36sIIBBH").unpack_from  # payload length, next header; the same


class Shortcut:
    """Gives packets to the connections of a table, if that needs no more than a look."""

    def __init__(self, table: Table) -> None:
        self._known = table.known

    def take(self, time: int, link: int, buffer: bytes, at: int, end: int) -> bool:
        """Whether the packet from ``at`` to ``end`` was taken; else nothing is changed."""
        start = _packet(link, buffer, at, end)
        if start < 0:
            return False
        if buffer[start] == 0x45:
            length, ident, fragment, protocol, key, seq, ack, offset, flags, window = _IPV4(buffer, start)
            stop, data = start + length, start + 20 + (offset >> 4) * 4
        elif buffer[start] >> 4 == 6 and end - start >= _LEAST6:
            length, protocol, key, seq, ack, offset, flags, window = _IPV6(buffer, start)
            ident, fragment = 0, 0
            stop, data = start + 40 + length, start + 40 + (offset >> 4) * 4
        else:
            return False
        if protocol != _TCP or fragment & _FRAGMENT or offset < 0x50 or stop > end or data > stop:
            return False
        found = self._known.get(key)
        return found is not None and found[0].shortcut(
            found[1], time, (seq, ack, flags, window, ident), buffer, data, stop
        )


def _packet(link: int, buffer: bytes, at: int, end: int) -> int:
    """Where the IP packet begins that its link layer announces; negative for anything else."""
    places = _TYPED.get(link)
    if places is None:
        return at if link in _RAW and end - at >= _LEAST else -1
    start = at + places[1]
    kind = buffer[at + places[0] : at + places[0] + 2]
    if kind == _VLAN:
        start += 4
        kind = buffer[start - 2 : start]
    return start if end - start >= _LEAST and _VERSIONS.get(kind) == buffer[start] >> 4 else -1

"""From a captured packet to the TCP segment in it: link layers, VLANs, IPv4 and IPv6, fragments, tunnels.

Layouts by RFC 791, 8200, 9293, 792, 4443, 2784 and 2890 (GRE), 7348 (VXLAN), 8926 (Geneve), IEEE 802.1Q and
https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from collections import Counter
from struct import Struct, error
from typing import NamedTuple

from icapdiag.capture.exported import LINK as EXPORTED_LINK
from icapdiag.capture.exported import exported
from icapdiag.capture.fragments import Fragments
from icapdiag.capture.names import Names

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
NEXT = -1  # a sequence number: whatever comes next
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
_TCP, _UDP, _ICMP, _ICMP6, _GRE = 6, 17, 1, 58, 47
_TUNNELS = {4: _IPV4, 41: _IPV6}  # IP in IP: protocol numbers
_VXLAN, _GENEVE, _DNS = (4789, 8472), 6081, 53  # UDP ports
_BRIDGED, _ERSPAN = 0x6558, 0x88BE  # Ethernet in a tunnel: EtherTypes
_NESTING = 4  # tunnels within tunnels, VLANs not counted
_TAGS = 4  # VLAN tags of a frame
_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})  # of IPv6, with their length in units of 8 bytes
_FRAGMENT, _AUTHENTICATION = 44, 51
_HEADERS = 16  # extension headers of a packet
_KINDS = 4096  # protocols and ports that are counted apart

_U16 = Struct("!H").unpack_from
_IP = Struct("!BxHHHxBxx").unpack_from  # version and length, length, identification, fragment, protocol
_IP6 = Struct("!4xHB").unpack_from  # payload length, next header
_SEGMENT = Struct("!HHIIBBH").unpack_from
_IP_AND_TCP = Struct("!BxHHHxB14xIIBBH").unpack_from  # of an IPv4 head without options, and what follows it


class Segment(NamedTuple):
    """A TCP segment, and what its packet says of where it was seen."""

    key: bytes  # both addresses and both ports, the sender's first: 12 bytes, or 36 of IPv6
    seq: int  # `NEXT`: exported, and no packet
    ack: int
    flags: int
    window: int  # as it stands there, not scaled
    payload: bytes
    missing: int  # bytes of payload behind it that the capture has not
    ident: int  # the IPv4 identification; 0 where there is none
    outgoing: bool | None  # the capturing host sent it; None: the link layer does not say


class Unreachable(NamedTuple):
    """An ICMP error about a TCP segment."""

    key: bytes  # of the segment, as it was sent
    prohibited: bool
    too_big: bool
    mtu: int  # of the next hop, where the packet was too big; 0: not said
    words: str


class Decoder:
    """Takes packets apart. ``kinds`` counts what is not TCP, by name."""

    def __init__(self, names: Names | None = None) -> None:
        """``names`` gets the answers of DNS servers."""
        self._names = names
        self.kinds: Counter[str] = Counter()
        self.unread: Counter[int] = Counter()  # link types that are not known
        self._fragments = Fragments()

    def segment(self, link: int, data: bytes, length: int) -> Segment | Unreachable | None:
        """What a packet of this link type holds; None for anything but TCP and errors about it. Raises nothing."""
        try:
            if link == 1:
                if data[12:14] == b"\x08\0":
                    return self._ipv4(data, 14, 0, None)
                return self._ethernet(data, 0, length, 0, None)
            return self._other_link(link, data, length)
        except (IndexError, _SHORT):  # cut off inside a header
            self._count("cut headers")
            return None

    def _count(self, kind: str) -> None:
        if kind in self.kinds or len(self.kinds) < _KINDS:
            self.kinds[kind] += 1

    # --- link layers -------------------------------------------------------------------------------

    def _ethernet(self, data: bytes, at: int, length: int, depth: int, outgoing: bool | None) -> Found:
        return self._typed(_U16(data, at + 12)[0], data, at + 14, length - at, depth, outgoing)

    def _typed(self, kind: int, data: bytes, at: int, length: int, depth: int, outgoing: bool | None) -> Found:
        """What follows an EtherType."""
        if kind == _IPV4:
            return self._ipv4(data, at, depth, outgoing)
        tags = 0
        while kind in _VLANS and tags < _TAGS:
            kind, at, tags = _U16(data, at + 2)[0], at + 4, tags + 1
        if kind == _IPV4:
            return self._ipv4(data, at, depth, outgoing)
        if kind == _IPV6:
            return self._ipv6(data, at, depth, outgoing)
        self._count("ARP" if kind == 0x0806 else "other Ethernet" if kind >= 0x600 else "LLC")
        return None

    def _other_link(self, link: int, data: bytes, length: int) -> Found:
        if link == 113:  # Linux cooked, version 1: type of packet, …, protocol
            return self._typed(_U16(data, 14)[0], data, 16, length, 0, _U16(data)[0] == 4)
        if link == 276:  # version 2: protocol, …, type of packet
            return self._typed(_U16(data)[0], data, 20, length, 0, data[10] == 4)
        if link in {12, 14, 101, 228, 229}:  # raw IP
            return self._by_version(data, 0, 0)
        if link in {0, 108}:  # loopback: the address family in either byte order
            family = int.from_bytes(data[:4], "little")
            return self._by_version(data, 4, 0) if family in _FAMILIES else None
        if link == EXPORTED_LINK:
            found = exported(data)
            return None if found is None else Segment(found.key, NEXT, 0, PSH, 1, found.payload, 0, 0, None)
        self.unread[link] += 1
        return None

    def _by_version(self, data: bytes, at: int, depth: int, outgoing: bool | None = None) -> Found:
        version = data[at] >> 4
        if version == 4:
            return self._ipv4(data, at, depth, outgoing)
        if version == 6:
            return self._ipv6(data, at, depth, outgoing)
        self._count("not IP")
        return None

    # --- IP ----------------------------------------------------------------------------------------

    def _ipv4(self, data: bytes, at: int, depth: int, outgoing: bool | None) -> Found:
        if len(data) >= at + 40:  # the usual packet, in one go
            first, length, ident, fragment, protocol, seq, ack, offset, flags, window = _IP_AND_TCP(data, at)
            if first == 0x45 and protocol == _TCP and not fragment & 0x3FFF and length >= 40 and not flags & SYN:
                start, end = at + 20 + (offset >> 4) * 4, at + length
                payload = data[start:end]
                missing = end - start - len(payload)
                if offset >= 0x50 and missing >= 0:
                    key = data[at + 12 : at + 24]
                    return Segment(key, seq, ack, flags, window, payload, missing, ident, outgoing)
        first, length, ident, fragment, protocol = _IP(data, at)
        if first >> 4 != 4 or (head := (first & 15) * 4) < 20:
            self._count("broken IPv4")
            return None
        start = at + head
        # A length of 0 is that of a packet which the network card has yet to cut (offload).
        end = at + length if length >= head else len(data)
        addresses = data[at + 12 : at + 20]
        if fragment & 0x3FFF:
            whole = self._fragments.add(
                (addresses, protocol, ident), (fragment & 0x1FFF) * 8, data[start:end], more=bool(fragment & 0x2000)
            )
            self._count("IP fragments")
            if whole is None:
                return None
            data, start, end = whole, 0, len(whole)
        if protocol == _TCP:
            return _segment(data, start, end, addresses, ident, outgoing)
        return self._above(protocol, data, start, end, addresses, depth, outgoing)

    def _ipv6(self, data: bytes, at: int, depth: int, outgoing: bool | None) -> Found:
        length, kind = _IP6(data, at)
        addresses, start = data[at + 8 : at + 40], at + 40
        if len(addresses) < 32:
            raise IndexError
        end = start + length if length else len(data)
        for _ in range(_HEADERS):
            if kind in _EXTENSIONS:
                kind, start = data[start], start + 8 + data[start + 1] * 8
            elif kind == _AUTHENTICATION:
                kind, start = data[start], start + 8 + data[start + 1] * 4
            elif kind == _FRAGMENT:
                offset = _U16(data, start + 2)[0]
                ident = int.from_bytes(data[start + 4 : start + 8], "big")
                kind, start = data[start], start + 8
                if not offset & 0xFFF9:  # the only fragment (RFC 6946)
                    continue
                piece = data[start:end]
                self._count("IP fragments")
                whole = self._fragments.add((addresses, kind, ident), offset & 0xFFF8, piece, more=bool(offset & 1))
                if whole is None:
                    return None
                data, start, end = whole, 0, len(whole)
            else:
                break
        if kind == _TCP:
            return _segment(data, start, end, addresses, 0, outgoing)
        return self._above(kind, data, start, end, addresses, depth, outgoing)

    # --- what is not TCP ---------------------------------------------------------------------------

    def _above(
        self, protocol: int, data: bytes, at: int, end: int, addresses: bytes, depth: int, outgoing: bool | None
    ) -> Found:
        if protocol == _ICMP:
            self._count("ICMP")
            return _icmp(data, at)
        if protocol == _ICMP6:
            self._count("ICMPv6")
            return _icmp6(data, at)
        if protocol == _UDP:
            return self._udp(data, at, end, depth)
        if depth < _NESTING:
            if protocol == _GRE:
                return self._gre(data, at, depth + 1)
            if protocol in _TUNNELS:
                self._count("IP in IP")
                return self._by_version(data, at, depth + 1)
        self._count(f"IP protocol {protocol}")
        return None

    def _udp(self, data: bytes, at: int, end: int, depth: int) -> Found:
        source, port = _U16(data, at)[0], _U16(data, at + 2)[0]
        at += 8
        if depth < _NESTING and port in _VXLAN and data[at] & 8:
            self._count("VXLAN")
            return self._ethernet(data, at + 8, end, depth + 1, None)
        if depth < _NESTING and port == _GENEVE and data[at] >> 6 == 0:
            self._count("Geneve")
            kind, start = _U16(data, at + 2)[0], at + 8 + (data[at] & 0x3F) * 4
            if kind == _BRIDGED:
                return self._ethernet(data, start, end, depth + 1, None)
            return self._typed(kind, data, start, end, depth + 1, None)
        if source == _DNS and self._names is not None:
            self._names.answer(data[at:end])
        self._count(f"UDP port {min(source, port)}")
        return None

    def _gre(self, data: bytes, at: int, depth: int) -> Found:
        self._count("GRE")
        flags, kind = _U16(data, at)[0], _U16(data, at + 2)[0]
        if flags & 7:  # version 1 is PPTP's
            return None
        start = at + 4 + sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
        if kind == _BRIDGED:
            return self._ethernet(data, start, len(data), depth, None)
        if kind == _ERSPAN:  # type II has a head of 8 bytes, and comes with a sequence number
            return self._ethernet(data, start + (8 if flags & 0x1000 else 0), len(data), depth, None)
        return self._typed(kind, data, start, len(data), depth, None)


Found = Segment | Unreachable | None
_SHORT = error
# AF_INET is 2; AF_INET6 is 10 on Linux, 24, 28 or 30 on the BSDs and macOS. In the other byte order they are high.
_FAMILIES = {family << shift for family in (2, 10, 24, 28, 30) for shift in (0, 24)}


def _segment(data: bytes, at: int, end: int, addresses: bytes, ident: int, outgoing: bool | None) -> Segment | None:
    _, _, seq, ack, offset, flags, window = _SEGMENT(data, at)
    head = (offset >> 4) * 4
    if head < 20:
        return None
    start = at + head
    payload = data[start:end]
    missing = end - start - len(payload)
    return Segment(
        addresses + data[at : at + 4], seq, ack, flags, window, payload,
        max(0, min(missing, 1 << 16)), ident, outgoing,
    )  # fmt: skip


_HOST = "host unreachable"
_CODES = {
    0: "network unreachable", 1: _HOST, 2: "protocol unreachable", 3: "port unreachable", 4: "packet too big",
    9: "network prohibited", 10: "host prohibited", 13: "communication prohibited",
}  # fmt: skip
_CODES6 = {0: "no route", 1: "prohibited", 3: "address unreachable", 4: "port unreachable", 5: "source refused"}


def _icmp(data: bytes, at: int) -> Unreachable | None:
    """Destination unreachable (RFC 792), with the head of the packet that met it."""
    if data[at] != 3:
        return None
    code, inner = data[at + 1], at + 8
    first, _, _, fragment, protocol = _IP(data, inner)
    if first >> 4 != 4 or protocol != _TCP or fragment & 0x1FFF:
        return None
    ports = inner + (first & 15) * 4
    key = data[inner + 12 : inner + 20] + data[ports : ports + 4]
    if len(key) != 12:
        return None
    mtu = _U16(data, at + 6)[0] if code == 4 else 0
    words = _CODES.get(code, f"unreachable (code {code})")
    return Unreachable(key, code in {9, 10, 13}, code == 4, mtu, words)


def _icmp6(data: bytes, at: int) -> Unreachable | None:
    """Destination unreachable and packet too big (RFC 4443, 3.1 and 3.2)."""
    kind, code, inner = data[at], data[at + 1], at + 8
    if kind not in {1, 2} or data[inner] >> 4 != 6 or data[inner + 6] != _TCP:
        return None
    key = data[inner + 8 : inner + 44]
    if len(key) != 36:
        return None
    if kind == 2:
        return Unreachable(
            key, False, True, min(int.from_bytes(data[at + 4 : at + 8], "big"), 1 << 16), "packet too big"
        )
    words = _CODES6.get(code, f"unreachable (code {code})")
    return Unreachable(key, code in {1, 5}, False, 0, words)

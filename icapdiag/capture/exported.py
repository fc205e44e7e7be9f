"""What Wireshark and tshark export of decrypted connections: PDUs, each with its addresses (link type 252).

Tags as in Wireshark's wsutil/exported_pdu_tlvs.h: two bytes each for tag and length, big endian, then the value.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

LINK = 252  # LINKTYPE_WIRESHARK_UPPER_PDU
_TAG = Struct("!HH").unpack_from
_END, _PORT_TYPE, _SOURCE_PORT, _TARGET_PORT = 0, 24, 25, 26
_SOURCES, _TARGETS = frozenset({20, 22}), frozenset({21, 23})  # IPv4, IPv6
_TCP = b"\0\0\0\2"
_TAGS = 64  # of a PDU


class Exported(NamedTuple):
    """``key``: both addresses and both ports, the sender's first, as of a `packets.Segment`."""

    key: bytes
    payload: bytes


def exported(data: bytes) -> Exported | None:
    """The PDU; None for one that did not come by TCP. Raises struct.error and IndexError for one that is cut off."""
    source = target = ports = b""
    at, is_tcp = 0, False
    for _ in range(_TAGS):
        tag, size = _TAG(data, at)
        value = data[at + 4 : at + 4 + size]
        at += 4 + size
        if tag == _END:
            found = len(source) == len(target) in {4, 16} and len(ports) == 4
            return Exported(source + target + ports, data[at:]) if is_tcp and found else None
        if tag in _SOURCES:
            source = value
        elif tag in _TARGETS:
            target = value
        elif tag == _PORT_TYPE:
            is_tcp = value == _TCP
        elif tag in {_SOURCE_PORT, _TARGET_PORT}:
            ports = (ports + value[-2:]) if tag == _TARGET_PORT else value[-2:] + ports
    return None

"""Which way packets take to an address, as the kernel's routing table says (Linux). Sends nothing."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

_REQUEST, _GET_ROUTE, _NEW_ROUTE = 1, 26, 24  # linux/netlink.h, linux/rtnetlink.h
_DST, _SRC, _OIF, _GATEWAY, _VIA = 1, 2, 4, 5, 18  # RTA_*
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, prefix lengths of both ends, and what the kernel fills in
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_PATIENCE = 0.2  # seconds; the kernel answers at once


@dataclass(frozen=True, slots=True)
class Route:
    """``gateway`` is the next hop; empty if the address is on the interface's own network."""

    interface: str
    gateway: str = ""


@lru_cache(maxsize=8192)
def route_to(address: str, source: str = "", device: str = "") -> Route | None:
    """The route from our address ``source`` (and by ``device``, if given); None where that can't be told."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, ValueError, struct.error):
        return _ask(address, source, device)
    return None


def _ask(address: str, source: str, device: str) -> Route | None:
    to, own = (ipaddress.ip_address(text.partition("%")[0]) if text else None for text in (address, source))
    zone = address.partition("%")[2] or device
    attributes = b"" if to is None else _attribute(_DST, to.packed)
    if to is None or (own is not None and own.version != to.version):
        return None
    if own is not None:
        attributes += _attribute(_SRC, own.packed)
    if zone:
        attributes += _attribute(_OIF, struct.pack("=I", socket.if_nametoindex(zone)))
    family = socket.AF_INET6 if to.version == 6 else socket.AF_INET
    bits = to.max_prefixlen
    body = _ROUTE.pack(family, bits, 0 if own is None else bits, 0, 0, 0, 0, 0, 0) + attributes
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(_PATIENCE)
        sock.bind((0, 0))
        sock.send(_HEADER.pack(_HEADER.size + len(body), _GET_ROUTE, _REQUEST, 1, 0) + body)
        return route_in(sock.recv(4096))


def _attribute(kind: int, value: bytes) -> bytes:
    """Addresses and indexes are multiples of four bytes: no padding."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value


def route_in(answer: bytes) -> Route | None:
    """The route in the kernel's answer; None if it has none. Raises struct.error, OSError for an unknown interface."""
    length, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _NEW_ROUTE:
        return None
    found: dict[int, bytes] = {}
    at, end = _HEADER.size + _ROUTE.size, min(length, len(answer))
    while at + _ATTRIBUTE.size <= end:
        size, name = _ATTRIBUTE.unpack_from(answer, at)
        if size < _ATTRIBUTE.size:
            break
        found[name] = answer[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    if _OIF not in found:
        return None
    gateway = found.get(_GATEWAY) or found.get(_VIA, b"")[2:]  # RTA_VIA: of the other family, which it begins with
    return Route(
        socket.if_indextoname(struct.unpack("=I", found[_OIF])[0]),
        str(ipaddress.ip_address(gateway)) if gateway else "",
    )

"""Facts on this host, read from its kernel and its files: interfaces, routes, DNS servers, clock. Sends nothing."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from icapdiag.facts.run import NetworkInterface, ProbingVantage

_SIOCGIFCONF, _SIOCGIFMTU = 0x8912, 0x8921  # linux/sockios.h
_IFREQ = 40  # bytes of struct ifreq on 64-bit Linux: 16 for the name, then a sockaddr_in
_STA_UNSYNC = 0x40  # linux/timex.h
_MANY = 1024  # addresses of one host
_REQUEST, _GET_ROUTE, _NEW_ROUTE = 1, 26, 24  # linux/netlink.h, linux/rtnetlink.h
_DST, _SRC, _OIF, _GATEWAY, _VIA = 1, 2, 4, 5, 18  # RTA_*
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, prefix lengths of both ends, and what the kernel fills in
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_TIMEOUT = 0.2  # seconds; the kernel answers at once


class Interface(Struct, frozen=True):
    """A network interface; ``mtu`` in bytes, None if unknown."""

    name: str
    mtu: int | None


@lru_cache(maxsize=1024)
def interface_of(address: str) -> Interface | None:
    """The interface with this local address; None if unknown.

    Packets to a member leave through the interface of its route, which on a host with several
    can differ from that of the source address.
    """
    if sys.platform != "linux":
        return None
    plain = address.partition("%")[0]
    with suppress(OSError, ValueError, struct.error):
        parsed = ipaddress.ip_address(plain)
        if parsed.version == 4 and parsed.is_loopback:
            return Interface("lo", _mtu("lo"))  # all of 127/8, of which it lists one
        name = _ipv6_names().get(parsed.packed) if parsed.version == 6 else _ipv4_names().get(parsed.packed)
        return None if name is None else Interface(name, _mtu(name))
    return None


def host_facts(sources: list[str], resolvers: tuple[str, ...]) -> ProbingVantage:
    """Interfaces of the local addresses ``sources``, the DNS servers in use, and the state of the clock."""
    found = dict.fromkeys(interface for source in sources if (interface := interface_of(source)))
    interfaces = (
        NetworkInterface(name=each.name, mtu=each.mtu, addresses=tuple(s for s in sources if interface_of(s) == each))
        for each in found
    )
    synchronised, error_ms = clock_state()
    return ProbingVantage(
        interfaces=tuple(interfaces),
        resolvers=resolvers or tuple(configured_resolvers()),
        resolvers_given=bool(resolvers),
        clock_synchronised=synchronised,
        clock_max_error_ms=error_ms,
    )


def configured_resolvers(file: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The DNS servers configured on this host; none if that can't be read."""
    with suppress(OSError):
        words = [line.split() for line in file.read_text("utf-8", "replace").splitlines()]
        return [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return []


def clock_state() -> tuple[bool | None, float | None]:
    """Whether the kernel considers its clock synchronised, and its maximum error in ms.

    None if it can't be read. Server clocks are compared with this one.
    """
    timex = _Timex()  # modes 0: only reads
    with suppress(OSError, AttributeError):
        if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) >= 0:
            synchronised = not timex.status & _STA_UNSYNC
            return synchronised, round(timex.maxerror / 1000, 3) if synchronised else None
    return None, None


class _Timex(ctypes.Structure):
    """The part of struct timex that is read here, and padding for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # µs
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def _mtu(name: str) -> int | None:
    import fcntl  # noqa: PLC0415 - not on Windows

    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFMTU, struct.pack("16s24x", name.encode()))
        return int(struct.unpack_from("16xi", answer)[0])
    return None


def _ipv4_names() -> dict[bytes, str]:
    """Our IPv4 addresses, packed, and the interface of each (SIOCGIFCONF)."""
    import array  # noqa: PLC0415
    import fcntl  # noqa: PLC0415

    buffer = array.array("B", bytes(_IFREQ * _MANY))
    where, length = buffer.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFCONF, struct.pack("iL", length, where))
    data = buffer.tobytes()[: struct.unpack_from("i", answer)[0]]
    records = (data[start : start + _IFREQ] for start in range(0, len(data), _IFREQ))
    # An alias such as eth0:1 is the interface eth0.
    return {
        record[20:24]: record[:16].partition(b"\0")[0].decode("ascii", "replace").partition(":")[0]
        for record in records
    }


def _ipv6_names(file: Path = Path("/proc/net/if_inet6")) -> dict[bytes, str]:
    """Our IPv6 addresses, packed, and the interface of each."""
    words = [line.split() for line in file.read_text("ascii", "replace").splitlines()]
    return {bytes.fromhex(word[0]): word[5] for word in words if len(word) >= 6}


class Route(Struct, frozen=True):
    """``gateway`` is the next hop; empty if the address is on the interface's own network."""

    interface: str
    gateway: str = ""


@lru_cache(maxsize=8192)
def route_to(address: str, source: str = "", device: str = "") -> Route | None:
    """The route from the local address ``source`` (and through ``device``, if given); None if unknown."""
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
        sock.settimeout(_TIMEOUT)
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


def addresses_of(name: str) -> tuple[str, ...]:
    """The addresses of a name by this system's own lookup, IPv4 first; none if it knows none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    addresses = dict.fromkeys(str(where[0]) for *_, where in found)
    return tuple(sorted(addresses, key=lambda address: ":" in address))

"""Packet captures made by the tests: link layers, IP, tunnels, TCP conversations, and the file formats."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
BEGIN = 1_800_000_000 * 1_000_000_000  # ns
MAC = bytes(12)
TICK = 100_000  # ns between two packets


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def tcp(source: int, target: int, seq: int, ack: int, flags: int, data: bytes = b"", *, window: int = 8192) -> bytes:
    """A segment without checksum; a SYN has the option for its MSS."""
    options = struct.pack("!BBH", 2, 4, 1460) if flags & SYN else b""
    head = struct.pack(
        "!HHIIBBHHH", source, target, seq % 2**32, ack % 2**32, (5 + len(options) // 4) << 4, flags, window, 0, 0
    )
    return head + options + data


def ipv4(source: str, target: str, body: bytes, *, protocol: int = 6, ident: int = 0, fragment: int = 0) -> bytes:
    """A packet; ``fragment`` as in its head: flags and offset in units of 8 bytes."""
    length = 20 + len(body)
    return (
        struct.pack("!BBHHHBBH", 0x45, 0, length, ident, fragment, 64, protocol, 0) + packed(source) + packed(target)
    ) + body


def ipv6(source: str, target: str, body: bytes, *, following: int = 6, extensions: bytes = b"") -> bytes:
    """A packet; ``extensions`` are whole headers, and ``following`` says what comes first."""
    head = struct.pack("!IHBB", 0x60000000, len(extensions) + len(body), following, 64)
    return head + packed(source) + packed(target) + extensions + body


def ip(source: str, target: str, body: bytes, *, ident: int = 0) -> bytes:
    return ipv6(source, target, body) if ":" in source else ipv4(source, target, body, ident=ident)


def ethertype(packet: bytes) -> int:
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def ethernet(packet: bytes, *tags: int) -> bytes:
    """A frame; ``tags`` are VLAN ids, the outer one of two is 802.1ad's."""
    kinds = [0x88A8] * (len(tags) - 1) + [0x8100] * bool(tags)
    between = b"".join(struct.pack("!HH", kind, tag) for kind, tag in zip(kinds, tags, strict=True))
    return MAC + between + struct.pack("!H", ethertype(packet)) + packet


def udp(source: str, target: str, port: int, body: bytes) -> bytes:
    return ipv4(source, target, struct.pack("!HHHH", 40000, port, 8 + len(body), 0) + body, protocol=17)


OUTSIDE = ("192.0.2.1", "192.0.2.2")  # the ends of a tunnel

LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "Ethernet": (1, ethernet),
    "VLAN": (1, lambda packet: ethernet(packet, 7)),
    "QinQ": (1, lambda packet: ethernet(packet, 9, 7)),
    "Linux cooked v1": (113, lambda p: struct.pack("!HHH8sH", 0, 1, 6, MAC[:8], ethertype(p)) + p),
    "Linux cooked v2": (276, lambda p: struct.pack("!HHIHBB8s", ethertype(p), 0, 2, 1, 0, 6, MAC[:8]) + p),
    "raw IP": (101, bytes),
    "raw IP (BSD)": (12, bytes),
    "null, little endian": (0, lambda p: struct.pack("<I", 2 if p[0] >> 4 == 4 else 30) + p),
    "null, big endian": (0, lambda p: struct.pack(">I", 2 if p[0] >> 4 == 4 else 24) + p),
    "loop": (108, lambda p: struct.pack(">I", 2 if p[0] >> 4 == 4 else 24) + p),
    "GRE": (1, lambda p: ethernet(ipv4(*OUTSIDE, struct.pack("!HH", 0, ethertype(p)) + p, protocol=47))),
    "GRE with key": (
        1, lambda p: ethernet(ipv4(*OUTSIDE, struct.pack("!HHI", 0x2000, ethertype(p), 5) + p, protocol=47)),
    ),
    "VXLAN": (1, lambda p: ethernet(udp(*OUTSIDE, 4789, struct.pack("!II", 8 << 24, 5 << 8) + ethernet(p)))),
    "Geneve": (
        1,
        lambda p: ethernet(udp(*OUTSIDE, 6081, struct.pack("!BBHI", 1, 0, 0x6558, 5 << 8) + bytes(4) + ethernet(p))),
    ),
    "IP in IP": (1, lambda p: ethernet(ipv4(*OUTSIDE, p, protocol=4 if p[0] >> 4 == 4 else 41))),
}  # fmt: skip


@dataclass
class Tape:
    """Packets in order, each with its time in ns."""

    time: int = BEGIN
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, packet: bytes, after: int = TICK) -> None:
        self.time += after
        self.packets.append((self.time, packet))


@dataclass
class Line:
    """A TCP connection that is written packet by packet."""

    tape: Tape
    client: str = "10.0.0.1"
    server: str = "10.0.0.2"
    port: int = 1344
    source: int = 40000
    segment: int = 1448
    seqs: list[int] = field(default_factory=lambda: [1000, 9000])
    ident: int = 100

    def packet(self, side: int, flags: int, data: bytes = b"", *, seq: int | None = None, window: int = 8192) -> bytes:
        """One of a side, 0 the client, at its sequence number or at another."""
        ends = ((self.client, self.source), (self.server, self.port))
        (here, one), (there, two) = ends[side], ends[1 - side]
        at = self.seqs[side] if seq is None else seq
        ack = self.seqs[1 - side] if flags & ACK else 0
        self.ident += 1
        return ip(here, there, tcp(one, two, at, ack, flags, data, window=window), ident=self.ident)

    def send(self, side: int, flags: int, data: bytes = b"", *, after: int = TICK) -> None:
        self.tape.add(self.packet(side, flags, data), after)
        self.seqs[side] += len(data) + bool(flags & (SYN | FIN))

    def open(self) -> Line:
        self.send(0, SYN)
        self.send(1, SYN | ACK)
        self.send(0, ACK)
        return self

    def say(self, side: int, data: bytes, *, after: int = TICK) -> None:
        """Data of one side, in segments, each acknowledged."""
        for at in range(0, len(data), self.segment):
            self.send(side, PSH | ACK, data[at : at + self.segment], after=after if at == 0 else TICK)
            self.send(1 - side, ACK)

    def close(self, side: int = 1) -> None:
        self.send(side, FIN | ACK)
        self.send(1 - side, FIN | ACK)
        self.send(side, ACK)


# --- files -----------------------------------------------------------------------------------------

Packets = Iterable[tuple[int, bytes]]


def pcap(packets: Packets, link: int = 1, *, order: str = "<", nanoseconds: bool = False, snap: int = 0) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap or 65535, link)]
    for time, data in packets:
        kept = data[: snap or None]
        fraction = time % 1_000_000_000 // (1 if nanoseconds else 1000)
        parts.append(struct.pack(order + "IIII", time // 1_000_000_000, fraction, len(kept), len(data)) + kept)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order: str = "<") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(link: int, order: str = "<", *, resolution: int | None = None, snap: int = 0) -> bytes:
    options = b"" if resolution is None else option(order, 9, bytes((resolution,))) + option(order, 0, b"")
    return block(order, 1, struct.pack(order + "HHI", link, 0, snap) + options)


def enhanced(
    time: int, data: bytes, order: str = "<", *, number: int = 0, ticks: int = 1_000_000, comment: str = ""
) -> bytes:
    stamp = time * ticks // 1_000_000_000
    body = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data)) + data
    body += b"\0" * (-len(body) % 4)
    if comment:
        body += option(order, 1, comment.encode()) + option(order, 0, b"")
    return block(order, 6, body)


def simple(data: bytes, order: str = "<") -> bytes:
    return block(order, 3, struct.pack(order + "I", len(data)) + data)


def old_packet(time: int, data: bytes, order: str = "<") -> bytes:
    stamp = time // 1000
    head = struct.pack(order + "HHIIII", 0, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(order, 2, head + data)


def pcapng(packets: Packets, link: int = 1, *, order: str = "<") -> bytes:
    return section(order) + interface(link, order) + b"".join(enhanced(time, data, order) for time, data in packets)


def framed(packets: Sequence[tuple[int, bytes]], link: str) -> tuple[int, list[tuple[int, bytes]]]:
    """The link type of this name, and the packets as frames of it."""
    number, wrap = LINKS[link]
    return number, [(time, wrap(packet)) for time, packet in packets]


# --- ICAP ------------------------------------------------------------------------------------------

ALLOWED = b'ICAP/1.0 204 Unmodified\r\nServer: C-ICAP/0.5.10\r\nConnection: close\r\nISTag: "CI0001-x"\r\n\r\n'
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
NOT_FOUND = b"ICAP/1.0 404 Service not found\r\nServer: C-ICAP/0.5.10\r\nConnection: close\r\n\r\n"
OPTIONS = b"OPTIONS icap://10.0.0.2:1344/avscan ICAP/1.0\r\nHost: 10.0.0.2:1344\r\nEncapsulated: null-body=0\r\n\r\n"
OPTIONS_ANSWER = (
    b'ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: "CI0001-x"\r\nPreview: 1024\r\nAllow: 204\r\n'
    b"Service: C-ICAP/0.5.10 server - Antivirus service\r\nEncapsulated: null-body=0\r\n\r\n"
)
BLOCK_PAGE = b"HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n"
BLOCKED = (
    b'ICAP/1.0 200 OK\r\nServer: C-ICAP/0.5.10\r\nConnection: close\r\nISTag: "CI0001-x"\r\n'
    b"X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;\r\n"
    b"Encapsulated: res-hdr=0, res-body=%d\r\n\r\n" % len(BLOCK_PAGE)
) + BLOCK_PAGE + b"7\r\nblocked\r\n0\r\n\r\n"  # fmt: skip


def chunked(data: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    return (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + last


def reqmod(body: bytes, preview: int | None = 5000, *, path: str = "/upload", service: str = "avscan") -> list[bytes]:
    """A Service Engine's request: what goes out at once, and the rest behind a 100 Continue, if there is one."""
    inner = f"POST {path} HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    size = len(body) if preview is None else min(preview, len(body))
    head = f"REQMOD icap://10.0.0.2:1344/{service} ICAP/1.0\r\nHost: 10.0.0.2:1344\r\nConnection: close\r\n"
    if preview is not None:
        head += f"Preview: {size}\r\n"
    head += f"Allow: 204\r\nEncapsulated: req-hdr=0, req-body={len(inner)}\r\n\r\n"
    if preview is not None and size < len(body):
        return [head.encode() + inner + chunked(body[:size]), chunked(body[size:])]
    last = b"0; ieof\r\n\r\n" if preview is not None else b"0\r\n\r\n"
    return [head.encode() + inner + chunked(body, last)]


def scan(line: Line, body: bytes, answer: bytes, preview: int | None = 5000, *, slow: int = TICK) -> None:
    """A whole upload on an open connection."""
    first, *rest = reqmod(body, preview)
    line.say(0, first)
    for part in rest:
        line.say(1, CONTINUE)
        line.say(0, part)
    line.say(1, answer, after=slow)


def healthy(line: Line | None = None) -> Tape:
    """OPTIONS, and an upload that is allowed, each on a connection of its own."""
    line = line or Line(Tape())
    line.open().say(0, OPTIONS)
    line.say(1, OPTIONS_ANSWER)
    line.close()
    other = Line(line.tape, line.client, line.server, line.port, line.source + 1)
    scan(other.open(), b"hello, clean world\n", ALLOWED)
    other.close()
    return line.tape

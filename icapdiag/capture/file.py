"""The file formats: pcap in its four kinds, and pcapng with its sections, interfaces and comments.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. dpkt reads pcap at 290 MB/s, but of pcapng only the first
interface, and takes a record's word for its length, which a compressed bomb can use; python-pcapng reads 39 MB/s and
no pcap. Hence this one: a block of the file is all that is held, and packets are read in it, without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, unpack, unpack_from
from typing import NamedTuple

Read = Callable[[int], bytes]  # at most so many bytes, b"" at the end

PIECE = 1 << 20  # bytes of one read
LONGEST = 1 << 18  # bytes of a packet: what tcpdump and Wireshark write at most
_LONGEST_BLOCK = 1 << 24  # bytes of a block that is skipped: a list of names, secrets
_COMMENT = 200  # characters that are kept of a packet's comment
_INTERFACES = 1024  # of a section
_TEXT = 80  # characters of an interface's name

_MAGIC = {  # the first four bytes: byte order, nanoseconds in a fraction's unit, bytes of a record's head
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),  # Kuznetzov's: 8 bytes more with each packet
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION_TYPE, _INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _ENHANCED, _SECRETS = (
    0x0A0D0D0A, 1, 2, 3, 5, 6, 10,
)  # fmt: skip
_OPT_COMMENT, _IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 1, 2, 9, 14
_ISB_IFDROP = 5


class Packet(NamedTuple):
    """One packet as it was captured. ``time`` in ns since 1970, None where the format has none."""

    time: int | None
    link: int  # LINKTYPE_…
    data: bytes  # as much as was kept
    length: int  # bytes on the wire
    comment: str  # of pcapng; empty for none


# A packet where it stands in the buffer: time, link, buffer, where it begins and ends there, length, comment.
Record = tuple[int | None, int, bytes, int, int, int, str]


class Interface(NamedTuple):
    """An interface of a pcapng section."""

    link: int
    kept: int  # the snap length; 0: no limit
    name: str
    ticks: int  # in a second
    offset: int  # seconds to add to every time
    unit: int  # ns of a tick; 0: not a whole number


def is_capture(head: bytes) -> bool:
    """Whether a file that begins with these bytes (four are enough) is a packet capture."""
    return head[:4] in _MAGIC or head[:4] == _SECTION


class CaptureFile:
    """The packets of one capture, read once. ``faults`` are sentences on what could not be read."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._buffer = b""
        self._at = 0  # where the next record begins in the buffer
        self._gone = 0  # bytes of the file before the buffer
        self.format = ""
        self.faults: list[str] = []
        self.dropped = 0  # packets that the capturing program says it lost
        self.has_secrets = False  # a block with TLS keys
        self.interfaces: list[str] = []  # names, of all sections, at most `_INTERFACES`

    def packets(self) -> Iterator[Packet]:
        """In the order of the file. Raises OSError as ``read`` does."""
        for time, link, buffer, at, end, length, comment in self.records():
            yield Packet(time, link, buffer[at:end], length, comment)

    def records(self) -> Iterator[Record]:
        """The packets in the buffers that they were read into. Raises OSError as ``read`` does."""
        if not self._fill(4):
            self.faults.append("the file ends before its head")
            return
        magic = self._buffer[:4]
        if magic in _MAGIC:
            yield from self._pcap(*_MAGIC[magic])
        elif magic == _SECTION:
            self.format = "pcapng"
            yield from self._pcapng()
        else:
            self.faults.append("it is neither pcap nor pcapng")

    def _fill(self, wanted: int) -> bool:
        """Have this many bytes at hand; False where the file ends before."""
        while len(self._buffer) - self._at < wanted:
            if not (more := self._read(PIECE)):
                return False
            self._gone += self._at
            self._buffer = self._buffer[self._at :] + more
            self._at = 0
        return True

    def _skip(self, length: int) -> bool:
        """Skip this number of bytes, however large."""
        while length > len(self._buffer) - self._at:
            length -= len(self._buffer) - self._at
            self._gone += len(self._buffer)
            self._buffer, self._at = self._read(PIECE), 0
            if not self._buffer:
                return False
        self._at += length
        return True

    def _cut(self) -> None:
        if self._at < len(self._buffer):
            place = self._gone + self._at
            self.faults.append(f"the file is cut off inside a packet (byte {place:,}); what came before was read")

    # --- pcap --------------------------------------------------------------------------------------

    def _pcap(self, order: str, unit: int, head: int) -> Iterator[Record]:
        self.format = "pcap"
        if not self._fill(24):
            self.faults.append("the file ends inside its head")
            return
        link = unpack_from(order + "20xI", self._buffer)[0] & 0x0FFFFFFF  # above: length of a checksum
        self._at = 24
        record = Struct(order + "IIII").unpack_from
        while True:
            at = self._at
            if len(self._buffer) - at < head:
                if not self._fill(head):
                    self._cut()
                    return
                at = self._at
            seconds, fraction, kept, length = record(self._buffer, at)
            if kept > LONGEST:
                place = self._gone + at
                self.faults.append(f"a packet of {kept:,} bytes at byte {place:,}: the rest of the file was not read")
                return
            end = at + head + kept
            if len(self._buffer) < end:
                if not self._fill(head + kept):
                    self._cut()
                    return
                at = self._at
                end = at + head + kept
            self._at = end
            yield seconds * 1_000_000_000 + fraction * unit, link, self._buffer, at + head, end, length, ""

    # --- pcapng ------------------------------------------------------------------------------------

    def _pcapng(self) -> Iterator[Record]:
        order, interfaces = "<", list[Interface]()
        head = Struct("<II")
        while self._fill(12):
            kind, size = head.unpack_from(self._buffer, self._at)
            if self._buffer[self._at : self._at + 4] == _SECTION:
                found = _ORDERS.get(self._buffer[self._at + 8 : self._at + 12])
                if found is None:
                    self._stop("a section without a byte order")
                    return
                order, interfaces = found, []
                head = Struct(order + "II")
                kind, size = head.unpack_from(self._buffer, self._at)
            limit = _LONGEST_BLOCK if kind not in {_ENHANCED, _SIMPLE, _OLD_PACKET} else LONGEST + (1 << 17)
            if size < 12 or size % 4 or size > limit:
                self._stop(f"a block of {size:,} bytes")
                return
            if kind in _READ:
                if not self._fill(size):
                    self._cut()
                    return
                at, end = self._at + 8, self._at + size - 4
                self._at += size
                if kind in _READERS:
                    if (record := _READERS[kind](self._buffer, at, end, order, interfaces)) is not None:
                        yield record
                elif kind == _INTERFACE:
                    self._add(interfaces, self._buffer[at:end], order)
                else:
                    self._count_drops(self._buffer[at:end], order)
                continue
            self.has_secrets = self.has_secrets or kind == _SECRETS
            if not self._skip(size):
                self._cut()
                return
        self._cut()

    def _stop(self, what: str) -> None:
        self.faults.append(f"{what} at byte {self._gone + self._at:,}: the rest of the file was not read")

    def _add(self, interfaces: list[Interface], body: bytes, order: str) -> None:
        if len(interfaces) >= _INTERFACES or (found := _interface(body, order)) is None:
            return
        interfaces.append(found)
        if found.name and found.name not in self.interfaces and len(self.interfaces) < _INTERFACES:
            self.interfaces.append(found.name)

    def _count_drops(self, body: bytes, order: str) -> None:
        for code, value in _options(body, 12, order):
            if code == _ISB_IFDROP and len(value) == 8:
                self.dropped += min(unpack(order + "Q", value)[0], 1 << 48)


def _options(body: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(body):
        code, size = unpack_from(order + "HH", body, at)
        if code == 0 or at + 4 + size > len(body):
            return
        yield code, body[at + 4 : at + 4 + size]
        at += 4 + size + (-size) % 4


def _interface(body: bytes, order: str) -> Interface | None:
    if len(body) < 8:
        return None
    link, kept = unpack_from(order + "HxxI", body)
    name, ticks, offset = "", 1_000_000, 0
    for code, value in _options(body, 8, order):
        if code == _IF_NAME:
            name = value.rstrip(b"\0").decode("utf-8", "replace")[:_TEXT]
        elif code == _IF_TSRESOL and value:
            power = value[0] & 0x7F
            ticks = 2 ** min(power, 63) if value[0] & 0x80 else 10 ** min(power, 18)
        elif code == _IF_TSOFFSET and len(value) == 8:
            offset = unpack(order + "q", value)[0]
    unit = 0 if 1_000_000_000 % ticks else 1_000_000_000 // ticks
    return Interface(link, kept, name, ticks, offset, unit)


def _time(interface: Interface, high: int, low: int) -> int | None:
    """In ns; None for a time that no clock has."""
    ticks = (high << 32) | low
    since = ticks * interface.unit if interface.unit else ticks * 1_000_000_000 // interface.ticks
    found = interface.offset * 1_000_000_000 + since
    return found if 0 <= found < 1 << 63 else None


def _comment(body: bytes, order: str) -> str:
    comments = (value for code, value in _options(body, 0, order) if code == _OPT_COMMENT)
    return next(comments, b"").decode("utf-8", "replace")[:_COMMENT]


_ENHANCED_HEAD = {order: Struct(order + "IIIII").unpack_from for order in "<>"}
_OLD_HEAD = {order: Struct(order + "HHIIII").unpack_from for order in "<>"}


def _enhanced(buffer: bytes, at: int, end: int, order: str, interfaces: list[Interface]) -> Record | None:
    if end - at < 20:
        return None
    number, high, low, kept, length = _ENHANCED_HEAD[order](buffer, at)
    if number >= len(interfaces) or kept > end - at - 20:
        return None
    interface = interfaces[number]
    return _stamped(buffer, at + 20, end, order, interface, _time(interface, high, low), kept, length)


def _old(buffer: bytes, at: int, end: int, order: str, interfaces: list[Interface]) -> Record | None:
    if end - at < 20:
        return None
    number, _, high, low, kept, length = _OLD_HEAD[order](buffer, at)
    if number >= len(interfaces) or kept > end - at - 20:
        return None
    interface = interfaces[number]
    return _stamped(buffer, at + 20, end, order, interface, _time(interface, high, low), kept, length)


def _stamped(
    buffer: bytes, at: int, end: int, order: str, interface: Interface, time: int | None, kept: int, length: int
) -> Record:
    """The packet at this place, and its comment behind it."""
    stop = at + kept
    options = stop + (-kept) % 4
    comment = _comment(buffer[options:end], order) if end > options + 3 else ""
    return time, interface.link, buffer, at, stop, length, comment


def _simple(buffer: bytes, at: int, end: int, order: str, interfaces: list[Interface]) -> Record | None:
    if end - at < 4 or not interfaces:
        return None
    length = unpack_from(order + "I", buffer, at)[0]
    interface = interfaces[0]
    kept = min(length, interface.kept or length, end - at - 4)
    return None, interface.link, buffer, at + 4, at + 4 + kept, length, ""


_READERS: dict[int, Callable[[bytes, int, int, str, list[Interface]], Record | None]] = {
    _ENHANCED: _enhanced,
    _SIMPLE: _simple,
    _OLD_PACKET: _old,
}
_READ = frozenset({*_READERS, _INTERFACE, _STATISTICS})

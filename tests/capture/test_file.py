"""The file formats: what each says of its packets, and what is said of broken ones."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from icapdiag.capture.file import LONGEST, CaptureFile, Packet, is_capture
from tests.capture import writing
from tests.capture.writing import BEGIN

FRAMES = [(BEGIN + 1_234_567_000, b"first frame"), (BEGIN + 2_000_001_000, b"x" * 60)]


def read(data: bytes, size: int = 1 << 20) -> tuple[list[Packet], CaptureFile]:
    stream = io.BytesIO(data)
    file = CaptureFile(lambda wanted: stream.read(min(size, wanted)))
    return list(file.packets()), file


def expected(link: int = 1, comment: str = "") -> list[Packet]:
    return [Packet(time, link, data, len(data), comment) for time, data in FRAMES]


FORMATS: dict[str, Callable[[], bytes]] = {
    "pcap": lambda: writing.pcap(FRAMES),
    "pcap, big endian": lambda: writing.pcap(FRAMES, order=">"),
    "pcap, ns": lambda: writing.pcap(FRAMES, nanoseconds=True),
    "pcap, ns, big endian": lambda: writing.pcap(FRAMES, order=">", nanoseconds=True),
    "pcapng": lambda: writing.pcapng(FRAMES),
    "pcapng, big endian": lambda: writing.pcapng(FRAMES, order=">"),
    "pcapng, old packets": lambda: (
        writing.section() + writing.interface(1) + b"".join(writing.old_packet(*each) for each in FRAMES)
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_packets_of_each_format(name: str) -> None:
    data = FORMATS[name]()
    packets, file = read(data)

    assert is_capture(data)
    assert (expected(), []) == (packets, file.faults)
    assert name.partition(",")[0] == file.format


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_in_pieces_is_the_same(name: str) -> None:
    data = FORMATS[name]()

    assert [expected()] * 3 == [read(data, size)[0] for size in (1, 7, 61)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_is_read_up_to_the_cut(name: str) -> None:
    data = FORMATS[name]()
    for length in range(5, len(data)):
        packets, file = read(data[:length])
        assert packets == expected()[: len(packets)]
        assert len(packets) < 2
        assert len(file.faults) <= 1
    assert "is cut off inside a packet" in read(data[:-1])[1].faults[0]


def test_time_resolutions() -> None:
    def stamped(resolution: int, ticks: int) -> int | None:
        frame = writing.enhanced(BEGIN, b"frame", ticks=ticks)
        return read(writing.section() + writing.interface(1, resolution=resolution) + frame)[0][0].time

    assert [BEGIN] * 4 == [stamped(6, 10**6), stamped(9, 10**9), stamped(3, 10**3), stamped(0x80 | 10, 2**10)]


def test_sections_and_interfaces_have_their_own_order_and_link_types() -> None:
    data = (
        writing.section() + writing.interface(1) + writing.interface(101, resolution=9)
        + writing.enhanced(BEGIN, b"one") + writing.enhanced(BEGIN, b"two", number=1, ticks=10**9)
        + writing.section(">") + writing.interface(276, ">") + writing.enhanced(BEGIN, b"three", ">")
    )  # fmt: skip
    packets, file = read(data)

    assert [(1, b"one", BEGIN), (101, b"two", BEGIN), (276, b"three", BEGIN)] == [
        (each.link, each.data, each.time) for each in packets
    ]
    assert [] == file.faults


def test_comments_and_drops() -> None:
    statistics = writing.block(
        "<", 5, struct.pack("<III", 0, 0, 0) + writing.option("<", 5, struct.pack("<Q", 12)) + bytes(4)
    )
    data = writing.section() + writing.interface(1)
    data += writing.enhanced(BEGIN, b"abc", comment="dropped: no pool member") + statistics
    packets, file = read(data)

    assert ["dropped: no pool member"] == [each.comment for each in packets]
    assert 12 == file.dropped


def test_simple_packets_have_no_time_and_are_cut_at_the_snap_length() -> None:
    data = writing.section() + writing.interface(1, snap=4)
    data += writing.block("<", 3, struct.pack("<I", 60) + b"four")

    assert [Packet(None, 1, b"four", 60, "")] == read(data)[0]


def test_blocks_of_other_kinds_are_skipped() -> None:
    keys = writing.block("<", 10, struct.pack("<II", 0x544C534B, 4) + b"keys")
    names = writing.block("<", 4, b"x" * 5000)
    packets, file = read(writing.section() + writing.interface(1) + names + keys + writing.enhanced(BEGIN, b"one"))

    assert ([b"one"], True) == ([each.data for each in packets], file.has_secrets)


def test_a_length_that_no_packet_has_ends_the_reading() -> None:
    lying = struct.pack("<IIII", 1, 1, 0xFFFFFFF0, 60)
    packets, file = read(writing.pcap(FRAMES) + lying + b"x" * 100)
    assert (2, ["a packet of 4,294,967,280 bytes at byte 127: the rest of the file was not read"]) == (
        len(packets), file.faults,
    )  # fmt: skip

    block = struct.pack("<II", 6, 0x7FFFFFF0)
    packets, file = read(writing.pcapng(FRAMES) + block + bytes(4))
    assert (2, True) == (len(packets), file.faults[0].startswith("a block of 2,147,483,632 bytes"))


def test_an_endless_file_takes_no_memory() -> None:
    """As a compressed bomb is one: packets of zeros, one after the other."""
    record = struct.pack("<IIII", 1, 1, LONGEST, LONGEST) + bytes(LONGEST)
    head = writing.pcap([])

    def endless() -> Iterator[bytes]:
        yield head
        for _ in range(400):  # 100 MB
            yield record

    pieces = endless()
    tracemalloc.start()
    try:
        count = sum(1 for _ in CaptureFile(lambda _: next(pieces, b"")).packets())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert 400 == count
    assert peak < 8 << 20


@pytest.mark.parametrize("data", [b"", b"\xd4\xc3", b"{}", b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture(data: bytes) -> None:
    packets, file = read(data)

    assert ([], 1) == (packets, len(file.faults))

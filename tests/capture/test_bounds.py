"""Captures made to use up memory or time: what is kept does not grow with them, in bytes and in what it holds."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest

from icapdiag.capture import group, reading, stream, table
from icapdiag.capture.fragments import Fragments
from icapdiag.capture.reading import CaptureReader
from tests.capture import writing
from tests.capture.reading import PROFILE
from tests.capture.writing import ACK, BEGIN, PSH, SYN, Line, Tape, ethernet, ipv4, pcap, scan, tcp

MB = 1 << 20


def written(packets: Iterable[bytes]) -> Iterator[bytes]:
    """A file, one record at a time."""
    yield pcap([])
    for number, packet in enumerate(packets):
        yield pcap([(BEGIN + number * 1000, ethernet(packet))])[24:]


def peak(packets: Iterable[bytes]) -> tuple[CaptureReader, int]:
    """The reader that has read them, and how many bytes it took at most."""
    pieces = written(packets)
    reader = CaptureReader(profile=PROFILE)
    tracemalloc.start()
    try:
        reader.read("bomb.pcap", lambda _: next(pieces, b""))
        reader.finish()
        return reader, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def syns(count: int) -> Iterator[bytes]:
    """A connection each."""
    for number in range(count):
        yield ipv4(address(number), "192.0.2.1", tcp(1024, 1344 + number % 3, number, 0, SYN))


def behind_gaps(count: int) -> Iterator[bytes]:
    """A byte each, with another in between that never comes, on many connections."""
    for number in range(count):
        source, step = number % 50, number // 50
        flags, data = (PSH | ACK, b"O") if step else (SYN, b"")
        yield ipv4("10.0.0.1", "10.0.0.2", tcp(20_000 + source, 1344, 1000 + 2 * step, 1, flags, data))


def clients(count: int) -> Iterator[bytes]:
    """Connections of many clients to servers that are known to speak ICAP."""
    tape = Tape()
    for number in range(20):
        scan(Line(tape, server=f"10.0.1.{number}").open(), b"hello", writing.ALLOWED)
    yield from (packet for _, packet in tape.packets)
    for number in range(count):
        yield ipv4(address(number), f"10.0.1.{number % 20}", tcp(1024, 1344, number, 0, SYN))


BOMBS: dict[str, Callable[[int], Iterator[bytes]]] = {"SYNs": syns, "gaps": behind_gaps, "clients": clients}


@pytest.mark.parametrize("bomb", BOMBS)
def test_four_times_the_packets_take_no_more_memory(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST", 100)
    monkeypatch.setattr(reading, "_SILENT", 50)
    monkeypatch.setattr(stream, "_ALL", MB // 4)
    monkeypatch.setattr(group, "CLIENTS", 200)
    _, once = peak(BOMBS[bomb](1500))
    _, again = peak(BOMBS[bomb](6000))

    assert again < 1.1 * once + MB // 16


def test_what_waits_behind_gaps_has_one_limit_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ALL", 100_000)
    reader = CaptureReader(profile=PROFILE)
    reader.read("bomb.pcap", io.BytesIO(b"".join(written(behind_gaps(5000)))).read)

    assert 0 < reader._table._room.held < 101_000
    reader.finish()
    assert 0 == reader._table._room.held


def open_uploads(count: int, size: int = 60_000) -> Iterator[bytes]:
    for number in range(count):
        line = Line(Tape(), source=10_000 + number).open()
        line.say(0, writing.reqmod(b"x" * size, None)[0][:-10])
        yield from (packet for _, packet in line.tape.packets)


def test_what_open_connections_keep_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that keep most are given up, and what is said of the others is right."""
    monkeypatch.setattr(table, "_HELD", 2 * MB)
    monkeypatch.setattr(reading, "_WEIGHED", MB // 4)
    monkeypatch.setattr(reading, "_TICK", 64)
    reader, size = peak(open_uploads(100))

    assert reader.given_up > 50
    assert size < 8 * MB
    assert 100 == reader.members[0].captured.requests


def test_handshakes_of_tls_that_are_over_keep_no_bytes() -> None:
    def handshakes(count: int) -> Iterator[bytes]:
        for number in range(count):
            line = Line(Tape(), port=11344, seqs=[number << 20, 1]).open()  # the same ports, again and again
            line.say(0, b"\x16\x03\x01\x00\x31" + bytes(49) + b"\x17\x03\x03\x3f\x00" + bytes(40_000))
            line.close()
            yield from (packet for _, packet in line.tape.packets)

    reader, size = peak(handshakes(100))

    assert 64 == reader.members[0].encrypted  # as many are kept
    assert size < 2 * MB


def test_fragments_that_overlap_are_bounded() -> None:
    fragments = Fragments()
    for number in range(10_000):
        fragments.add(number % 64, number % 128 * 8, bytes(60_000), more=True)

    assert sum(len(piece) for each in fragments._waiting.values() for piece in each.pieces.values()) <= 64 * 2 * 65_536


def test_giving_up_connections_takes_its_share_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time for a packet grows with the number of connections."""
    passes = 0
    make_room = table.Table._make_room

    def counted(self: table.Table, time: int) -> None:
        nonlocal passes
        passes += 1
        make_room(self, time)

    monkeypatch.setattr(table, "_MOST", 100)
    monkeypatch.setattr(table.Table, "_make_room", counted)
    reader = CaptureReader(profile=PROFILE)
    pieces = written(syns(5000))
    reader.read("bomb.pcap", lambda _: next(pieces, b""))

    assert 0 < passes <= 5000 / (100 / 4)


def test_connections_that_are_closed_keep_nothing() -> None:
    """A second apart, as many as in a long capture: a minute later they are over."""

    def uploads(count: int) -> Iterator[bytes]:
        yield pcap([])
        for number in range(count):
            line = Line(Tape(BEGIN + number * 1_000_000_000), source=10_000 + number).open()
            scan(line, b"x" * 50_000, writing.ALLOWED)
            line.close()
            yield pcap([(time, ethernet(packet)) for time, packet in line.tape.packets])[24:]

    reader = CaptureReader(profile=PROFILE)
    pieces = uploads(200)
    reader.read("long.pcap", lambda _: next(pieces, b""))

    assert 60 <= len(reader._table.known) // 2 <= 62
    reader.finish()
    assert (200, 200) == (reader.members[0].captured.connections, reader.members[0].captured.requests)


def test_ports_that_are_used_again_at_once_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST", 100)
    reader = CaptureReader(profile=PROFILE)
    pieces = written(
        ipv4("10.0.0.1", "10.0.0.2", tcp(1024, 1344, number, 0, flags))
        for number in range(2000)
        for flags in (SYN, writing.RST)
    )
    reader.read("bomb.pcap", lambda _: next(pieces, b""))

    assert len(reader._table._closed) <= 101

"""Most packets are read where they are in the buffer; what is said of them is the same as without that."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from icapdiag.capture.packets import Decoder, Segment, Unreachable
from icapdiag.capture.shortcut import Shortcut
from icapdiag.model import flatten
from tests.capture import writing
from tests.capture.reading import observed
from tests.capture.writing import ACK, FIN, LINKS, PSH, Line, Tape, ethernet, framed, healthy, pcap, pcapng, scan

BODY = random.Random(7).randbytes(300_000)  # noqa: S311 - no secret
ECHO = b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
RETURNED = b"ICAP/1.0 200 OK\r\nISTag: x\r\nEncapsulated: req-hdr=0, req-body=%d\r\n\r\n" % len(ECHO) + ECHO


def chunks(data: bytes, size: int) -> bytes:
    return b"".join(writing.chunked(data[at : at + size], b"") for at in range(0, len(data), size)) + b"0\r\n\r\n"


def upload(*, answer: bytes = writing.ALLOWED, ends: tuple[str, str] = ("10.0.0.1", "10.0.0.2")) -> Tape:
    line = Line(Tape(), *ends)
    scan(line.open(), BODY, answer)
    line.close()
    return line.tape


def in_small_chunks() -> Tape:
    line = Line(Tape()).open()
    head = writing.reqmod(b"", None)[0].removesuffix(b"0\r\n\r\n")
    line.say(0, head + chunks(BODY, 3000))
    line.say(1, writing.BLOCKED)
    line.close()
    return line.tape


def http() -> Tape:
    """A client's upload and its answer, both with a long body; then one in chunks."""
    line = Line(Tape(), "203.0.113.7", "198.51.100.1", 80, 50001).open()
    head = b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\n"
    for length, body in ((b"Content-Length: 300000", BODY), (b"Transfer-Encoding: chunked", chunks(BODY, 5000))):
        line.say(0, head + length + b"\r\n\r\n" + body)
        line.say(1, b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + body)
    scan(Line(line.tape).open(), b"hello", writing.ALLOWED)
    return line.tape


def encrypted() -> Tape:
    line = Line(Tape(), port=11344).open()
    line.say(0, bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002c02f0100000200000000"))
    for side in (0, 1):
        line.say(side, b"\x17\x03\x03\x40\x00" + BODY)
    return line.tape


def other_protocol() -> Tape:
    line = Line(Tape(), port=5432).open()
    for side in (0, 1, 0, 1):
        line.say(side, b"\0\0\0\x51" + BODY)
    line.close()
    return line.tape


def broken() -> Tape:
    """Segments that are lost, late, doubled and sent again, a closed window, and a FIN with data."""
    tape = upload()
    choose = random.Random(3)  # noqa: S311 - no secret
    packets = []
    for each in tape.packets:
        packets += [each] * choose.choice((0, 1, 1, 1, 1, 1, 1, 2))
        if choose.random() < 0.1:
            packets.insert(-1, choose.choice(packets[-9:]) if packets else each)
    line = Line(Tape(), source=40009).open()
    line.say(0, writing.reqmod(BODY, None)[0][:50_000])
    line.tape.add(line.packet(1, ACK, window=0))
    line.send(0, PSH | ACK | FIN, BODY[:900])
    return Tape(packets=packets + line.tape.packets)


TAPES: dict[str, Callable[[], Tape]] = {
    "healthy": healthy,
    "upload": upload,
    "returned": lambda: upload(answer=RETURNED + chunks(BODY, 60_000)),
    "returned in small chunks": lambda: upload(answer=RETURNED + chunks(BODY, 2000)),
    "IPv6": lambda: upload(ends=("2001:db8::1", "2001:db8::2")),
    "small chunks": in_small_chunks,
    "HTTP": http,
    "TLS": encrypted,
    "another protocol": other_protocol,
    "broken": broken,
    "begun before": lambda: Tape(packets=upload().packets[150:]),
    "another protocol, begun before": lambda: Tape(packets=other_protocol().packets[50:]),
}


def flat(data: bytes) -> list[dict[str, object]]:
    return [dict(flatten(one)) for one in observed(data)]


@pytest.mark.parametrize("name", TAPES)
def test_the_same_is_said_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = TAPES[name]()
    frames = [(time, ethernet(packet)) for time, packet in tape.packets]
    files = [pcap(frames), pcapng(frames), pcap(frames, snap=200)]
    quick = [flat(data) for data in files]
    monkeypatch.setattr(Shortcut, "take", lambda *_: False)

    assert [flat(data) for data in files] == quick


@pytest.mark.parametrize("link", LINKS)
def test_the_same_is_said_of_each_link_layer(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ends in (("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")):
        number, packets = framed(upload(ends=ends).packets, link)
        quick = flat(pcap(packets, number))
        with monkeypatch.context() as patch:
            patch.setattr(Shortcut, "take", lambda *_: False)
            assert flat(pcap(packets, number)) == quick


@pytest.mark.parametrize("link", ["Ethernet", "VLAN", "Linux cooked v1", "Linux cooked v2", "raw IP"])
@pytest.mark.parametrize("name", ["upload", "returned", "IPv6", "HTTP", "TLS", "another protocol"])
def test_few_packets_are_taken_apart(name: str, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others cost is a look: this is what reads a capture fast."""
    taken = 0
    segment = Decoder.segment

    def counted(self: Decoder, link: int, data: bytes, length: int) -> Segment | Unreachable | None:
        nonlocal taken
        taken += 1
        return segment(self, link, data, length)

    monkeypatch.setattr(Decoder, "segment", counted)
    number, packets = framed(TAPES[name]().packets, link)
    observed(pcap(packets, number))

    assert len(packets) > 400
    assert taken < len(packets) / 6 if name in {"HTTP", "TLS"} else taken < 50


def test_a_time_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed connections are given up by time; a packet that is read in place must not matter for that."""
    tape = Tape()
    stays = Line(tape, source=40009).open()
    scan(stays, b"hello", writing.ALLOWED)
    over = Line(tape).open()
    scan(over, b"hello", writing.ALLOWED)
    over.close(1)
    stays.send(0, ACK, after=10**13)
    tape.time -= 10**13
    stays.close(0)
    data = pcap([(time, ethernet(packet)) for time, packet in tape.packets])
    quick = flat(data)
    monkeypatch.setattr(Shortcut, "take", lambda *_: False)

    assert flat(data) == quick

"""Every link layer, tunnel and address family leads to the same segments."""

from __future__ import annotations

import struct

import pytest

from icapdiag.capture.packets import Decoder, Segment, Unreachable
from tests.capture import writing
from tests.capture.reading import outcomes
from tests.capture.writing import LINKS, Line, Tape, ethernet, framed, healthy, ipv4, ipv6, packed, pcap, tcp

SIX = ("2001:db8::1", "2001:db8::2")
FOUND = [
    ("tcp", "ok", None, None, None),
    ("options", "ok", None, 200, None),
    ("upload", "ok", None, 204, "allowed"),
]


def decoded(packet: bytes, link: int = 1) -> Segment | Unreachable | None:
    return Decoder().segment(link, packet, len(packet))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("ends", [("10.0.0.1", "10.0.0.2"), SIX])
def test_transactions_behind_each_link_layer(link: str, ends: tuple[str, str]) -> None:
    tape = healthy(Line(Tape(), *ends))
    number, packets = framed(tape.packets, link)

    assert FOUND == outcomes(pcap(packets, number))


def test_ipv4_fragments_in_any_order() -> None:
    segment = tcp(40000, 1344, 1, 1, writing.ACK, b"x" * 100)
    pieces = [(0, 0x2000, segment[:48]), (48, 0x2000, segment[48:96]), (96, 0, segment[96:])]
    packets = [ethernet(ipv4("10.0.0.1", "10.0.0.2", d, ident=7, fragment=f | at // 8)) for at, f, d in pieces]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        decoder = Decoder()
        found = [decoder.segment(1, packets[each], 100) for each in order]
        assert [None, None] == found[:2]
        assert isinstance(found[2], Segment)
        assert b"x" * 100 == found[2].payload


def test_ipv6_with_extension_headers_and_fragments() -> None:
    segment = tcp(40000, 1344, 1, 1, writing.ACK, b"payload")
    hop_by_hop = bytes((43, 0)) + bytes(6)
    routing = bytes((6, 0)) + bytes(6)
    whole = decoded(ethernet(ipv6(*SIX, segment, following=0, extensions=hop_by_hop + routing)))
    assert isinstance(whole, Segment)
    assert (b"payload", packed(SIX[0]) + packed(SIX[1]) + struct.pack("!HH", 40000, 1344)) == (whole.payload, whole.key)

    decoder = Decoder()
    for at, more in ((16, 0), (0, 1)):
        data = segment[at : at + 16] if more else segment[at:]
        packet = ipv6(*SIX, data, following=44, extensions=struct.pack("!BBHI", 6, 0, at | more, 99))
        found = decoder.segment(1, ethernet(packet), 100)
    assert isinstance(found, Segment)
    assert b"payload" == found.payload


def test_ethernet_padding_is_no_payload() -> None:
    frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", tcp(40000, 1344, 1, 1, writing.ACK))) + bytes(6)
    found = decoded(frame)

    assert isinstance(found, Segment)
    assert (b"", 0) == (found.payload, found.missing)


def test_a_snap_length_is_known() -> None:
    frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", tcp(40000, 1344, 1, 1, writing.ACK, b"x" * 1000)))
    found = Decoder().segment(1, frame[:96], len(frame))

    assert isinstance(found, Segment)
    assert (42, 958) == (len(found.payload), found.missing)


def test_a_packet_before_offload_has_no_length() -> None:
    packet = bytearray(ipv4("10.0.0.1", "10.0.0.2", tcp(40000, 1344, 1, 1, writing.ACK, b"x" * 3000)))
    packet[2:4] = bytes(2)
    found = decoded(ethernet(bytes(packet)))

    assert isinstance(found, Segment)
    assert 3000 == len(found.payload)


def test_tunnels_within_tunnels_come_to_an_end() -> None:
    packet = ipv4("10.0.0.1", "10.0.0.2", tcp(1, 2, 3, 4, writing.ACK))
    for depth in range(1, 8):
        packet = ipv4("192.0.2.1", "192.0.2.2", packet, protocol=4)
        assert isinstance(decoded(ethernet(packet)), Segment) is (depth <= 4)


@pytest.mark.parametrize(
    ("code", "prohibited", "too_big", "words"),
    [
        (1, False, False, "host unreachable"),
        (13, True, False, "communication prohibited"),
        (4, False, True, "packet too big"),
        (99, False, False, "unreachable (code 99)"),
    ],
)
def test_icmp_names_the_segment_that_it_is_about(code: int, prohibited: bool, too_big: bool, words: str) -> None:
    inner = ipv4("10.0.0.1", "10.0.0.2", tcp(40000, 1344, 1, 0, writing.SYN))[:28]
    error = struct.pack("!BBHHH", 3, code, 0, 0, 1400) + inner
    found = decoded(ethernet(ipv4("10.0.0.9", "10.0.0.1", error, protocol=1)))
    key = packed("10.0.0.1") + packed("10.0.0.2") + struct.pack("!HH", 40000, 1344)

    assert Unreachable(key, prohibited, too_big, 1400 if too_big else 0, words) == found


@pytest.mark.parametrize("size", range(80))
def test_a_packet_that_is_cut_anywhere_raises_nothing(size: int) -> None:
    whole = tcp(40000, 1344, 1, 1, writing.SYN | writing.ACK, b"x" * 20)
    for link, wrap in LINKS.values():
        for packet in (ipv4("10.0.0.1", "10.0.0.2", whole), ipv6(*SIX, whole)):
            decoded(wrap(packet)[:size], link)

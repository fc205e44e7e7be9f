"""PDUs that Wireshark exports of decrypted connections, and what is said of connections that stay encrypted."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from icapdiag.api.explaining import explain
from icapdiag.capture.exported import exported
from tests.capture import writing
from tests.capture.reading import observed, outcomes
from tests.capture.writing import BEGIN, Line, Tape, ethernet, packed, pcap, pcapng

FOUR, SIX = ("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")
FOUND = [
    ("tcp", "ok", None, None, None),
    ("options", "ok", None, 200, None),
    ("upload", "ok", None, 204, "allowed"),
    ("upload", "failed", "icap-status", 404, "error"),
]


def tag(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value


def number(tag_: int, value: int) -> bytes:
    return tag(tag_, struct.pack("!I", value))


def pdu(ends: tuple[str, str], source: int, target: int, data: bytes, *, kind: int = 2) -> bytes:
    here, there = map(packed, ends)
    family = 20 if len(here) == 4 else 22
    return (
        tag(12, b"data") + tag(family, here) + tag(family + 1, there) + number(24, kind) + number(25, source)
        + number(26, target) + number(30, 1) + tag(0, b"") + data
    )  # fmt: skip


def conversation(ends: tuple[str, str]) -> list[tuple[int, bytes]]:
    """Three connections to a server behind TLS."""
    first, rest = writing.reqmod(b"x" * 9000)
    turns = (
        (50001, (0, writing.OPTIONS), (1, writing.OPTIONS_ANSWER)),
        (50002, (0, first), (1, writing.CONTINUE), (0, rest[:4000]), (0, rest[4000:]), (1, writing.ALLOWED)),
        (50003, (0, writing.reqmod(b"hello")[0]), (1, writing.NOT_FOUND)),
    )
    made = []
    for source, *said in turns:
        for side, data in said:
            ports = (source, 11344) if side == 0 else (11344, source)
            made.append(pdu(ends if side == 0 else (ends[1], ends[0]), *ports, data))
    return [(BEGIN + number * 1_000_000, each) for number, each in enumerate(made)]


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_requests_in_exported_pdus(ends: tuple[str, str]) -> None:
    for form in (pcap, pcapng):
        data = form(conversation(ends), 252)
        assert sorted(FOUND) == sorted(outcomes(data))
        assert "path" not in {one.probe for one in observed(data)}  # losses can't be seen


def test_a_pdu_that_is_cut_anywhere_or_is_not_of_tcp() -> None:
    whole = conversation(FOUR)[0][1]
    for size in range(len(whole)):
        outcomes(pcap([(BEGIN, whole[:size])], 252))

    assert exported(whole) is not None
    assert exported(pdu(FOUR, 1, 2, b"query", kind=3)) is None
    assert exported(pdu((FOUR[0], SIX[1]), 1, 2, b"mixed")) is None
    assert exported(tag(12, b"data") * 100) is None


def encrypted(folder: Path, *blocks: bytes) -> list[str]:
    """The notes on an encrypted connection."""
    tape = Tape()
    line = Line(tape, port=11344).open()
    line.say(0, bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002c02f0100000200000000"))
    frames = [(time, ethernet(packet)) for time, packet in tape.packets]
    (folder / "icap.pcapng").write_bytes(pcapng(frames) + b"".join(blocks))
    return list(explain([folder / "icap.pcapng"]).notes)


def test_how_to_decrypt_is_said(tmp_path: Path) -> None:
    said = (
        "10.0.0.2:11344: connections are encrypted; requests and responses in them can't be read. Log the TLS keys of"
        " one side (SSLKEYLOGFILE), decrypt with tshark, and explain clear.pcapng: tshark -r icap.pcap -o"
        " tls.keylog_file:keys.log -d tls.port==11344,data -U 'OSI layer 7' -w clear.pcapng. Or capture behind the"
        " server's TLS."
    )
    assert [said] == encrypted(tmp_path)
    keys = writing.block("<", 10, struct.pack("<II", 0x544C534B, 4) + b"keys")
    notes = encrypted(tmp_path, keys)
    assert "tshark -r icap.pcap -d tls.port==11344,data" in notes[0]
    assert "The capture has TLS keys in it: tshark uses them, icapdiag does not." == notes[1]

"""A packet capture, mutated anywhere.

Stated: whatever the bytes are, observations of the vocabulary or a sentence on what could not be read; nothing is kept
beyond the bounds; the same however the file is split into reads, and whether packets are read in place or taken apart.
"""

from __future__ import annotations

import io
import random
from collections.abc import Hashable, Sequence
from unittest.mock import patch

from icapdiag.api.dns_answer import addresses_in
from icapdiag.capture.names import Names
from icapdiag.capture.reading import CaptureReader
from icapdiag.capture.shortcut import Shortcut
from icapdiag.icap.samples import eicar
from icapdiag.model import Facts, flatten
from icapdiag.vocabulary import Reason, Verdict
from tests.capture import writing
from tests.capture.reading import PROFILE
from tests.capture.test_exported import conversation as pdus
from tests.capture.test_names import ANSWERS, HOST, from_server
from tests.capture.writing import LINKS, Line, Tape, ethernet, framed, healthy, pcap, pcapng, scan
from tests.fuzz.driver import Grammar, Target

_REASONS = {None, *Reason}
_VERDICTS = {None, *Verdict}


def _read(data: bytes, size: int) -> list[Facts]:
    stream = io.BytesIO(data)
    reader = CaptureReader(profile=PROFILE, names=Names({HOST: {1344: "two"}}, addresses_in))
    reader.read("fuzz.pcap", lambda wanted: stream.read(min(size, wanted)))
    reader.finish()
    for kept in (reader._table.known, reader._silent, reader._waiting, reader._members):
        assert len(kept) <= 40_000
    return [flatten(one) for member in reader.members for one in member.observations("", str(member.peer))]


def check(data: bytes) -> Hashable:
    """What it came to, in short."""
    found = _read(data, 1 << 20)
    with patch.object(Shortcut, "take", lambda *_: False):
        assert found == _read(data, 777)
    for one in found:
        assert one["reason"] in _REASONS
        assert one.get("verdict") in _VERDICTS
    return tuple(tuple(map(str, map(one.get, ("probe", "status", "reason", "icap_status")))) for one in found[:12])


def seeds() -> Sequence[bytes]:
    """Each link layer and format, TLS, and every outcome."""
    made: list[bytes] = []
    for link in LINKS:
        number, packets = framed(healthy().packets, link)
        made.append(pcap(packets, number))
    tape = Tape()
    client = Line(tape, "203.0.113.7", "198.51.100.1", 80, 50001).open()
    client.say(0, b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 5\r\n\r\nhello")
    for number, answer in enumerate((writing.ALLOWED, writing.BLOCKED, writing.NOT_FOUND)):
        scan(Line(tape, source=41000 + number).open(), eicar() + b"x" * 6000, answer)
    secure = Line(tape, port=11344).open()
    secure.say(0, bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002c02f0100000200000000"))
    secure.say(1, bytes.fromhex("15030300020228"))
    frames = [(time, ethernet(packet)) for time, packet in tape.packets]
    six = [(t, ethernet(packet)) for t, packet in healthy(Line(Tape(), "2001:db8::1", "2001:db8::2")).packets]
    made += [pcap(pdus(("10.0.0.1", "10.0.0.2")), 252), pcap([(0, ethernet(from_server(ANSWERS["an alias"][0])))])]
    return [*made, pcap(frames, nanoseconds=True), pcap(frames, order=">", snap=120), pcapng(frames), pcapng(six)]


_NONE = "\0\0\0\0"
GRAMMAR: Grammar = {  # pcapng, little endian: what a grammar of texts can write
    "start": ("{section}{blocks}", "{section}{interface}{blocks}", "{section}{interface}{blocks}{start}"),
    "section": ("\n\r\r\n\x1c\0\0\0M<+\x1a\1\0\0\0" + _NONE + _NONE + "\x1c\0\0\0",),
    "blocks": ("{block}{blocks}", "{block}"),
    "block": ("{interface}", "{packet}", "{packet}", "{simple}", "{other}"),
    "interface": ("\1\0\0\0\x14\0\0\0{link}\0\0\0{snap}\x14\0\0\0",),
    "link": ("\1", "\0", "e", "q", "l"),
    "snap": (_NONE, "\x40\0\0\0"),
    "packet": ("\6\0\0\0\x60\0\0\0{number}" + _NONE + _NONE + "\x40\0\0\0\x40\0\0\0{frame}\x60\0\0\0",),
    "number": (_NONE, "\1\0\0\0", "\x7f\0\0\0"),
    "simple": ("\3\0\0\0\x50\0\0\0\x40\0\0\0{frame}\x50\0\0\0",),
    "frame": (
        _NONE * 3 + "\x08\0E\0\0\x32" + _NONE + "\x40\6{tcp}",
        "E\0\0\x40" + _NONE + "\x40\6{tcp}" + _NONE * 3 + "\0\0",
    ),
    "tcp": ("\0\0\n\0\0\1\n\0\0\2{ports}" + _NONE + "\0\0\0\1P{flags}\1\0" + _NONE + "OPTIONS ic",),
    "ports": ("\x30\x39\5\x40", "\5\x40\x30\x39"),
    "flags": ("\2", "\x12", "\x10", "\4", "\x11", "\x18"),
    "other": ("\5\0\0\0\x10\0\0\0" + _NONE + "\x10\0\0\0", "\n\0\0\0\x0c\0\0\0\x0c\0\0\0", "{number}"),
}  # fmt: skip


def changed(data: bytes, choose: random.Random) -> bytes:
    """Some bytes changed, left out or doubled, most of them in the heads of packets."""
    made = bytearray(data)
    for _ in range(choose.randint(1, 8)):
        at = choose.randrange(len(made)) if made else 0
        match choose.randrange(5):
            case 0:
                made[at : at + 1] = bytes((choose.randrange(256),))
            case 1:
                del made[at : at + choose.randint(1, 80)]
            case 2:
                made[at:at] = made[at : at + choose.randint(1, 300)]
            case 3:
                made[at : at + 4] = choose.choice((b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff"))
            case _:
                made[at : at + 2] = choose.randbytes(2)
    return bytes(made)


TARGET = Target(check, seeds, GRAMMAR, changed)

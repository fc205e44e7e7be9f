"""TLS 1.3 handshakes, of which only the first messages are in clear."""

from __future__ import annotations

import pytest

from tests.capture.reading import facts, outcomes
from tests.capture.writing import ACK, FIN, RST, Line, Tape, ethernet, pcap


def record(kind: int, size: int) -> bytes:
    return bytes((kind, 3, 3)) + size.to_bytes(2, "big") + bytes(size)


def hello(kind: int, extensions: bytes) -> bytes:
    body = b"\3\3" + bytes(32) + b"\0" + (b"\0\2\x13\1\1\0" if kind == 1 else b"\x13\1\0")
    body += len(extensions).to_bytes(2, "big") + extensions
    message = bytes((kind,)) + len(body).to_bytes(3, "big") + body
    return b"\x16\3\3" + len(message).to_bytes(2, "big") + message


CLIENT_HELLO = hello(1, b"")
SERVER_HELLO = hello(2, b"\0\x2b\0\2\3\4")  # its version is TLS 1.3
FLIGHT = SERVER_HELLO + record(20, 1) + record(23, 900) + record(23, 69)  # with a certificate, and Finished
FINISHED = record(20, 1) + record(23, 69)
ALERT = record(23, 19)
TICKET, REQUEST, RESPONSE = record(23, 250), record(23, 400), record(23, 150)
SEALED = " with an alert, which TLS 1.3 encrypts"
OK = ("tls", "ok", None, None, None)
FAILED = ("tls", "failed", "tls-handshake", None, None)

# What follows the hello of the client, and who closes (2: resets); what is said of it.
HANDSHAKES: dict[str, tuple[list[tuple[int, bytes]], tuple[int, int], tuple[str, str, str | None, None, None]]] = {
    "healthy": ([(1, FLIGHT), (0, FINISHED + REQUEST), (1, RESPONSE), (1, ALERT)], (1, FIN), OK),
    "tickets": ([(1, FLIGHT), (0, FINISHED), (1, TICKET + TICKET), (0, REQUEST), (1, RESPONSE)], (1, FIN), OK),
    "the client closes": ([(1, FLIGHT), (0, FINISHED + ALERT), (1, ALERT)], (0, FIN), OK),
    "the server wants a certificate": ([(1, FLIGHT), (0, FINISHED), (1, ALERT)], (1, FIN), FAILED),
    "it wants one, and resets": ([(1, FLIGHT), (0, FINISHED + REQUEST), (1, ALERT)], (1, RST), FAILED),
    "the client rejects the certificate": ([(1, FLIGHT), (0, ALERT)], (0, FIN), FAILED),
    "the client rejects it in silence": ([(1, FLIGHT)], (0, FIN), FAILED),
}  # fmt: skip


def captured(name: str) -> bytes:
    said, (side, how), _ = HANDSHAKES[name]
    line = Line(Tape(), port=11344).open()
    for speaker, data in [(0, CLIENT_HELLO), *said]:
        line.say(speaker, data)
    line.send(side, how | ACK)
    if how == FIN:
        line.send(1 - side, FIN | ACK)
    return pcap([(time, ethernet(packet)) for time, packet in line.tape.packets])


@pytest.mark.parametrize("name", HANDSHAKES)
def test_what_became_of_it(name: str) -> None:
    assert [("tcp", "ok", None, None, None), HANDSHAKES[name][2]] == outcomes(captured(name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("the server wants a certificate", "the server ended the connection after the handshake" + SEALED),
        ("the client rejects the certificate", "the client ended the handshake" + SEALED),
        ("the client rejects it in silence", "the client ended the handshake"),
    ],
)
def test_who_ended_it_is_said(name: str, words: str) -> None:
    found = facts("tls", captured(name))

    assert (words, "TLSv1.3", "TLS_AES_128_GCM_SHA256") == (found["error"], found["tls_version"], found["cipher"])


def test_a_record_that_is_cut_off_is_no_alert() -> None:
    line = Line(Tape(), port=11344).open()
    for speaker, data in ((0, CLIENT_HELLO), (1, FLIGHT), (0, FINISHED), (1, RESPONSE[:24])):
        line.say(speaker, data)
    line.send(1, RST | ACK)
    data = pcap([(time, ethernet(packet)) for time, packet in line.tape.packets])

    assert OK in outcomes(data)

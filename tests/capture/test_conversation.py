"""ICAP read from both directions: what became of each request, wherever packets are cut, lost or out of order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.capture.conversation import Conversation, Transaction
from icapdiag.icap.samples import eicar
from tests.capture import writing
from tests.capture.reading import facts, outcomes, reader_of
from tests.capture.writing import ACK, FIN, PSH, RST, SYN, Line, Tape, pcap, reqmod, scan

SECOND = 1_000_000_000
CONNECTED = ("tcp", "ok", None, None, None)


def captured(tape: Tape) -> bytes:
    return pcap([(time, writing.ethernet(packet)) for time, packet in tape.packets])


def made(write: Callable[[Line], object]) -> bytes:
    """A capture of one connection."""
    line = Line(Tape())
    write(line.open())
    return captured(line.tape)


def closing(*answers: bytes, body: bytes = b"hello") -> Callable[[Line], None]:
    def write(line: Line) -> None:
        line.say(0, reqmod(body)[0])
        for answer in answers:
            line.say(1, answer)
        line.close()

    return write


def silent(line: Line) -> None:
    line.say(0, reqmod(b"hello")[0])
    line.send(0, FIN | ACK, after=5 * SECOND)
    line.send(1, ACK)
    line.send(0, RST | ACK, after=SECOND)


def reset(line: Line) -> None:
    line.say(0, reqmod(b"hello")[0])
    line.send(1, RST | ACK)


def client_resets(line: Line) -> None:
    line.say(0, reqmod(b"hello")[0])
    line.send(0, RST | ACK, after=3 * SECOND)


WRITTEN: dict[str, tuple[Callable[[Line], object], tuple[str, str, object, object, object]]] = {
    "allowed": (closing(writing.ALLOWED), ("upload", "ok", None, 204, "allowed")),
    "blocked": (closing(writing.BLOCKED), ("upload", "ok", None, 200, "blocked")),
    "EICAR blocked": (closing(writing.BLOCKED, body=eicar()), ("eicar", "ok", None, 200, "blocked")),
    "EICAR allowed": (closing(writing.ALLOWED, body=eicar()), ("eicar", "ok", None, 204, "allowed")),
    "404": (closing(writing.NOT_FOUND), ("upload", "failed", "icap-status", 404, "error")),
    "closed": (closing(), ("upload", "failed", "closed", None, None)),
    "cut": (closing(writing.BLOCKED[:-9]), ("upload", "failed", "closed", 200, "blocked")),
    "not ICAP": (closing(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("upload", "failed", "not-icap", None, None)),
    "garbled": (
        closing(writing.BLOCKED.replace(b"7\r\nblocked", b"x\r\nblocked")),
        ("upload", "failed", "protocol", 200, "blocked"),
    ),
    "silent": (silent, ("upload", "failed", "timeout", None, None)),
    "reset": (reset, ("upload", "failed", "reset", None, None)),
    "the client resets": (client_resets, ("upload", "failed", "timeout", None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_outcome(name: str) -> None:
    write, expected = WRITTEN[name]

    assert [CONNECTED, expected] == outcomes(made(write))


def test_what_a_silent_server_did() -> None:
    found = facts("upload", made(silent))

    assert (True, "none") == (found["request_acknowledged"], found["close_reaction"])
    assert "no complete answer within 6 s; then the client closed" == found["error"]


def test_times_are_those_of_the_packets() -> None:
    def slow(line: Line) -> None:
        scan(line, b"x" * 9000, writing.ALLOWED, slow=12 * SECOND)
        line.close()

    found = facts("upload", made(slow))
    assert 12_000 < found["answer_ms"] < 12_010
    assert found["first_byte_ms"] < 5  # 100 Continue
    assert (True, True, "kernel") == (found["continued"], found["complete_body_sent"], found["answer_clock"])


def test_how_the_client_asks() -> None:
    found = facts("capture", captured(writing.healthy()))

    assert (2, 2, 1, 1, "server") == tuple(
        found[name] for name in ("connections", "requests", "options_requests", "upload_requests", "first_to_close")
    )
    assert [{"value": "19", "requests": 1}] == found["previews_sent"]
    assert [{"value": "(none)", "requests": 1}, {"value": "close", "requests": 1}] == found["connections_sent"]
    assert [{"value": "/avscan", "requests": 2}] == found["services_asked"]


def test_several_requests_on_one_connection() -> None:
    def write(line: Line) -> None:
        for answer in (writing.ALLOWED, writing.BLOCKED, writing.ALLOWED):
            scan(line, b"x" * 7000, answer)
        line.close()

    data = made(write)
    assert [CONNECTED, ("upload", "ok", None, 204, "allowed"), ("upload", "ok", None, 200, "blocked")] == outcomes(data)
    assert 2 == facts("upload", data)["count"]
    assert 1 == facts("capture", data)["connections_reused"]


def test_a_body_that_comes_back_unchanged_is_allowed() -> None:
    body = b"a long body " * 20_000  # more than is kept

    def write(line: Line) -> None:
        inner = b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
        answer = b"ICAP/1.0 200 OK\r\nISTag: x\r\nEncapsulated: req-hdr=0, req-body=%d\r\n\r\n" % len(inner)
        scan(line, body, answer + inner + writing.chunked(body), None)
        line.close()

    assert [CONNECTED, ("upload", "ok", None, 200, "allowed")] == outcomes(made(write))


@given(st.data())
def test_any_split_of_the_stream_gives_the_same(data: st.DataObject) -> None:
    """Every direction cut anywhere, in the order in which the peers speak."""
    parts = [(0, part) for part in reqmod(b"x" * 7000)]
    turns = [parts[0], (1, writing.CONTINUE), parts[1], (1, writing.BLOCKED), (0, writing.OPTIONS),
             (1, writing.OPTIONS_ANSWER)]  # fmt: skip
    taken: list[Transaction] = []
    conversation = Conversation(taken.append)
    time = 0
    for side, text in turns:
        cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=5)))
        edges = [0, *cuts, len(text)]
        for one, two in pairwise(edges):
            time += 1
            (conversation.sent if side == 0 else conversation.received)(text[one:two], time)
    conversation.finish()

    assert [("REQMOD", 200, 7000, ""), ("OPTIONS", 200, 0, "")] == [
        (each.method, each.response and each.response.status, each.request and each.request.body_size, each.ending)
        for each in taken
    ]
    assert [True, True] == [each.body_sent for each in taken]


# --- damaged captures ------------------------------------------------------------------------------


def test_a_gap_inside_a_body_is_survived() -> None:
    line = Line(Tape())
    scan(line.open(), b"x" * 60_000, writing.ALLOWED)
    line.close()
    bodies = [number for number, (_, packet) in enumerate(line.tape.packets) if packet.endswith(b"x" * 1000)]
    for lost in bodies[5:8]:
        line.tape.packets[lost] = (line.tape.packets[lost][0], b"")
    data = pcap([(time, writing.ethernet(packet)) for time, packet in line.tape.packets if packet])

    assert [CONNECTED, ("upload", "ok", None, 204, "allowed")] == outcomes(data)
    assert 3 * 1448 == facts("capture", data)["missing_bytes"]
    assert True is facts("upload", data)["complete_body_sent"]


def test_beyond_a_gap_the_next_request_is_read() -> None:
    line = Line(Tape())
    line.open()
    for _ in range(3):
        scan(line, b"x" * 3000, writing.ALLOWED)
    line.close()
    first = next(n for n, (_, packet) in enumerate(line.tape.packets) if b"REQMOD" in packet)
    kept = [each for number, each in enumerate(line.tape.packets) if number != first]

    assert ("upload", "ok", None, 204, "allowed") in outcomes(captured(Tape(packets=kept)))
    assert 2 <= facts("upload", captured(Tape(packets=kept)))["count"] <= 3


@pytest.mark.parametrize("left_out", range(30))
def test_a_capture_that_begins_anywhere_raises_nothing(left_out: int) -> None:
    packets = writing.healthy().packets[left_out:]
    found = outcomes(captured(Tape(packets=packets)))

    assert all(status == "ok" for _, status, *_ in found)


def test_a_capture_that_begins_in_the_middle_knows_who_asks() -> None:
    line = Line(Tape(), port=9999, source=5555)
    line.open()
    scan(line, b"x" * 3000, writing.ALLOWED)
    scan(line, b"x" * 3000, writing.NOT_FOUND)
    second = [n for n, (_, packet) in enumerate(line.tape.packets) if b"REQMOD" in packet][1]
    data = captured(Tape(packets=line.tape.packets[second:]))

    assert [CONNECTED, ("upload", "failed", "icap-status", 404, "error")] == outcomes(data)
    assert ["10.0.0.2:9999"] == [str(each.peer) for each in reader_of(data).members]


def test_an_answer_without_its_request() -> None:
    packets = [each for each in writing.healthy().packets if b"REQMOD" not in each[1]]

    assert ("upload", "ok", None, 204, "allowed") in outcomes(captured(Tape(packets=packets)))


def test_a_snap_length_leaves_what_the_first_bytes_say() -> None:
    line = Line(Tape())
    scan(line.open(), b"x" * 3000, writing.NOT_FOUND)
    line.close()
    data = pcap([(time, writing.ethernet(packet)) for time, packet in line.tape.packets], snap=128)
    found = facts("upload", data)

    assert ("failed", 404, "/avscan") == (found["status"], found["icap_status"], found["service_uri"])


def test_packets_out_of_order_and_twice() -> None:
    tape = writing.healthy()
    shuffled = Tape()
    for number in range(0, len(tape.packets), 2):
        shuffled.packets += reversed(tape.packets[number : number + 2])
    doubled = Tape(packets=[each for each in tape.packets for _ in range(2)])

    assert outcomes(captured(tape)) == outcomes(captured(doubled))
    assert {"ok"} == {status for _, status, *_ in outcomes(captured(shuffled))}
    assert 0 == facts("path", captured(doubled))["segments_lost"]


# --- connections -----------------------------------------------------------------------------------


def test_attempts_to_connect() -> None:
    tape = Tape()
    refused = Line(tape, server="10.0.0.3")
    refused.send(0, SYN)
    refused.send(1, RST | ACK)
    unanswered = Line(tape, server="10.0.0.4")
    for wait in (0, SECOND, 2 * SECOND):
        tape.add(unanswered.packet(0, SYN), wait)
    cut = Line(tape, server="10.0.0.5", source=40001)
    tape.add(cut.packet(0, SYN))
    found = outcomes(captured(tape))

    assert [
        ("tcp", "failed", "refused", None, None),
        ("tcp", "failed", "timeout", None, None),
    ] == found
    assert ["10.0.0.3:1344", "10.0.0.4:1344", "10.0.0.5:1344"] == [
        str(each.peer) for each in reader_of(captured(tape)).members
    ]


def test_other_ports_are_members_only_where_icap_is_known_to_be() -> None:
    tape = Tape()
    for server, port in (("10.0.0.3", 8080), ("10.0.0.4", 8081)):
        line = Line(tape, server=server, port=port)
        line.send(0, SYN)
        line.send(1, RST | ACK)
    scan(Line(tape, server="10.0.0.9", port=8080).open(), b"hello", writing.ALLOWED)

    assert ["10.0.0.3:8080", "10.0.0.9:8080"] == [str(each.peer) for each in reader_of(captured(tape)).members]
    assert [("tcp", "failed", "refused", None, None)] == outcomes(captured(Tape(packets=tape.packets[:2])),
                                                                  ports=frozenset({8080}))  # fmt: skip


def test_long_packets_that_never_arrive() -> None:
    line = Line(Tape())
    scan(Line(line.tape, source=39999).open(), b"short", writing.ALLOWED)
    line.open()
    request = reqmod(b"x" * 4000)[0]
    line.send(0, PSH | ACK, request[:1448])
    for wait in (300_000_000, 600_000_000, 1_200_000_000):
        line.tape.add(line.packet(0, PSH | ACK, request[:1448], seq=line.seqs[0] - 1448), wait)
    line.send(0, RST | ACK, after=2 * SECOND)
    found = facts("size", captured(line.tape))

    assert ("unacknowledged", True, 1448) == (found["size_failure"], found["mtu_black_hole"], found["segment_size"])
    assert 3 == facts("path", captured(line.tape))["segments_lost"]

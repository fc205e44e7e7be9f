"""The response reader: lenient about form, exact about the end, the same at every split."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.icap.message import CapExceeded, Limits, PeerClosed, ProtocolError, Response
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.verdict import judge
from tests.examples import examples
from tests.icap.feeding import pieces, read, read_response

TAG = b'ISTag: "t"\r\n'
BLOCK = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n"
BLOCKED = b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: res-hdr=0, res-body=%d\r\n\r\n" % len(BLOCK) + BLOCK


def rules(response: Response) -> list[str]:
    return [deviation.rule for deviation in response.deviations]


def same_at_every_split(data: bytes) -> Response:
    whole = read([data])
    assert whole == read(pieces(data, 1))
    for at in range(1, len(data)):
        assert whole == read([data[:at], data[at:]])
    assert isinstance(whole, Response), whole
    return whole


@pytest.mark.parametrize(
    ("data", "status", "reason", "expected"),
    [
        (b"ICAP/1.0 204 Unmodified\r\n" + TAG + b"\r\n", 204, "Unmodified", []),
        (b"ICAP/1.0 204\r\n" + TAG + b"\r\n", 204, "", ["reason-missing"]),
        (b"ICAP/1.0 204 \r\n" + TAG + b"\r\n", 204, "", ["reason-missing"]),
        (b"ICAP/1.0 539 No AV scanning license\r\n" + TAG + b"\r\n", 539, "No AV scanning license", []),
        (b"ICAP/1.0 999 x\r\n" + TAG + b"\r\n", 999, "x", []),
        (b"ICAP/2.0 204 OK\r\n" + TAG + b"\r\n", 204, "OK", ["icap-version"]),
        (b"icap/1.0 204 OK\r\n" + TAG + b"\r\n", 204, "OK", ["icap-version"]),
        (b"\r\n\r\nICAP/1.0 204 OK\r\n" + TAG + b"\r\n", 204, "OK", ["empty-line-before-head"]),
        (b'ICAP/1.0 204 OK\nISTag: "t"\n\n', 204, "OK", ["head-line-ends"]),
        (b"ICAP/1.0 204 OK\r\n" + TAG, 204, "OK", ["head-without-empty-line"]),
        (b"ICAP/1.0 204 OK\r\nISTag: t\r\n\r\n", 204, "OK", ["istag-unquoted"]),
        (b'ICAP/1.0 204 OK\r\nISTag: "%s"\r\n\r\n' % (b"x" * 33), 204, "OK", ["istag-too-long"]),
        (b"ICAP/1.0 204 OK\r\n\r\n", 204, "OK", ["istag-missing"]),
        (b"ICAP/1.0 204 OK\r\n" + TAG + b"no colon\r\n\r\n", 204, "OK", ["header-without-colon"]),
        (b"ICAP/1.0 204 OK\r\n" + TAG + b"X y: z\r\n\r\n", 204, "OK", ["header-name"]),
        (b"ICAP/1.0 204 OK\r\n" + TAG + b": z\r\n\r\n", 204, "OK", ["header-name"]),
        (b"ICAP/1.0 204 OK\r\n folded\r\n" + TAG + b"\r\n", 204, "OK", ["header-without-colon"]),
        (
            b"ICAP/1.0 204 OK\r\n" + TAG + b"Encapsulated: res-hdr=0, res-body=9\r\n\r\n",
            204,
            "OK",
            ["204-with-encapsulated"],
        ),
        (b"ICAP/1.0 200 OK\r\n" + TAG + b"\r\n", 200, "OK", ["encapsulated-missing"]),
        (b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: \r\n\r\n", 200, "OK", ["encapsulated-invalid"]),
        (b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: null-body=-1\r\n\r\n", 200, "OK", ["encapsulated-invalid"] * 2),
        (b"ICAP/1.0 100 Continue\r\n\r\n", 100, "Continue", []),
    ],
)
def test_heads(data: bytes, status: int, reason: str, expected: list[str]) -> None:
    response = same_at_every_split(data)

    assert (status, reason, expected, True) == (response.status, response.reason, rules(response), response.complete)


def test_folded_values_keep_their_lines() -> None:
    data = (
        b"ICAP/1.0 200 OK\r\n" + TAG + b"X-Violations-Found: 1\r\n\t-\r\n\tEvil.Name\r\n 0\r\n\t0\r\n"
        b"X-Infection-Found: Type=1; Threat=File policy\r\n Size;\r\nEncapsulated: null-body=0\r\n\r\n"
    )

    response = same_at_every_split(data)

    assert response.headers.get("x-violations-found") == "1\n-\nEvil.Name\n0\n0"
    assert response.headers.get("X-INFECTION-FOUND") == "Type=1; Threat=File policy\nSize;"
    assert rules(response) == []


def test_violation_lines_that_are_not_folded_are_kept_below_their_header() -> None:
    data = b"ICAP/1.0 201 Created\r\n" + TAG + b"X-Violations-Found: 1\r\nmail.msg\r\nW32.Beagle\r\n\r\n"

    response = same_at_every_split(data)

    assert response.headers.get("X-Violations-Found") == "1\nmail.msg\nW32.Beagle"
    assert rules(response) == ["header-without-colon"] * 2 + ["encapsulated-missing"]


def test_header_names_that_python_wrote_as_bytes_are_named() -> None:
    data = b"ICAP/1.0 200 OK\r\nb'ISTag': b'\"t\"'\r\nb'Encapsulated': b'null-body=0'\r\n\r\n"

    response = same_at_every_split(data)

    assert rules(response) == ["istag-missing", "header-name-repr", "encapsulated-missing"]


def test_an_encapsulated_header_glued_to_the_istag_is_parted() -> None:
    data = b'ICAP/1.0 200 OK\r\nISTag: "t"Encapsulated: null-body=0\r\n\r\n'

    response = same_at_every_split(data)

    assert (response.headers.get("ISTag"), response.headers.get("Encapsulated")) == ('"t"', "null-body=0")
    assert rules(response) == ["header-glued"]


@pytest.mark.parametrize(
    ("chunks", "body", "complete", "expected"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", True, []),
        (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello", True, []),
        (b"5;ext=1\r\nhello\r\n0;a=b\r\n\r\n", b"hello", True, []),
        (b"0005\r\nhello\r\n000\r\n\r\n", b"hello", True, []),
        (b"5\nhello\n0\n\n", b"hello", True, ["chunk-line-ends"]),
        (b"5\r\nhello0\r\n\r\n", b"hello", True, ["chunk-data-end"]),
        (b"5\r\nhello\r\n0\r\n", b"hello", True, ["last-chunk-without-empty-line"]),
        (b"5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", b"hello", True, []),
        (b"5\r\nhel", b"hel", False, []),
        (b"5\r\nhello\r\n", b"hello", False, []),
        (b"", b"", False, ["body-missing"]),
        (b"0\r\n\r\n\r\n", b"", True, []),
    ],
)
def test_bodies(chunks: bytes, body: bytes, complete: bool, expected: list[str]) -> None:
    response = same_at_every_split(BLOCKED + chunks)

    assert (body, complete, expected) == (response.body, response.complete, rules(response))
    assert response.http_response is not None
    assert response.http_response.status == 403


@pytest.mark.parametrize("size", [b"0x1", b"+1", b"-1", b"1_0", b"", b" 5", b"zz", b"5 5", b"\xb2"])
def test_a_chunk_size_that_others_would_read_differently_ends_the_reading(size: bytes) -> None:
    outcome = read([BLOCKED + size + b"\r\nhello\r\n0\r\n\r\n"])

    assert not isinstance(outcome, Response)
    assert outcome[:2] == ("ProtocolError", "chunk-invalid")
    partial = outcome[3]
    assert partial is not None
    assert (partial.status, partial.complete) == (200, False)
    assert partial.http_response is not None


def test_trailers_are_read() -> None:
    response = same_at_every_split(BLOCKED + b"0\r\nX-Scan: a\r\n b\r\n\r\n")

    assert response.trailers.fields == (("X-Scan", "a\nb"),)


def test_206_says_where_the_original_goes_on() -> None:
    head = b"POST / HTTP/1.1\r\n\r\n"
    data = b"ICAP/1.0 206 Partial Content\r\n" + TAG + b"Encapsulated: req-hdr=0, req-body=%d\r\n\r\n" % len(head)

    response = same_at_every_split(data + head + b"3\r\nabc\r\n0; use-original-body=6\r\n\r\n")

    assert (response.body, response.use_original_body, response.complete) == (b"abc", 6, True)

    endless = ResponseReader().feed(data + head + b"3\r\nabc\r\n0; use-original-body=" + b"6" * 5000 + b"\r\n\r\n")

    assert endless is not None
    assert (endless.use_original_body, endless.complete) == (None, True)


@pytest.mark.parametrize("shift", [-9, -1, 1, 4])
def test_a_wrong_offset_is_recorded_and_the_blank_line_believed(shift: int) -> None:
    data = (
        BLOCKED.replace(b"res-body=%d" % len(BLOCK), b"res-body=%d" % (len(BLOCK) + shift)) + b"5\r\nhello\r\n0\r\n\r\n"
    )

    response = same_at_every_split(data)

    assert (rules(response), response.body) == (["encapsulated-wrong-offset"], b"hello")


def test_an_encapsulated_head_without_its_blank_line() -> None:
    head = b"HTTP/1.1 403 Forbidden\r\n"
    data = b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: res-hdr=0, res-body=%d\r\n\r\n" % len(head)

    response = same_at_every_split(data + head + b"5\r\nhello\r\n0\r\n\r\n")

    assert (rules(response), response.body) == (["encapsulated-head-without-empty-line"], b"hello")


def test_a_response_head_announced_as_a_request_head_is_known_by_its_first_line() -> None:
    data = BLOCKED.replace(b"res-hdr=0", b"req-hdr=0") + b"0\r\n\r\n"

    response = same_at_every_split(data)

    assert rules(response) == ["encapsulated-invalid", "encapsulated-wrong-name"]
    assert (response.http_request, response.http_response and response.http_response.status) == (None, 403)


def test_icap_content_length_does_not_frame() -> None:
    data = b"ICAP/1.0 404 Not found\r\n" + TAG + b"Content-Length: 100\r\n\r\n"

    reader = ResponseReader()

    response = reader.feed(data)
    assert response is not None
    assert (response.status, response.complete) == (404, True)


def test_bytes_after_the_end_are_kept_apart() -> None:
    reader = ResponseReader()

    response = reader.feed(b"ICAP/1.0 204 OK\r\n" + TAG + b"\r\nleft over")

    assert response is not None
    assert (b"left over", response.size) == (reader.excess, len(b"ICAP/1.0 204 OK\r\n" + TAG + b"\r\n"))


@pytest.mark.parametrize(
    ("data", "peer"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
        (b"<!DOCTYPE HTML>\n<html>", "http"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
        (b"220 mail.example ESMTP\r\n", "smtp"),
        (b"UNKNOWN COMMAND\n", "clamd"),
        (b"OPTIONS icap://10.0.0.5:7/avscan ICAP/1.0\r\n", "echo"),
        (b"hello", "unknown"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "unknown"),
    ],
)
def test_a_peer_that_is_not_icap_is_named(data: bytes, peer: str) -> None:
    expected = ("NotICAP", "not-icap", peer, None)

    assert expected == read([data])
    assert expected == read(pieces(data, 1))


@pytest.mark.parametrize("data", [b"", b"\r\n", b"ICA", b"ICAP/1.0 4"])
def test_less_than_a_status_line_is_no_answer(data: bytes) -> None:
    with pytest.raises(PeerClosed):
        read_response(data)


@pytest.mark.parametrize("line", [b"ICAP/1.0 OK 200", b"ICAP/1.0 000 OK", b"ICAP/1.0 099 OK", b"ICAP/1.0 2000 OK"])
def test_a_status_line_that_is_none(line: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_response(line + b"\r\n\r\n")

    assert caught.value.rule == "status-line"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"ICAP/1.0 200 " + b"x" * 3000, "head-size"),
        (b"ICAP/1.0 200 OK\r\n" + b"X: y\r\n" * 50 + b"\r\n", "header-count"),
        (BLOCKED + b"1" + b" " * 300, "chunk-line"),
        (BLOCKED + b"ffff\r\n", "chunk-size"),
        (BLOCKED + b"800\r\n" + b"x" * 0x800 + b"\r\n" + b"800\r\n", "body-total"),
        (BLOCKED + b"0\r\n" + b"T: %s\r\n" % (b"x" * 150) * 10, "trailer-size"),
        (b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: res-hdr=0\r\n\r\n" + b"x" * 3000, "http-head-size"),
    ],
)
def test_every_cap_ends_the_reading(data: bytes, rule: str) -> None:
    limits = Limits(head_size=1000, header_count=20, line_size=200, chunk_size=0x1000, body_kept=10, body_total=3000)
    for parts in ([data], pieces(data, 7)):
        reader = ResponseReader(limits)
        with pytest.raises(CapExceeded) as caught:
            deque(map(reader.feed, parts), maxlen=0)
        assert rule == caught.value.rule


LONG = b"HTTP/1.1 403 Forbidden\r\nX: " + b"y" * 69 + b"\r\n\r\n"
assert 100 == len(LONG)


@pytest.mark.parametrize(
    ("data", "caps", "kept"),
    [
        (b"ICAP/1.0 200 OK\r\n" + b"X: y\r\n" * 20 + b"\r\n", {"header_count": 20}, {}),
        (b"ICAP/1.0 200 OK\r\n" + TAG + b"\r\n", {"head_size": len(b"ICAP/1.0 200 OK\r\n" + TAG + b"\r\n")}, {}),
        (b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=100\r\n\r\n" + LONG, {"head_size": 100}, {}),
        (BLOCKED + b"5\r\nhello\r\n0\r\n\r\n", {"chunk_size": 5, "body_total": 5, "line_size": 2}, {"body_kept": 5}),
        (BLOCKED + b"0\r\nT: 345678\r\n\r\n", {"line_size": 10}, {}),
        (BLOCKED + b"0\r\n" + b"T: %s\r\n" % (b"x" * 147) * 2 + b"\r\n", {"head_size": 300}, {}),
    ],
    ids=["fields", "head", "head inside", "chunk", "line", "trailers"],
)
def test_what_is_as_large_as_its_cap_is_read_and_no_more(
    data: bytes, caps: dict[str, int], kept: dict[str, int]
) -> None:
    for size in (len(data), 1):
        response = read(pieces(data, size), limits=Limits(**caps, **kept))
        assert isinstance(response, Response), response
        assert response.complete
        for name, cap in caps.items():
            refused = read(pieces(data, size), limits=Limits(**{**caps, name: cap - 1}, **kept))
            assert isinstance(refused, tuple), name
            assert "CapExceeded" == refused[0]


def test_a_header_without_a_name_is_none() -> None:
    response = read([b"ICAP/1.0 204 OK\r\n" + TAG + b": z\r\n\r\n"])
    assert isinstance(response, Response)
    assert [("ISTag", '"t"')] == list(response.headers)


def test_only_the_first_bytes_of_a_body_are_kept_and_all_are_counted() -> None:
    response = read([BLOCKED + b"8\r\n12345678\r\n0\r\n\r\n"], limits=Limits(body_kept=3))

    assert isinstance(response, Response)
    assert (response.body, response.body_size) == (b"123", 8)


def test_what_was_read_can_be_salvaged() -> None:
    reader = ResponseReader()
    reader.feed(b"ICAP/1.0 404 Not found\r\n")  # and then silence on an open connection

    response = reader.salvage()

    assert response is not None
    assert (response.status, rules(response)) == (404, ["head-without-empty-line", "istag-missing"])
    assert ResponseReader().salvage() is None


def test_a_recording_may_begin_with_a_100() -> None:
    response = read_response(b"ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 OK\r\n" + TAG + b"\r\n")

    assert response.status == 204


ICAP_BYTES = st.lists(
    st.sampled_from(
        [
            b"ICAP/1.0 200 OK",
            b"ICAP/1.0 204",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b":",
            b"5",
            b"0",
            b"hello",
            b"zz",
            b";",
            b"Encapsulated: res-hdr=0, res-body=",
            b"Encapsulated: null-body=0",
            b"HTTP/1.1 403 No",
            b"ISTag: x",
            b"\x15\x03",
            b"\x00",
        ]
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=examples(500))
@given(ICAP_BYTES | st.binary(max_size=200))
def test_anything_is_a_response_or_a_protocol_error_and_the_same_byte_by_byte(data: bytes) -> None:
    whole = read([data])

    assert whole == read(pieces(data, 1))
    assert whole == read(pieces(data, 3))


@settings(max_examples=examples(300))
@given(st.binary(max_size=400), st.integers(1, 50), st.integers(1, 64))
def test_what_is_written_is_read_again(body: bytes, chunk: int, step: int) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces(body, chunk)) + b"0\r\n\r\n"

    response = read(pieces(BLOCKED + chunks, step))

    assert isinstance(response, Response)
    assert (body, len(body), True, ()) == (response.body, response.body_size, response.complete, response.deviations)


NOTHING = b"ICAP/1.0 200 OK\r\n" + TAG + b"Encapsulated: null-body=0\r\n\r\n"


@pytest.mark.parametrize(
    ("follows", "expected", "verdict"),
    [
        (b"", [], "allowed"),
        (b"\r\n", [], "allowed"),
        (b"ICAP/1.0 204 Unmodified\r\n", [], "allowed"),
        (BLOCK, ["content-after-null-body"], "blocked"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", ["content-after-null-body"], "unknown"),
        (b"5\r\nhello\r\n0\r\n\r\n", ["content-after-null-body"], "unknown"),
        (b"HTTP/1.1 403 Forb", ["content-after-null-body"], "unknown"),
    ],
)
def test_what_follows_null_body(follows: bytes, expected: list[str], verdict: str) -> None:
    response = read([NOTHING + follows])

    assert isinstance(response, Response)
    assert (expected, verdict) == (rules(response), judge(response, method="REQMOD").verdict)


def test_content_that_follows_null_body_later() -> None:
    reader = ResponseReader()
    first = reader.feed(NOTHING)
    assert first is not None
    assert "allowed" == judge(first, method="REQMOD").verdict

    responses = [reader.feed(bytes([byte])) for byte in BLOCK]

    assert responses[-1] is not None
    assert (["content-after-null-body"], "blocked") == (rules(responses[-1]), judge(responses[-1]).verdict)

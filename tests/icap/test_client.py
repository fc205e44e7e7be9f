"""One transaction: what is sent when, and how each kind of answer ends it."""

from __future__ import annotations

import pytest

from icapdiag.icap.client import Exchange, State
from icapdiag.icap.message import PeerClosed, ProtocolError, Request
from icapdiag.icap.request import avi_reqmod, encode_request, http_post, options_request
from icapdiag.icap.server import RequestReader
from tests.icap.feeding import pieces

CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
CLEAN = b'ICAP/1.0 204 Unmodified\r\nISTag: "t"\r\n\r\n'
BODY = b"0123456789"
HEAD = http_post("www.example.test", "/upload", len(BODY))


def rules(exchange: Exchange) -> list[str]:
    return [deviation.rule for deviation in exchange.deviations]


def reqmod(preview: int | None, *, allow_204: bool = True) -> Exchange:
    return Exchange(
        avi_reqmod("10.0.0.5", 1344, "/avscan", http_request=HEAD, body=BODY, preview_size=preview, allow_204=allow_204)
    )


def test_the_form_of_an_avi_service_engine() -> None:
    request = avi_reqmod("10.0.0.5", 1344, "/avscan", http_request=HEAD, body=BODY, preview_size=5000)

    expected = (
        b"REQMOD icap://10.0.0.5:1344/avscan ICAP/1.0\r\n"
        b"Host: 10.0.0.5:1344\r\n"
        b"Connection: close\r\n"
        b"Preview: 10\r\n"
        b"Allow: 204\r\n"
        b"Encapsulated: req-hdr=0, req-body=%d\r\n"
        b"\r\n"
        b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 10\r\n\r\n"
        b"a\r\n0123456789\r\n0; ieof\r\n\r\n" % len(HEAD)
    )
    assert (expected, b"", 10, True) == (request.first, request.rest, request.preview, request.ieof)


def test_a_body_longer_than_the_preview_waits_for_100() -> None:
    request = avi_reqmod("fe80::1%eth0", 1344, "/s", http_request=HEAD, body=BODY, preview_size=4)

    assert request.first[:63] == b"REQMOD icap://[fe80::1]:1344/s ICAP/1.0\r\nHost: [fe80::1]:1344\r\n"
    assert request.first.endswith(b"4\r\n0123\r\n0\r\n\r\n")
    assert (request.rest, request.preview, request.ieof) == (b"6\r\n456789\r\n0\r\n\r\n", 4, False)


def test_preview_0_sends_only_the_head() -> None:
    request = avi_reqmod("10.0.0.5", 1344, "/s", http_request=HEAD, body=BODY, preview_size=0)

    assert request.first.endswith(b"\r\n\r\n0\r\n\r\n")
    assert request.rest.startswith(b"a\r\n0123456789")


def test_without_a_preview_the_whole_body_goes_at_once() -> None:
    request = avi_reqmod("10.0.0.5", 1344, "/s", http_request=HEAD, body=BODY, preview_size=None, allow_204=False)

    assert b"Preview" not in request.first
    assert b"Allow" not in request.first
    assert request.first.endswith(b"a\r\n0123456789\r\n0\r\n\r\n")


def test_options_carry_encapsulated() -> None:
    request = options_request("10.0.0.5", 1344, "/avscan")

    assert (
        request.first
        == b"OPTIONS icap://10.0.0.5:1344/avscan ICAP/1.0\r\nHost: 10.0.0.5:1344\r\nEncapsulated: null-body=0\r\n\r\n"
    )


@pytest.mark.parametrize("bad", [("X", "a\r\nb"), ("X\n", "a")])
def test_a_line_break_in_a_header_is_refused(bad: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_request("OPTIONS", "icap://h/s", [bad])
    with pytest.raises(ValueError, match="line break"):
        http_post("h", "/", 0, fields=[bad])


def test_204_to_the_preview_ends_it_and_the_rest_stays_here() -> None:
    exchange = reqmod(4)
    assert State.PREVIEW is exchange.state

    exchange.receive(CLEAN)

    assert [exchange.request.first] == list(exchange.pieces())
    assert exchange.response is not None
    assert (
        exchange.response.status,
        exchange.done,
        exchange.whole_body_sent,
        rules(exchange),
    ) == (204, True, False, [])


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_100_releases_the_rest_once(step: int) -> None:
    exchange = reqmod(4)

    assert [exchange.request.first] == list(exchange.pieces())
    for piece in pieces(CONTINUE + CLEAN, step):
        exchange.receive(piece)

    assert [b"6\r\n456789\r\n0\r\n\r\n"] == list(exchange.pieces())
    assert (exchange.done, exchange.continued, exchange.whole_body_sent, rules(exchange)) == (True, True, True, [])


@pytest.mark.parametrize(
    ("preview", "answers", "expected"),
    [
        (5000, CONTINUE + CLEAN, ["100-after-ieof"]),
        (None, CONTINUE + CLEAN, ["100-without-preview"]),
        (4, CONTINUE + CONTINUE + CLEAN, ["100-repeated"]),
        (4, CLEAN + b"rubbish", ["bytes-after-end"]),
        (4, CLEAN + b"\r\n", ["empty-line-after-end"]),
        (4, b'ICAP/1.0 206 Partial\r\nISTag: "t"\r\n\r\n', ["206-without-allow"]),
    ],
)
def test_what_a_server_may_not_do_is_recorded(preview: int | None, answers: bytes, expected: list[str]) -> None:
    exchange = reqmod(preview)

    exchange.receive(answers)

    assert (expected, True) == (rules(exchange), exchange.done)


@pytest.mark.parametrize(
    ("preview", "allow", "expected"),
    [(None, False, ["204-without-allow"]), (None, True, []), (4, False, []), (5000, False, [])],
)
def test_204_needs_allow_204_or_a_preview(preview: int | None, allow: bool, expected: list[str]) -> None:
    exchange = reqmod(preview, allow_204=allow)

    exchange.receive(CLEAN)

    assert expected == rules(exchange)


def test_an_early_answer_is_seen_before_it_is_complete() -> None:
    exchange = reqmod(None)
    head = b"HTTP/1.1 403 No\r\n\r\n"

    exchange.receive(b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n' % len(head))
    assert (exchange.answering, exchange.done) == (True, False)
    exchange.receive(head + b"0\r\n\r\n")

    assert exchange.done


def test_a_close_without_an_answer() -> None:
    exchange = reqmod(4)

    with pytest.raises(PeerClosed):
        exchange.receive_eof()


def test_what_was_read_before_an_error_stays() -> None:
    exchange = reqmod(4)
    head = b"HTTP/1.1 403 No\r\n\r\n"

    with pytest.raises(ProtocolError):
        exchange.receive(
            b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nX-Virus-ID: Bad\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n'
            % len(head)
            + head
            + b"zz\r\n"
        )

    assert exchange.response is not None
    assert exchange.response.headers.get("X-Virus-ID") == "Bad"


def test_interim_answers_are_bounded() -> None:
    exchange = reqmod(4)

    with pytest.raises(ProtocolError, match="endless-100"):
        exchange.receive(CONTINUE * 102)


@pytest.mark.parametrize("step", [1, 5, 10_000])
@pytest.mark.parametrize("preview", [None, 0, 4, 10, 5000])
def test_a_server_reads_what_we_write(preview: int | None, step: int) -> None:
    prepared = avi_reqmod("10.0.0.5", 1344, "/s", http_request=HEAD, body=BODY, preview_size=preview)
    reader = RequestReader()
    request: Request | None = None
    for piece in pieces(prepared.first, step):
        assert request is None
        reader.feed(piece)
        request = reader.next_request()
    assert request is not None
    if prepared.rest:
        assert BODY[:preview] == request.body
        assert reader.next_body() is None
        for piece in pieces(prepared.rest, step):
            reader.feed(piece)
        request = reader.next_body()

    assert request is not None
    assert (request.body, request.http_request and request.http_request.raw) == (BODY, HEAD)
    assert request.preview == (None if preview is None else min(preview, len(BODY)))

"""The healthy scanner, held against RFC 3507 over memory streams."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing

from icapdiag.icap.client import Exchange
from icapdiag.icap.message import Limits, Response
from icapdiag.icap.request import PreparedRequest, avi_reqmod, encode_request, http_post, options_request
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.lab.connection import IDLE, LAB_LIMITS, LINGER, Connection, Counters
from icapdiag.lab.scanner import HEALTHY, THREAT, Scanner

HOST = "127.0.0.1"
URI = "icap://127.0.0.1/avscan"
POST = http_post("www.example.test", "/upload", 1)
GET = b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
HTTP_200 = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
VIA = b"Via: ICAP/1.0 icapdiag-lab\r\n\r\n"
ALLOW = ("Allow", "204")
CLOSE = ("Connection", "close")
OPTIONS = options_request(HOST, 1344, "/avscan").first
Make = Callable[..., PreparedRequest]
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"


def reqmod(
    body: bytes | None, *headers: tuple[str, str], preview: int | None = None, uri: str = URI
) -> PreparedRequest:
    return encode_request("REQMOD", uri, (("Host", HOST), *headers), http_request=POST, body=body, preview=preview)


def respmod(body: bytes, *headers: tuple[str, str], preview: int | None = None) -> PreparedRequest:
    return encode_request(
        "RESPMOD", URI, (("Host", HOST), *headers), http_request=GET, http_response=HTTP_200, body=body, preview=preview
    )


def avi(body: bytes, preview_size: int) -> PreparedRequest:
    return avi_reqmod(HOST, 1344, "/avscan", http_request=POST, body=body, preview_size=preview_size)


def whole(request: PreparedRequest) -> bytes:
    return request.first + request.rest


async def talk(
    *writes: bytes, scanner: Scanner = HEALTHY, limits: Limits = LAB_LIMITS, counters: Counters | None = None
) -> bytes:
    """What comes back for these writes and a half-close, up to the server's close."""
    client, server = trio.testing.memory_stream_pair()
    received = bytearray()

    async def write() -> None:
        for data in writes:
            await client.send_all(data)
        await client.send_eof()

    async def answer() -> None:
        await scanner(Connection(server, counters, limits=limits))
        await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        nursery.start_soon(write)
        while data := await client.receive_some():
            received += data
    return bytes(received)


def responses(data: bytes, method: str = "REQMOD") -> list[Response]:
    found = []
    while data:
        reader = ResponseReader(method=method)
        response = reader.feed(data)
        assert response is not None
        found.append(response)
        data = reader.excess
    return found


async def ask(request: PreparedRequest) -> Response:
    """One exchange, in which the rest waits for its 100 Continue."""
    client, server = trio.testing.memory_stream_pair()
    exchange = Exchange(request)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(HEALTHY, Connection(server))
        while not exchange.done:
            for piece in exchange.pieces():
                await client.send_all(piece)
            exchange.receive(bytes(await client.receive_some()))
        nursery.cancel_scope.cancel()
    assert exchange.response is not None
    assert () == exchange.deviations + exchange.response.deviations
    return exchange.response


async def statuses(*writes: bytes) -> list[int]:
    return [response.status for response in responses(await talk(*writes))]


# OPTIONS


@pytest.mark.parametrize(
    "sent",
    [OPTIONS, b"OPTIONS icap://other.example:9/avscan?mode=simple ICAP/1.0\r\nHost: x\r\nAllow: 206, trailers\r\n\r\n"],
    ids=["ours", "without Encapsulated, as Squid"],
)
async def test_options(sent: bytes) -> None:
    (answer,) = responses(await talk(sent), "OPTIONS")
    assert (200, ()) == (answer.status, answer.deviations)
    assert ("REQMOD", "RESPMOD") == answer.headers.tokens("Methods")
    shown = {name: answer.headers.get(name) for name in ("Preview", "Allow", "Options-TTL", "ISTag", "Encapsulated")}
    expected = {
        "Preview": "1024",
        "Allow": "204",
        "Options-TTL": "3600",
        "ISTag": '"icapdiag-lab-1"',
        "Encapsulated": "null-body=0",
    }
    assert expected == shown
    assert {"Service", "Max-Connections", "Date"} <= {name for name, _ in answer.headers}


async def test_pipelined_options_are_answered_in_order() -> None:
    missing = OPTIONS.replace(b"/avscan", b"/nosuch")
    assert [200, 200, 404] == await statuses(OPTIONS + OPTIONS + missing)


# the connection


async def test_connection_stays_open_between_requests() -> None:
    assert [200, 204, 200] == await statuses(OPTIONS, whole(reqmod(CLEAN, ALLOW)), whole(reqmod(CLEAN)))


async def test_connection_close_is_announced_and_kept() -> None:
    (answer,) = responses(await talk(whole(reqmod(CLEAN, ALLOW, CLOSE)) + OPTIONS))
    assert (204, "close") == (answer.status, answer.headers.get("Connection"))


async def test_input_may_be_split_anywhere() -> None:
    sent = OPTIONS + whole(reqmod(CLEAN, ALLOW, preview=10)) + whole(respmod(eicar(), preview=1024))
    at_once = await talk(sent)
    bytewise = await talk(*(sent[i : i + 1] for i in range(len(sent))))
    assert [200, 100, 204, 200] == [answer.status for answer in responses(at_once)]
    expected, actual = responses(at_once), responses(bytewise)
    assert [(r.status, r.body) for r in expected] == [(r.status, r.body) for r in actual]


async def test_silence_ends_the_connection(autojump_clock: trio.testing.MockClock) -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(OPTIONS[:20])
    started = trio.current_time()
    await HEALTHY(Connection(server))
    assert pytest.approx(IDLE) == trio.current_time() - started


async def test_client_that_never_takes_the_last_answer_is_left(autojump_clock: trio.testing.MockClock) -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    started = trio.current_time()
    await HEALTHY(Connection(server))
    assert pytest.approx(LINGER) == trio.current_time() - started


async def test_client_that_leaves_inside_a_body_gets_no_answer() -> None:
    assert b"" == await talk(reqmod(CLEAN).first[:-7])
    assert CONTINUE == await talk(reqmod(CLEAN, preview=10).first)


async def test_requests_are_counted() -> None:
    counters = Counters()
    await talk(OPTIONS + OPTIONS, counters=counters)
    assert 2 == counters.requests


# previews and verdicts


@pytest.mark.parametrize("size", [0, 10, len(CLEAN) - 1])
async def test_preview_is_continued_when_the_body_goes_on(size: int) -> None:
    assert [100, 204] == await statuses(whole(reqmod(CLEAN, ALLOW, preview=size)))
    answer = await ask(avi(CLEAN, size))
    assert (204, "close") == (answer.status, answer.headers.get("Connection"))


@pytest.mark.parametrize("body", [CLEAN, b""])
async def test_preview_that_holds_the_whole_body_is_not_continued(body: bytes) -> None:
    assert [204] == await statuses(reqmod(body, preview=1024).first)
    assert 204 == (await ask(avi(body, 5000))).status


async def test_preview_without_a_body() -> None:
    assert [204] == await statuses(reqmod(None, ("Preview", ""), preview=0).first)


async def test_allow_206_and_trailers_do_not_allow_204() -> None:
    sent = whole(reqmod(CLEAN, ("Allow", "206, trailers"), preview=10))
    interim, answer = responses(await talk(sent))
    assert (100, 200, CLEAN) == (interim.status, answer.status, answer.body)


async def test_reqmod_is_echoed_when_204_is_not_allowed() -> None:
    (answer,) = responses(await talk(reqmod(CLEAN).first))
    assert (200, (), CLEAN) == (answer.status, answer.deviations, answer.body)
    assert answer.http_request is not None
    assert POST[:-2] + VIA == answer.http_request.raw


async def test_request_without_a_body_is_echoed_without_one() -> None:
    (answer,) = responses(await talk(reqmod(None).first))
    assert (200, "null-body", b"") == (answer.status, answer.body_name, answer.body)


async def test_respmod_is_echoed_without_the_request() -> None:
    (answer,) = responses(await talk(respmod(CLEAN).first))
    assert (200, CLEAN, None) == (answer.status, answer.body, answer.http_request)
    assert answer.http_response is not None
    assert HTTP_200[:-2] + VIA == answer.http_response.raw


async def test_respmod_with_a_body_alone_is_echoed_with_a_head() -> None:
    sent = b"RESPMOD icap://h/avscan ICAP/1.0\r\nEncapsulated: res-body=0\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    (answer,) = responses(await talk(sent))
    assert ("res-body", b"hi", ()) == (answer.body_name, answer.body, answer.deviations)


async def test_large_body_comes_back_whole() -> None:
    body = b"0123456789abcdef" * 65536
    (answer,) = responses(await talk(reqmod(body).first))
    assert (200, len(body)) == (answer.status, answer.body_size)


def multipart() -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    return head + eicar() + b"\r\n--x--\r\n"


@pytest.mark.parametrize("preview", [None, 0, 30, 1024])
@pytest.mark.parametrize("make", [reqmod, respmod])
@pytest.mark.parametrize("body", [eicar(), multipart()], ids=["bare", "multipart"])
async def test_eicar_is_blocked(make: Make, body: bytes, preview: int | None) -> None:
    answer = await ask(make(body, ALLOW, preview=preview))
    assert (200, f"Type=0; Resolution=2; Threat={THREAT};") == (answer.status, answer.headers.get("X-Infection-Found"))
    assert f"1\n-\n{THREAT}\n0\n0" == answer.headers.get("X-Violations-Found")
    assert answer.http_response is not None
    assert 403 == answer.http_response.status
    assert str(answer.body_size) == answer.http_response.headers.get("Content-Length")


async def test_eicar_is_found_across_chunks() -> None:
    head = f"REQMOD {URI} ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, req-body={len(POST)}\r\n\r\n"
    body = eicar()
    chunks = b"".join(b"1; x=y\r\n%b\r\n" % body[i : i + 1] for i in range(len(body)))
    (answer,) = responses(await talk(head.encode() + POST + chunks + b"0\r\nTrailer: x\r\n\r\n"))
    assert "X-Infection-Found" in answer.headers


# refusals


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (404, OPTIONS.replace(b"/avscan", b"/nosuch")),
        (404, OPTIONS.replace(b"/avscan", b"")),
        (404, whole(reqmod(CLEAN, uri="icap://127.0.0.1/nosuch", preview=0))),
        (501, OPTIONS.replace(b"OPTIONS", b"FOOMOD")),
        (505, OPTIONS.replace(b"ICAP/1.0", b"ICAP/2.0")),
        (505, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, OPTIONS.replace(b"icap://127.0.0.1:1344", b"")),
        (400, OPTIONS.replace(b"127.0.0.1:1344/", b"[::1/")),
        (400, b"garbage\r\n\r\n"),
        (400, whole(reqmod(CLEAN)).replace(b"Encapsulated", b"Encrusted")),
        (400, whole(reqmod(CLEAN)).replace(b"req-body=", b"req-body=9")),
        (400, whole(reqmod(CLEAN)).replace(b"\r\n%x\r\n" % len(CLEAN), b"\r\nzz\r\n")),
    ],
)
async def test_refusal_is_announced_as_the_last_answer(status: int, sent: bytes) -> None:
    (answer,) = responses(await talk(sent))
    assert (status, "close", ()) == (answer.status, answer.headers.get("Connection"), answer.deviations)


async def test_method_that_is_not_offered_is_refused() -> None:
    scanner = Scanner(offers=(("Methods", "RESPMOD"),))
    sent = whole(respmod(CLEAN, ALLOW)) + whole(reqmod(CLEAN, ALLOW, preview=0))
    assert [204, 405] == [answer.status for answer in responses(await talk(sent, scanner=scanner))]


async def test_body_over_the_cap_is_refused() -> None:
    limits = Limits(body_kept=1000, body_total=1000)
    (fits,) = responses(await talk(whole(reqmod(b"x" * 1000, ALLOW)), limits=limits))
    (too_large,) = responses(await talk(whole(reqmod(b"x" * 1001, ALLOW)), limits=limits))
    assert (204, 413) == (fits.status, too_large.status)

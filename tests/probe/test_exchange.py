"""One transaction over a stream: what the clock, the peer and the network can do to it."""

from __future__ import annotations

import itertools

import pytest
import trio

from icapdiag.facts.connection import Transfer
from icapdiag.icap.request import avi_reqmod, http_post
from icapdiag.probe.connection.exchange import ExchangeResult, exchange_messages
from icapdiag.vocabulary import Reason, Status
from tests.probe.fakes import ScriptedStream, reset

BODY = b"0123456789"
CLEAN = b'ICAP/1.0 204 Unmodified\r\nISTag: "t"\r\n\r\n'
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
HEAD = b"HTTP/1.1 403 Forbidden\r\n\r\n"
BLOCK = b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n' % len(HEAD) + HEAD


async def talk(
    stream: ScriptedStream,
    *,
    preview: int | None = 5000,
    timeout: float = 10.0,  # noqa: ASYNC109
    sent_body: bytes | None = None,
) -> ExchangeResult:
    request = avi_reqmod(
        "10.0.0.5", 1344, "/s", http_request=http_post("h.test", "/", len(BODY)), body=BODY, preview_size=preview
    )
    return await exchange_messages(stream, request, timeout=timeout, sent_body=sent_body)


def ended(result: ExchangeResult) -> tuple[Status, str | None, int | None]:
    response = result.response
    return result.status, result.reason, response.status if response else None


async def test_a_plain_answer(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([0.02, CLEAN])

    result = await talk(stream)

    assert (Status.OK, None, 204) == ended(result)
    assert result.answer.complete_body_sent is True
    assert result.transfer == Transfer(
        bytes_sent=len(stream.sent),
        bytes_received=len(CLEAN),
        continued=False,
        first_byte_ms=20.0,
        answer_ms=20.0,
        answer_application_ms=20.0,
        answer_clock="application",
        answer_uncertain=True,
    )


async def test_the_rest_follows_a_100(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([CONTINUE, 0.1, CLEAN])

    result = await talk(stream, preview=4)

    assert (Status.OK, None, 204) == ended(result)
    assert stream.sent.endswith(b"4\r\n0123\r\n0\r\n\r\n6\r\n456789\r\n0\r\n\r\n")
    assert (True, True) == (result.transfer.continued, result.answer.complete_body_sent)


async def test_a_204_to_the_preview_leaves_the_body_unsent(autojump_clock: trio.testing.MockClock) -> None:
    result = await talk(ScriptedStream([CLEAN]), preview=4)

    assert result.answer.complete_body_sent is False


@pytest.mark.parametrize(
    ("steps", "expected", "received"),
    [
        ([60.0], (Status.FAILED, Reason.TIMEOUT, None), 0),
        (
            list(itertools.chain.from_iterable((b"I", 0.5) for _ in range(60))),
            (Status.FAILED, Reason.NOT_ICAP, None),
            16,
        ),
        ([b"ICAP/1.0 404 Not found\r\n", 60.0], (Status.FAILED, Reason.TIMEOUT, 404), 24),
        ([], (Status.FAILED, Reason.CLOSED, None), 0),
        ([reset()], (Status.FAILED, Reason.RESET, None), 0),
        ([b"ICAP/1.0 200 OK\r\n", reset()], (Status.FAILED, Reason.RESET, 200), 17),
        ([BLOCK + b"5\r\nhel"], (Status.FAILED, Reason.CLOSED, 200), len(BLOCK) + 6),
        ([BLOCK + b"zz\r\n"], (Status.FAILED, Reason.PROTOCOL, 200), len(BLOCK) + 4),
        ([b"HTTP/1.1 400 Bad\r\n\r\n"], (Status.FAILED, Reason.NOT_ICAP, None), 20),
        ([b"ICAP/1.0 503 Busy\r\nISTag: x\r\n\r\n"], (Status.FAILED, Reason.ICAP_STATUS, 503), 31),
        (
            [b"ICAP/1.0 500 Server error\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\n"],
            (Status.FAILED, Reason.ICAP_STATUS, 500),
            66,
        ),
        ([b"X: y\r\n" * 20000], (Status.FAILED, Reason.NOT_ICAP, None), 120000),
        ([b"ICAP/1.0 200 OK\r\n" + b"X: y\r\n" * 20000], (Status.FAILED, Reason.TOO_LARGE, None), 120017),
    ],
)
async def test_endings(
    autojump_clock: trio.testing.MockClock,
    steps: list[bytes | float | Exception],
    expected: tuple[Status, str | None, int | None],
    received: int,
) -> None:
    result = await talk(ScriptedStream(steps))

    assert expected == ended(result)
    assert received == result.transfer.bytes_received


async def test_a_dripping_server_does_not_outlast_the_timeout(autojump_clock: trio.testing.MockClock) -> None:
    drip: list[bytes | float] = []
    for byte in CLEAN * 100:
        drip += [0.5, bytes([byte])]
    started = trio.current_time()

    result = await talk(ScriptedStream(drip), timeout=10.0)

    assert (Status.FAILED, Reason.TIMEOUT, None, False) == (*ended(result), result.exchange.answering)
    assert 10.0 == trio.current_time() - started


async def test_an_endless_body_meets_the_cap(autojump_clock: trio.testing.MockClock) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    result = await talk(ScriptedStream([BLOCK] + [chunk] * 200))

    assert (Status.FAILED, Reason.TOO_LARGE, 200) == ended(result)
    assert "body-total" == result.answer.protocol_rule


async def test_an_answer_is_read_although_writing_failed(autojump_clock: trio.testing.MockClock) -> None:
    result = await talk(ScriptedStream([0.1, b"ICAP/1.0 404 Service not found\r\n\r\n"], fail_send=True))

    assert (Status.FAILED, Reason.ICAP_STATUS, 404) == ended(result)
    assert (True, 0) == (result.transfer.reset_after_answer, result.transfer.bytes_sent)


async def test_an_early_answer_ends_the_sending() -> None:
    """Both sides writing until their buffers are full is a deadlock that real clients have."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def server() -> None:
        await theirs.receive_some(10)
        await theirs.send_all(CLEAN)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server)
        body = b"x" * 1_000_000
        request = avi_reqmod(
            "10.0.0.5", 1344, "/s", http_request=http_post("h.test", "/", len(body)), body=body, preview_size=None
        )
        result = await exchange_messages(ours, request, timeout=5)

    assert (Status.OK, None, 204) == ended(result)


async def test_a_reset_met_while_writing_is_a_reset_and_not_a_close(autojump_clock: trio.testing.MockClock) -> None:
    result = await talk(ScriptedStream([0.1], fail_send=True))

    assert (Status.FAILED, Reason.RESET, None) == ended(result)


async def test_the_end_of_a_refusal_is_not_waited_for_as_long_as_an_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """e2guardian sends its 400 without the blank line that ends the head, and keeps the connection."""
    started = trio.current_time()
    result = await talk(ScriptedStream([b"ICAP/1.0 400 Bad request\r\n", 60.0]))

    assert (Status.FAILED, Reason.TIMEOUT, 400) == ended(result)
    assert trio.current_time() - started <= 1.1


async def test_a_refusal_whose_head_has_ended_has_all_its_time(autojump_clock: trio.testing.MockClock) -> None:
    head = b"ICAP/1.0 403 Forbidden\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n" % len(HEAD) + HEAD
    result = await talk(ScriptedStream([head[:30], 0.5, head[30:], 5.0, b"1\r\nx\r\n0\r\n\r\n"]))

    assert (Status.FAILED, Reason.ICAP_STATUS, 403) == ended(result)


@pytest.mark.parametrize("server", ["C-ICAP/0.5.12", "Sophos ICAP", "Kaspersky Scan Engine"])
@pytest.mark.parametrize("wait", [0.0, 0.4])
async def test_a_block_page_behind_null_body_is_never_clean(
    autojump_clock: trio.testing.MockClock, server: str, wait: float
) -> None:
    says_nothing = b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nServer: %b\r\nEncapsulated: null-body=0\r\n\r\n' % server.encode()
    page = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nstop"
    steps: list[bytes | float | Exception] = (
        [says_nothing, wait, page[:9], page[9:], 60.0] if wait else [says_nothing + page, 60.0]
    )

    result = await talk(ScriptedStream(steps), sent_body=BODY)

    assert ("blocked", 403) == (result.answer.verdict, result.answer.http_status)
    assert "content-after-null-body" in (result.answer.deviation_rules or ())


async def test_nothing_behind_null_body_is_waited_for_no_longer_than_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    started = trio.current_time()

    result = await talk(
        ScriptedStream([b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: null-body=0\r\n\r\n', 60.0]), sent_body=BODY
    )

    assert ("allowed", ()) == (result.answer.verdict, result.answer.deviation_rules)
    assert trio.current_time() - started <= 1.0

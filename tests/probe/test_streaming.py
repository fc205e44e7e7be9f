"""Large bodies over a connection: sent while they are echoed, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from icapdiag.icap.message import Limits
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import clean_body
from icapdiag.icap.verdict import judge
from icapdiag.probe.connection.exchange import exchange_messages
from icapdiag.vocabulary import Reason, Status

MIB = 1024 * 1024
LIMITS = Limits(body_kept=4096, body_total=10 * MIB)
CLEAN = b'ICAP/1.0 204 Unmodified\r\nISTag: "t"\r\n\r\n'


def upload(size: int, preview: int | None) -> PreparedRequest:
    http = http_post("www.example.test", "/upload", size)
    return avi_reqmod("127.0.0.1", 1344, "/s", http_request=http, body=clean_body(size), preview_size=preview)


@asynccontextmanager
async def serving(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[trio.SocketStream]:
    """A connection to a server that does this with each of its own."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        async with await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1]) as stream:
            yield stream
        nursery.cancel_scope.cancel()


async def echo(stream: trio.SocketStream) -> None:
    """Streams a body without a preview back while it comes, and keeps nothing of it."""
    received = b""
    while (at := received.find(b"\r\n\r\n", received.find(b"\r\n\r\n") + 1)) < 0:
        received += bytes(await stream.receive_some(1000))
    inner = received[received.index(b"\r\n\r\n") + 4 : at + 4]
    head = b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: req-hdr=0, req-body=%d\r\n\r\n' % len(inner)
    await stream.send_all(head + inner + received[at + 4 :])
    async for data in stream:
        await stream.send_all(data)


@pytest.mark.parametrize("size", [0, 1, 65_536, 8 * MIB])
async def test_up_and_back_in_constant_memory(size: int) -> None:
    request = upload(size, None)
    async with serving(echo) as stream:
        tracemalloc.start()
        try:
            talk = await exchange_messages(stream, request, timeout=30, limits=LIMITS)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    response = talk.response
    assert response is not None
    assert (Status.OK, size, True) == (talk.status, response.body_size, talk.answer.complete_body_sent)
    assert request.size_at_once == talk.transfer.bytes_sent
    assert min(size, LIMITS.body_kept) == len(response.body)
    assert "allowed" == judge(response, sent_body=clean_body(size), method="REQMOD").verdict
    assert peak < 1.5 * MIB  # a few pieces on either side; it is no less for 64 KiB than for 8 MiB


async def test_an_answer_to_the_preview_leaves_the_stream_here() -> None:
    async def decided(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(CLEAN)

    request = upload(8 * MIB, 100)
    async with serving(decided) as stream:
        talk = await exchange_messages(stream, request, timeout=30, limits=LIMITS)

    assert (Status.OK, len(request.first), False, False) == (
        talk.status,
        talk.transfer.bytes_sent,
        talk.transfer.continued,
        talk.answer.complete_body_sent,
    )


async def test_an_early_answer_ends_the_stream() -> None:
    async def decided(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(b'ICAP/1.0 413 Too large\r\nISTag: "t"\r\n\r\n')
        await trio.sleep(30)

    async with serving(decided) as stream:
        talk = await exchange_messages(stream, upload(64 * MIB, None), timeout=30, limits=LIMITS)

    assert (Status.FAILED, Reason.ICAP_STATUS) == (talk.status, talk.reason)
    sent = talk.transfer.bytes_sent
    assert isinstance(sent, int)
    assert (True, False) == (sent < 64 * MIB, talk.answer.complete_body_sent)


async def test_a_server_that_stops_reading_is_told_from_one_that_is_slow(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The time since the kernel, or a stream's buffer, last took something says which it was."""
    ours, theirs = trio.testing.lockstep_stream_pair()

    async def reads(pause: float, least: int) -> None:
        got = 0
        while got < least:
            got += len(await theirs.receive_some(64 * 1024))
            await trio.sleep(pause)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reads, 0.1, 200_000)
        stalled = await exchange_messages(ours, upload(MIB, None), timeout=10, limits=LIMITS)
        nursery.cancel_scope.cancel()
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reads, 0.9, MIB)
        slow = await exchange_messages(ours, upload(MIB, None), timeout=10, limits=LIMITS)
        nursery.cancel_scope.cancel()

    assert [Reason.TIMEOUT, Reason.TIMEOUT] == [stalled.reason, slow.reason]
    assert (True, True) == (stalled.sending, slow.sending)
    assert stalled.idle > 9
    assert slow.idle < 2

"""One ICAP exchange: sends while reading, stops in time, keeps what was read, and records it if requested.

`exchange_messages` does this over an open stream, `transact` on a new connection, as Avi does.
"""

from __future__ import annotations

import re
import ssl
import time
from contextlib import suppress

import trio
from msgspec import Struct, field

from icapdiag.facts.answer import Answer
from icapdiag.facts.answered import answer_facts, verdict_facts
from icapdiag.facts.clock import clock_facts
from icapdiag.facts.connection import NoAnswer, Transfer
from icapdiag.icap.body import Body
from icapdiag.icap.client import Exchange, State
from icapdiag.icap.message import CapExceeded, Limits, NotICAP, PeerClosed, ProtocolError, Response
from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context, Failure, Outcome, found_in
from icapdiag.probe.connection.connect import ConnectError, describe, open_connection, stream_failure
from icapdiag.probe.connection.stream import TimestampedStream, transport_of
from icapdiag.probe.connection.tcp import half_close, no_answer_facts, tcp_info
from icapdiag.probe.connection.timing import Stopwatch
from icapdiag.probe.recorder import ConnectionRecorder
from icapdiag.vocabulary import Reason, Status

# Our bodies are tiny, so an answer of more than this is not one of ours echoed.
PROBE_LIMITS = Limits(body_kept=64 * 1024, body_total=8 * 1024 * 1024)
_READ = 64 * 1024
_AT_ONCE = 4096  # bytes: no kernel's send buffer is smaller
_EXCERPT = 120
ENDING = 1.0  # seconds from the status line of a refusal to the end of its head, which some servers never send
_UNREAD = {NotICAP: Reason.NOT_ICAP, PeerClosed: Reason.CLOSED, CapExceeded: Reason.TOO_LARGE}
_REFUSAL = re.compile(rb"\s*ICAP/1\.\d [45]\d\d[^\n]*\n")


class Transaction(Struct, kw_only=True):
    """The result of one request. ``failure`` None: a complete answer with a status below 400."""

    failure: Failure | None
    transfer: Transfer
    answer: Answer
    no_answer: NoAnswer = field(default_factory=NoAnswer)

    @property
    def status(self) -> Status:
        return Status.OK if self.failure is None else self.failure.status

    @property
    def reason(self) -> Reason | None:
        return None if self.failure is None else self.failure.reason

    @property
    def error(self) -> str | None:
        return None if self.failure is None else self.failure.error


class ExchangeResult(Transaction):
    """The result on an open connection. ``response`` is the final answer, as far as it could be read.

    ``sending``: it ended before all that could be sent was sent; ``idle``: for how many seconds the kernel
    had accepted no more of the request by then.
    """

    exchange: Exchange
    response: Response | None
    sending: bool
    idle: float


class _Running:
    """An exchange in progress, with its bytes and times. ``scope`` ends it, also some seconds into a refusal."""

    def __init__(self, stream: trio.abc.Stream, exchange: Exchange, scope: trio.CancelScope, ending: float) -> None:
        self.stream = stream
        self.exchange = exchange
        self.scope, self.whole, self.ending = scope, scope.deadline, ending
        self.started = trio.current_time()
        self.started_at = time.time()  # of the wall clock, to hold the server's Date against
        self.first_byte: float | None = None
        self.sent = 0
        self.last_sent = self.started  # when the kernel last took something
        self.sending = False  # a part of the request that may go out has not gone out yet
        self.excerpt = b""
        self.send_failure: Failure | None = None
        self.unread = Answer()  # of an answer that can't be read: why
        self.watch = Stopwatch()
        self.released = trio.Event()  # by a 100 Continue

    async def run(self) -> Failure | None:
        """Until the answer is complete (None) or something ends the exchange."""
        if self._is_taken_at_once():
            await self._send_pieces()
            return await self._listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send)
            failure = await self._listen()
            nursery.cancel_scope.cancel()  # an early answer: the rest of the body is not wanted
        return failure

    def _is_taken_at_once(self) -> bool:
        """Whether the kernel accepts the whole request at once, so that sending needs no separate task."""
        request, ours = self.exchange.request, isinstance(self.stream, TimestampedStream)
        return ours and not request.withholds and request.stream is None and len(request.first) <= _AT_ONCE

    async def _listen(self) -> Failure | None:
        while not self.exchange.done:
            try:
                data = bytes(await receive_recorded(self.stream, _READ))
            except trio.BrokenResourceError as exc:
                if not isinstance(exc.__cause__, ssl.SSLEOFError):
                    return stream_failure(exc)
                data = b""  # TLS closed without close_notify
            try:
                if not data:
                    self.exchange.receive_eof()
                    return None
                self._received(data)
            except ProtocolError as exc:
                self.unread = Answer(protocol_rule=exc.rule, peer=exc.peer if isinstance(exc, NotICAP) else None)
                return Failure(
                    next((_UNREAD[kind] for kind in _UNREAD if isinstance(exc, kind)), Reason.PROTOCOL), exc.detail
                )
            if self.exchange.state is State.REST and not self.released.is_set():
                self.watch.continued()
                self.released.set()
        if self.exchange.nothing_returns:
            await self._receive_content()
        return None

    async def _receive_content(self) -> None:
        """Read what follows an answer that announces no body: some servers send their block page there."""
        with trio.move_on_after(self.ending), suppress(trio.BrokenResourceError, ProtocolError):
            while self.exchange.nothing_returns and len(self.exchange.excess) < _READ:
                if not (data := bytes(await receive_recorded(self.stream, _READ))):
                    return
                self._received(data)

    def _received(self, data: bytes) -> None:
        self.watch.received(self.stream)
        if self.first_byte is None:
            self.first_byte = trio.current_time()
        self.excerpt += data[: _EXCERPT - len(self.excerpt)]
        self.exchange.receive(data)
        if self.exchange.answering:
            self.scope.deadline = self.whole
        elif self.scope.deadline == self.whole and _REFUSAL.match(self.excerpt):  # its head may never end
            self.scope.deadline = min(self.whole, trio.current_time() + self.ending)

    async def _send(self) -> None:
        """Send the request, and the rest once the server asks for it."""
        await self._send_pieces()
        if self.send_failure is None:
            await self.released.wait()
            await self._send_pieces()

    async def _send_pieces(self) -> None:
        """What may be sent by now."""
        self.sending = True
        for piece in self.exchange.pieces():
            self.watch.sending(self.stream)
            try:
                await send_recorded(self.stream, piece)
            except trio.BrokenResourceError as exc:
                self.send_failure = stream_failure(exc)  # the reader finds out what the peer had to say
                return
            self.sent += len(piece)
            self.last_sent = trio.current_time()
        self.sending = False

    def transfer(self, response: Response | None) -> Transfer:
        """Bytes and times; ``response``: an answer with a complete head."""
        transfer = Transfer(
            bytes_sent=self.sent,
            bytes_received=self.exchange.received,
            continued=self.exchange.continued,
            reset_after_answer=True if self.send_failure and self.exchange.done else None,
        )
        if (transport := transport_of(self.stream)) is not None:
            transfer.syn_retries = transport.syn_retries or None
            info = tcp_info(transport.socket)
            transfer.segments_lost = (info and info.lost) or None
        if self.first_byte is None:
            return transfer
        waited = self.first_byte - self.started
        transfer.first_byte_ms = round(waited * 1000, 3)
        date = None if response is None else response.headers.get("Date")
        return transfer | self.watch.facts() | clock_facts(date, self.started_at, self.started_at + waited)


async def exchange_messages(
    stream: trio.abc.Stream,
    request: PreparedRequest,
    *,
    timeout: float,  # noqa: ASYNC109
    ending: float = ENDING,
    limits: Limits = PROBE_LIMITS,
    sent_body: bytes | Body | None = None,
) -> ExchangeResult:
    """Send the request and read the answer within ``timeout`` seconds in all, however slowly it arrives.

    ``sent_body`` (decoded) adds the verdict on it if the head of the answer is complete: missing headers could
    contradict the others. After the status line of a refusal, the rest of its head gets ``ending`` more seconds.

    The body is sent while the answer is being read: a server may answer early, and two
    sides that both only write deadlock. An answer followed by a reset is still read:
    reading continues after a failed write.
    """
    exchange = Exchange(request, limits=limits)
    if (recorder := recorder_of(stream)) is not None:
        recorder.request(request)
    failure: Failure | None = None
    with trio.move_on_after(timeout) as scope:
        running = _Running(stream, exchange, scope, ending)
        failure = await running.run()
    if scope.cancelled_caught:
        waited = min(timeout, round(trio.current_time() - running.started, 1))
        failure = Failure(Reason.TIMEOUT, f"no complete answer within {waited:g} s")
    response = exchange.response or exchange.salvage()
    failure = failure or _ending(exchange)
    if running.send_failure and failure and failure.reason is Reason.CLOSED and not exchange.received:
        failure = running.send_failure  # writing met the reset, which leaves an end of stream to reading
    answer = answer_facts(exchange, response) | running.unread
    answer.complete_body_sent = (
        exchange.whole_body_sent
        and running.send_failure is None
        and not (running.sending and request.stream is not None)  # cut off by the answer, or by the time
    )
    if failure and failure.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        answer.peer_excerpt = running.excerpt.decode("latin-1")
    if response is not None and exchange.answering and sent_body is not None:
        answer |= verdict_facts(response, sent_body, method=request.method)
    return ExchangeResult(
        failure=failure,
        transfer=running.transfer(response if exchange.answering else None),
        answer=answer,
        exchange=exchange,
        response=response,
        sending=running.sending,
        idle=trio.current_time() - running.last_sent,
    )


def _ending(exchange: Exchange) -> Failure | None:
    """What is wrong with an answer that was read to its end or until the peer closed."""
    response = exchange.response
    assert response is not None  # noqa: S101 - the exchange is done
    if response.status >= 400:
        return Failure(Reason.ICAP_STATUS)
    if not response.complete:
        return Failure(Reason.CLOSED, "the peer closed before the end of its answer")
    return None


def answered(outcome: Outcome) -> bool:
    """Whether an ICAP server answered, even with a refusal: then the next probes make sense.

    A refusal counts once its status line was read: e2guardian never ends the head of its 400.
    """
    return outcome.status is Status.OK or (found_in(outcome.facts, Answer).icap_status or 0) >= 400


def recorder_of(stream: trio.abc.Stream) -> ConnectionRecorder | None:
    """The recorder, if any."""
    transport = transport_of(stream)
    return None if transport is None else transport.recorder


async def send_recorded(stream: trio.abc.Stream, data: bytes) -> None:
    """Raises trio.BrokenResourceError."""
    recorder = recorder_of(stream)
    try:
        await stream.send_all(data)
    except trio.BrokenResourceError as exc:
        if recorder is not None:
            recorder.event(f"could not send {len(data)} bytes: {describe(exc.__cause__ or exc)}")
        raise
    if recorder is not None:
        recorder.sent(data)


async def receive_recorded(stream: trio.abc.Stream, most: int) -> bytes | bytearray:
    """Returns b"" at the end of the stream. Raises trio.BrokenResourceError."""
    recorder = recorder_of(stream)
    try:
        data = await stream.receive_some(most)
    except trio.BrokenResourceError as exc:
        if recorder is not None:
            recorder.event(f"could not receive: {describe(exc.__cause__ or exc)}")
        raise
    if recorder is not None:
        recorder.received(data)
    return data


async def transact(
    context: Context,
    request: PreparedRequest,
    *,
    sent_body: bytes | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - seconds for request and answer
    ending: float = ENDING,
    closing: float = 0.0,
    look: bool = False,
    proxied: bool = False,
) -> Transaction:
    """Send the request and read the answer; ``sent_body`` and ``ending`` as in `exchange_messages`.

    ``timeout`` None: from the settings; the member's deadline takes precedence. ``closing``: how many seconds the
    server has to close after its answer, as requested; until then it may count the connection. ``look``: get what
    the kernel knows of the peer, if there was no answer in time and at the end. ``proxied`` as in
    `open_connection`. It does not wait for the rate limit: see `Context.wait_for_rate`.
    """
    try:
        stream = await open_connection(context, proxied=proxied)
    except ConnectError as exc:
        nothing = Transfer(bytes_sent=0, bytes_received=0)
        return Transaction(failure=exc.failure, transfer=nothing, answer=Answer(method=request.method))
    limit = context.time_for(context.settings.timeout if timeout is None else timeout)
    try:
        result = await exchange_messages(stream, request, timeout=limit, ending=ending, sent_body=sent_body)
        if look and result.reason is Reason.TIMEOUT and not result.transfer.bytes_received:
            result.no_answer = await no_answer_facts(context, stream)
        if look and result.failure is None:
            await half_close(context, stream)
        if closing:
            with trio.move_on_after(closing), suppress(trio.BrokenResourceError):
                await receive_recorded(stream, 1)
    finally:
        await trio.aclose_forcefully(stream)
    return result

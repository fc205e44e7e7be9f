"""One ICAP transaction over an open stream: send while reading, stop in time, keep what was read."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass

import trio

from icapdiag.icap.client import Exchange, State
from icapdiag.icap.errors import CapExceeded, NotICAP, PeerClosed, ProtocolError
from icapdiag.icap.limits import Limits
from icapdiag.icap.message import Response
from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Facts, Outcome, failed, ok
from icapdiag.probe.connection.clock import clock_facts
from icapdiag.probe.connection.failures import stream_failure
from icapdiag.probe.connection.pipe import line_of, receive, send
from icapdiag.probe.connection.timing import Stopwatch
from icapdiag.probe.connection.wire import WireStream
from icapdiag.vocabulary import Reason, Status

# Our bodies are tiny, so an answer of more than this is not one of ours echoed.
PROBE_LIMITS = Limits(body_kept=64 * 1024, body_total=8 * 1024 * 1024)
_READ = 64 * 1024
_AT_ONCE = 4096  # bytes: no kernel's send buffer is smaller
_EXCERPT = 120
ENDING = 1.0  # seconds from the status line of a refusal to the end of its head, which some servers never send
_REFUSAL = re.compile(rb"\s*ICAP/1\.\d [45]\d\d[^\n]*\n")


@dataclass(slots=True)
class Conversation:
    """How it went. ``response`` is the final answer, or as much of it as could be read.

    ``head_read`` tells whether its head came whole: headers that are still missing may say
    the opposite of what a part of them says. ``sending``: it ended before all was out that might go out;
    ``idle`` is for how many seconds the kernel had taken nothing more of the request by then.
    """

    exchange: Exchange
    outcome: Outcome
    response: Response | None
    head_read: bool
    facts: Facts
    sending: bool = False
    idle: float = 0.0


class _Recorder:
    """Bytes and times of one conversation."""

    def __init__(self) -> None:
        self.started = trio.current_time()
        self.started_at = time.time()  # of the wall clock, to hold the server's Date against
        self.first_byte: float | None = None
        self.sent = 0
        self.last_sent = self.started  # when the kernel last took something
        self.sending = False  # a part of the request that may go out has not gone out yet
        self.excerpt = b""
        self.send_failure: Outcome | None = None
        self.watch = Stopwatch()

    def received(self, data: bytes, stream: trio.abc.Stream) -> None:
        self.watch.received(stream)
        if self.first_byte is None:
            self.first_byte = trio.current_time()
        if len(self.excerpt) < _EXCERPT:
            self.excerpt += data[: _EXCERPT - len(self.excerpt)]


class _Patience:
    """How long an answer is waited for: less from the status line of a refusal to the end of its head."""

    def __init__(self, scope: trio.CancelScope, ending: float) -> None:
        self._scope = scope
        self._whole = scope.deadline
        self._ending = ending
        self._hurried = False

    def read(self, excerpt: bytes, *, head_ended: bool) -> None:
        """Call after each read, with the first bytes of all."""
        if head_ended:
            self._scope.deadline = self._whole
        elif not self._hurried and _REFUSAL.match(excerpt):
            self._hurried = True
            self._scope.deadline = min(self._whole, trio.current_time() + self._ending)


async def converse(
    stream: trio.abc.Stream,
    request: PreparedRequest,
    *,
    timeout: float,  # noqa: ASYNC109
    ending: float = ENDING,
    limits: Limits = PROBE_LIMITS,
) -> Conversation:
    """Send the request and read the answer within ``timeout`` seconds in all, however it drips.

    Of a refusal little is missing once its status line is there: its head is given ``ending`` seconds more.

    The body is sent while the answer is being read: a server may answer early, and two
    sides that both only write block each other for good. An answer followed by a reset is
    read: after a failed write the reading goes on.
    """
    exchange = Exchange(request, limits=limits)
    if (line := line_of(stream)) is not None:
        line.request(request)
    recorder = _Recorder()
    outcome: Outcome | None = None
    with trio.move_on_after(timeout) as scope:
        outcome = await _talk(stream, exchange, recorder, _Patience(scope, ending))
    if scope.cancelled_caught:
        waited = min(timeout, round(trio.current_time() - recorder.started, 1))
        outcome = failed(Reason.TIMEOUT, {"error": f"no complete answer within {waited:g} s"})
    head_read = exchange.answering
    response = exchange.response or exchange.salvage()
    facts: Facts = {
        "bytes_sent": recorder.sent,
        "bytes_received": exchange.received,
        "complete_body_sent": (
            exchange.whole_body_sent
            and recorder.send_failure is None
            and not (recorder.sending and request.stream is not None)  # cut off by the answer, or by the time
        ),
        "continued": exchange.continued,
    }
    if recorder.first_byte is not None:
        waited = recorder.first_byte - recorder.started
        facts["first_byte_ms"] = round(waited * 1000, 3)
        facts |= recorder.watch.facts()
        if response is not None and head_read:
            facts |= clock_facts(response.headers.get("Date"), recorder.started_at, recorder.started_at + waited)
    outcome = outcome or _ending(exchange)
    if recorder.send_failure and outcome.reason is Reason.CLOSED and not exchange.received:
        outcome = recorder.send_failure  # writing met the reset, which leaves an end of stream to reading
    if outcome.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        facts["peer_excerpt"] = recorder.excerpt.decode("latin-1")
    if recorder.send_failure and exchange.done:
        facts["reset_after_answer"] = True
    facts |= outcome.facts
    return Conversation(
        exchange, outcome, response, head_read, facts, recorder.sending, trio.current_time() - recorder.last_sent
    )


async def _talk(
    stream: trio.abc.Stream, exchange: Exchange, recorder: _Recorder, patience: _Patience
) -> Outcome | None:
    """Until the answer is complete (None) or something ends the conversation."""
    if _is_taken_at_once(stream, exchange.request):
        await _send_pieces(stream, exchange, recorder)
        return await _listen(stream, exchange, None, recorder, patience)
    released = trio.Event()  # by a 100 Continue
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, stream, exchange, released, recorder)
        outcome = await _listen(stream, exchange, released, recorder, patience)
        nursery.cancel_scope.cancel()  # an early answer: the rest of the body is not wanted
    return outcome


def _is_taken_at_once(stream: trio.abc.Stream, request: PreparedRequest) -> bool:
    """Whether the kernel has room for all of the request, so that it needs no task of its own, which costs as much."""
    return (
        isinstance(stream, WireStream)
        and not request.withholds
        and request.stream is None
        and len(request.first) <= _AT_ONCE
    )


async def _listen(
    stream: trio.abc.Stream,
    exchange: Exchange,
    released: trio.Event | None,
    recorder: _Recorder,
    patience: _Patience,
) -> Outcome | None:
    while not exchange.done:
        try:
            data = bytes(await receive(stream, _READ))
        except trio.BrokenResourceError as exc:
            if not isinstance(exc.__cause__, ssl.SSLEOFError):
                return stream_failure(exc)
            data = b""  # TLS closed without close_notify
        try:
            if not data:
                exchange.receive_eof()
                return None
            recorder.received(data, stream)
            exchange.receive(data)
            patience.read(recorder.excerpt, head_ended=exchange.answering)
        except ProtocolError as exc:
            return protocol_failure(exc)
        if released is not None and exchange.state is State.REST and not released.is_set():
            recorder.watch.continued()
            released.set()
    return None


async def _send(stream: trio.abc.Stream, exchange: Exchange, released: trio.Event, recorder: _Recorder) -> None:
    """The request, and the rest once the server asks for it."""
    await _send_pieces(stream, exchange, recorder)
    if recorder.send_failure is None:
        await released.wait()
        await _send_pieces(stream, exchange, recorder)


async def _send_pieces(stream: trio.abc.Stream, exchange: Exchange, recorder: _Recorder) -> None:
    """What may be sent by now."""
    recorder.sending = True
    for piece in exchange.pieces():
        recorder.watch.sending(stream)
        try:
            await send(stream, piece)
        except trio.BrokenResourceError as exc:
            recorder.send_failure = stream_failure(exc)  # the reader finds out what the peer had to say
            return
        recorder.sent += len(piece)
        recorder.last_sent = trio.current_time()
    recorder.sending = False


def protocol_failure(exc: ProtocolError) -> Outcome:
    """What can't be read, as an outcome."""
    facts: Facts = {"error": exc.detail, "protocol_rule": exc.rule}
    if isinstance(exc, NotICAP):
        return failed(Reason.NOT_ICAP, facts | {"peer": exc.peer})
    if isinstance(exc, PeerClosed):
        return failed(Reason.CLOSED, facts)
    if isinstance(exc, CapExceeded):
        return failed(Reason.TOO_LARGE, facts)
    return failed(Reason.PROTOCOL, facts)


def _ending(exchange: Exchange) -> Outcome:
    """The outcome of an answer that was read to its end, or to the peer's close."""
    response = exchange.response
    assert response is not None  # noqa: S101 - the exchange is done
    if response.status >= 400:
        return failed(Reason.ICAP_STATUS)
    if not response.complete:
        return failed(Reason.CLOSED, {"error": "the peer closed before the end of its answer"})
    return ok()


def answered(outcome: Outcome) -> bool:
    """Whether an ICAP server answered, if only to refuse: what comes after can still be tried.

    A refusal counts as soon as its status line was read: e2guardian never ends the head of its 400.
    """
    status = outcome.facts.get("icap_status")
    return outcome.status is Status.OK or (isinstance(status, int) and status >= 400)

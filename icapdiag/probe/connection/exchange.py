"""One ICAP exchange: send while reading, stop in time, keep what was read, and record it where that is asked for.

`exchange_messages` does it over an open stream; `transact` on a connection of its own, as Avi has each.
"""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass

import trio

from icapdiag.icap.client import Exchange, State
from icapdiag.icap.message import CapExceeded, Limits, NotICAP, PeerClosed, ProtocolError, Response
from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context, Facts, Outcome, failed, ok
from icapdiag.probe.connection.answer import deviation_facts, response_facts, verdict_facts
from icapdiag.probe.connection.connect import ConnectError, describe, open_connection, stream_failure
from icapdiag.probe.connection.stream import TimestampedStream, transport_of
from icapdiag.probe.connection.timing import Stopwatch, clock_facts
from icapdiag.probe.recorder import ConnectionRecorder
from icapdiag.vocabulary import Reason, Status

# Our bodies are tiny, so an answer of more than this is not one of ours echoed.
PROBE_LIMITS = Limits(body_kept=64 * 1024, body_total=8 * 1024 * 1024)
_READ = 64 * 1024
_AT_ONCE = 4096  # bytes: no kernel's send buffer is smaller
_EXCERPT = 120
ENDING = 1.0  # seconds from the status line of a refusal to the end of its head, which some servers never send
_REFUSAL = re.compile(rb"\s*ICAP/1\.\d [45]\d\d[^\n]*\n")


@dataclass(slots=True)
class ExchangeResult:
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


class _Progress:
    """Bytes and times of one exchange."""

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


class _HeadDeadline:
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


async def exchange_messages(
    stream: trio.abc.Stream,
    request: PreparedRequest,
    *,
    timeout: float,  # noqa: ASYNC109
    ending: float = ENDING,
    limits: Limits = PROBE_LIMITS,
) -> ExchangeResult:
    """Send the request and read the answer within ``timeout`` seconds in all, however it drips.

    Of a refusal little is missing once its status line is there: its head is given ``ending`` seconds more.

    The body is sent while the answer is being read: a server may answer early, and two
    sides that both only write block each other for good. An answer followed by a reset is
    read: after a failed write the reading goes on.
    """
    exchange = Exchange(request, limits=limits)
    if (recorder := recorder_of(stream)) is not None:
        recorder.request(request)
    progress = _Progress()
    outcome: Outcome | None = None
    with trio.move_on_after(timeout) as scope:
        outcome = await _run(stream, exchange, progress, _HeadDeadline(scope, ending))
    if scope.cancelled_caught:
        waited = min(timeout, round(trio.current_time() - progress.started, 1))
        outcome = failed(Reason.TIMEOUT, {"error": f"no complete answer within {waited:g} s"})
    head_read = exchange.answering
    response = exchange.response or exchange.salvage()
    facts: Facts = {
        "bytes_sent": progress.sent,
        "bytes_received": exchange.received,
        "complete_body_sent": (
            exchange.whole_body_sent
            and progress.send_failure is None
            and not (progress.sending and request.stream is not None)  # cut off by the answer, or by the time
        ),
        "continued": exchange.continued,
    }
    if progress.first_byte is not None:
        waited = progress.first_byte - progress.started
        facts["first_byte_ms"] = round(waited * 1000, 3)
        facts |= progress.watch.facts()
        if response is not None and head_read:
            facts |= clock_facts(response.headers.get("Date"), progress.started_at, progress.started_at + waited)
    outcome = outcome or _ending(exchange)
    if progress.send_failure and outcome.reason is Reason.CLOSED and not exchange.received:
        outcome = progress.send_failure  # writing met the reset, which leaves an end of stream to reading
    if outcome.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        facts["peer_excerpt"] = progress.excerpt.decode("latin-1")
    if progress.send_failure and exchange.done:
        facts["reset_after_answer"] = True
    facts |= outcome.facts
    return ExchangeResult(
        exchange, outcome, response, head_read, facts, progress.sending, trio.current_time() - progress.last_sent
    )


async def _run(
    stream: trio.abc.Stream, exchange: Exchange, progress: _Progress, deadline: _HeadDeadline
) -> Outcome | None:
    """Until the answer is complete (None) or something ends the exchange."""
    if _is_taken_at_once(stream, exchange.request):
        await _send_pieces(stream, exchange, progress)
        return await _listen(stream, exchange, None, progress, deadline)
    released = trio.Event()  # by a 100 Continue
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, stream, exchange, released, progress)
        outcome = await _listen(stream, exchange, released, progress, deadline)
        nursery.cancel_scope.cancel()  # an early answer: the rest of the body is not wanted
    return outcome


def _is_taken_at_once(stream: trio.abc.Stream, request: PreparedRequest) -> bool:
    """Whether the kernel has room for all of the request, so that it needs no task of its own, which costs as much."""
    return (
        isinstance(stream, TimestampedStream)
        and not request.withholds
        and request.stream is None
        and len(request.first) <= _AT_ONCE
    )


async def _listen(
    stream: trio.abc.Stream,
    exchange: Exchange,
    released: trio.Event | None,
    progress: _Progress,
    deadline: _HeadDeadline,
) -> Outcome | None:
    while not exchange.done:
        try:
            data = bytes(await receive_recorded(stream, _READ))
        except trio.BrokenResourceError as exc:
            if not isinstance(exc.__cause__, ssl.SSLEOFError):
                return stream_failure(exc)
            data = b""  # TLS closed without close_notify
        try:
            if not data:
                exchange.receive_eof()
                return None
            progress.received(data, stream)
            exchange.receive(data)
            deadline.read(progress.excerpt, head_ended=exchange.answering)
        except ProtocolError as exc:
            return protocol_failure(exc)
        if released is not None and exchange.state is State.REST and not released.is_set():
            progress.watch.continued()
            released.set()
    return None


async def _send(stream: trio.abc.Stream, exchange: Exchange, released: trio.Event, progress: _Progress) -> None:
    """The request, and the rest once the server asks for it."""
    await _send_pieces(stream, exchange, progress)
    if progress.send_failure is None:
        await released.wait()
        await _send_pieces(stream, exchange, progress)


async def _send_pieces(stream: trio.abc.Stream, exchange: Exchange, progress: _Progress) -> None:
    """What may be sent by now."""
    progress.sending = True
    for piece in exchange.pieces():
        progress.watch.sending(stream)
        try:
            await send_recorded(stream, piece)
        except trio.BrokenResourceError as exc:
            progress.send_failure = stream_failure(exc)  # the reader finds out what the peer had to say
            return
        progress.sent += len(piece)
        progress.last_sent = trio.current_time()
    progress.sending = False


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


def recorder_of(stream: trio.abc.Stream) -> ConnectionRecorder | None:
    """Where what passes is recorded; None: nowhere."""
    transport = transport_of(stream)
    return None if transport is None else transport.recorder


async def send_recorded(stream: trio.abc.Stream, data: bytes) -> None:
    """Raises trio.BrokenResourceError."""
    recorder = recorder_of(stream)
    try:
        await stream.send_all(data)
    except trio.BrokenResourceError as exc:
        if recorder is not None:
            recorder.event(f"could not send {len(data)} bytes: {_why(exc)}")
        raise
    if recorder is not None:
        recorder.sent(data)


async def receive_recorded(stream: trio.abc.Stream, most: int) -> bytes | bytearray:
    """Empty at the end of the stream. Raises trio.BrokenResourceError."""
    recorder = recorder_of(stream)
    try:
        data = await stream.receive_some(most)
    except trio.BrokenResourceError as exc:
        if recorder is not None:
            recorder.event(f"could not receive: {_why(exc)}")
        raise
    if recorder is not None:
        if data:
            recorder.received(data)
        else:
            recorder.event("the server closed the connection")
    return data


def _why(exc: trio.BrokenResourceError) -> str:
    return describe(exc.__cause__ or exc)


async def transact(
    context: Context,
    request: PreparedRequest,
    *,
    sent_body: bytes | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - seconds for request and answer
    ending: float = ENDING,
) -> Outcome:
    """Send the request and read the answer; the facts say how it went, and what the answer says.

    ``sent_body`` (decoded) adds the verdict on it. ``timeout`` is that of the settings if it is None;
    the member's deadline comes first; ``ending`` as in `exchange_messages`. See `Context.wait_for_rate`.
    """
    try:
        stream = await open_connection(context)
    except ConnectError as exc:
        found = exc.outcome
        return Outcome(found.status, found.reason, {"bytes_sent": 0, "bytes_received": 0, **found.facts})
    limit = context.time_for(context.settings.timeout if timeout is None else timeout)
    try:
        result = await exchange_messages(stream, request, timeout=limit, ending=ending)
    finally:
        await trio.aclose_forcefully(stream)
    return Outcome(result.outcome.status, result.outcome.reason, result.facts | answer_facts(result, sent_body))


def answer_facts(result: ExchangeResult, sent_body: bytes | None = None) -> Facts:
    """What the answer says; where there is none, what the server did wrong before (a 100 that may not come)."""
    if result.response is None:
        return deviation_facts(result.exchange.deviations) if result.exchange.deviations else {}
    facts = response_facts(result.response, result.exchange)
    if result.head_read and sent_body is not None:
        facts |= verdict_facts(result.response, sent_body, method=result.exchange.request.method)
    return facts

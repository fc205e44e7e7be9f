"""keepalive: two uploads on one connection. Does it stay open, and is the second answer the second's?"""

from __future__ import annotations

import trio
from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.deep import Keepalive
from icapdiag.facts.standard import Sample
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import eicar
from icapdiag.probe.base import Context, Outcome, Probe, failed, ok
from icapdiag.probe.connection.connect import ConnectError, open_connection
from icapdiag.probe.connection.exchange import ExchangeResult, exchange_messages, receive_recorded
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.load import capacity_facts
from icapdiag.probe.probes.sample import scan_request
from icapdiag.vocabulary import Reason, Verdict

_FIRST = b"icapdiag: the first of two harmless lines on one connection.\n"
_SECOND = b"icapdiag: the second of two harmless lines, with a text of its own.\n"
_SETTLED = 0.25  # seconds after an answer in which a server that closes, or has more to say, does so
_ALLOWANCE = 2.0  # seconds that the member's deadline is put off for this probe
_READ = 4096
_EXCERPT = 120


class _Rest(Struct):
    """What came after an answer that was complete. ``ended`` tells whether the server closed, ``after`` how many s."""

    data: bytes = b""
    size: int = 0
    ended: bool = False
    after: float = 0.0


async def _run(context: Context) -> Outcome:
    await context.close()
    pair = "eicar-clean" if context.settings.eicar else "clean-clean"
    facts = Keepalive(pair=pair, demand=capacity_facts(context))
    try:
        stream = await open_connection(context)
    except ConnectError as exc:
        return failed(exc.failure, facts)
    try:
        first = await _ask(context, stream, 0)
        if first.response is None or not first.exchange.done or not first.response.complete:
            return Outcome(first.status, first.reason, replace(facts, error=first.error))
        facts |= await _second(context, stream, first)
        if facts.reuse == "honoured" and context.settings.idle:
            facts |= await _idle_facts(context, stream)
    finally:
        await trio.aclose_forcefully(stream)
    return ok(facts)


def _bodies(context: Context) -> tuple[bytes, bytes]:
    return eicar() if context.settings.eicar else _FIRST, _SECOND


def _requests(context: Context) -> tuple[PreparedRequest, PreparedRequest]:
    """Both without ``Connection: close``; the first one's answer has to be known again.

    Where it may not be EICAR, whose answer is a block, it is sent without a preview and without Allow: 204, so that
    the answer brings the body back (RFC 3507, 4.6).
    """
    if context.settings.eicar:
        first = scan_request(context, eicar(), close=False)
    else:
        first = scan_request(context, _FIRST, preview=False, allow=False, close=False)
    return first, scan_request(context, _SECOND, close=False)


async def _ask(context: Context, stream: trio.abc.Stream, number: int) -> ExchangeResult:
    timeout = context.time_for(context.settings.timeout)
    request, body = _requests(context)[number], _bodies(context)[number]
    return await exchange_messages(stream, request, timeout=timeout, sent_body=body)


async def _second(context: Context, stream: trio.abc.Stream, first: ExchangeResult) -> Keepalive:
    """What becomes of the connection after the first answer, and of the second request on it."""
    rest = await _listen(stream, _SETTLED)
    left_over = first.exchange.excess + rest.data
    announced = first.response is not None and "close" in (first.response.headers.get("Connection") or "").lower()
    facts = Keepalive(
        reuse="announced-close" if announced else "closed" if rest.ended else "honoured",
        extra_bytes=len(first.exchange.excess) + rest.size,
        extra_excerpt=left_over[:_EXCERPT].decode("latin-1") or None,
        closed_after_ms=round(rest.after * 1000, 3) if rest.ended else None,
        first_status=first.answer.icap_status,
        first_verdict=first.answer.verdict,
    )
    signs = ["bytes-left-over"] if left_over.strip(b"\r\n") else []
    if facts.reuse == "honoured":
        second = await _ask(context, stream, 1)
        signs += _signs(context, first, second)
        if second.reason in {Reason.CLOSED, Reason.RESET} and not second.exchange.received:
            facts.reuse = "closed"
        elif second.reason is Reason.TIMEOUT:
            facts.reuse = "unanswered"
        if second.head_read:
            facts.second_status = second.answer.icap_status
            facts.second_verdict = second.answer.verdict
    if signs:
        facts.reuse = "desynchronised"
    facts.desync_signs = tuple(signs)
    return facts


def _signs(context: Context, first: ExchangeResult, second: ExchangeResult) -> list[str]:
    """What shows that the second answer is not the second request's."""
    if second.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        return ["unreadable"]
    if second.response is None or not second.head_read:
        return []
    if second.response.body and second.response.body == _FIRST:
        return ["body-of-first"]
    clean = context.sheet("clean", Sample)
    blocked = first.answer.verdict == second.answer.verdict == Verdict.BLOCKED
    if blocked and clean is not None and clean.answer.verdict == Verdict.ALLOWED:
        return ["verdict-of-first"]
    return []


async def _idle_facts(context: Context, stream: trio.abc.Stream) -> Keepalive:
    """After how many seconds without a request the server closes, should it do so in time."""
    started = trio.current_time()
    rest = await _listen(stream, context.time_for(context.settings.idle))
    waited = trio.current_time() - started
    return Keepalive(
        idle_waited_s=round(waited, 1),
        idle_closed=rest.ended,
        idle_close_s=round(rest.after, 1) if rest.ended else None,
    )


async def _listen(stream: trio.abc.Stream, seconds: float) -> _Rest:
    """Read for so many seconds, or to the end of the stream."""
    rest = _Rest()
    started = trio.current_time()
    with trio.move_on_after(seconds):
        while not rest.ended:
            try:
                data = await receive_recorded(stream, _READ)
            except trio.BrokenResourceError:
                data = b""
            rest.data = (rest.data + data)[:_EXCERPT]
            rest.size += len(data)
            rest.ended = not data
    rest.after = trio.current_time() - started
    return rest


def _plan(context: Context) -> tuple[Planned, ...]:
    first, second = map(icap_message, _requests(context), _bodies(context))
    again = Planned(to=context.peer, messages=(second,), condition="on the same connection if it stays open")
    return context.connections(first), again


PROBE: Probe = Probe(
    name="keepalive",
    run=_run,
    plan=_plan,
    sends="two REQMODs on one connection, harmless lines of text, with --eicar EICAR and then a harmless one; "
    "with --idle SECONDS, silence to see when the server closes",
    depth="deep",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    more_time=lambda settings: _ALLOWANCE + settings.idle,
)
